const { availableParallelism } = require('node:os')

// IOREDIS=6 runs everything against the other supported major of ioredis.
const ioredis = process.env.IOREDIS === '6' ? { '^ioredis$': require.resolve('ioredis6') } : {}

/** @type {import('jest').Config} */
module.exports = {
  testEnvironment: 'node',
  testMatch: ['<rootDir>/{packages,examples}/*/test/**/*.test.ts', '<rootDir>/{testing,test}/**/*.test.ts'],
  testPathIgnorePatterns: ['/node_modules/', '/dist/'],
  transform: {
    '^.+\\.ts$': ['ts-jest', { tsconfig: '<rootDir>/tsconfig.json' }],
    '/node_modules/.+\\.js$': [
      'ts-jest',
      { tsconfig: { allowJs: true, module: 'commonjs', isolatedModules: true }, diagnostics: false },
    ],
  },
  // What is published as ES modules only is made CommonJS, which is what jest runs.
  transformIgnorePatterns: ['/node_modules/(?!(arktype|arkregex|@ark|devalue)/)'],
  moduleNameMapper: {
    '^server-events$': '<rootDir>/packages/core/src/index.ts',
    '^server-events/(.+)$': '<rootDir>/packages/core/src/$1/index.ts',
    '^@server-events/testing$': '<rootDir>/testing/src/index.ts',
    '^@server-events/(.+)$': '<rootDir>/packages/$1/src/index.ts',
    ...ioredis,
  },
  setupFilesAfterEnv: ['<rootDir>/testing/jest/second-try.js'],
  // For a hung test, not for a slow machine: what a test waits for gives up before, and says what it was.
  testTimeout: 180_000,
  // Tests wait more than they compute, so there are three times as many processes as cores. One process for all of them
  // would end at 2 GB, most of its time collecting garbage.
  maxWorkers: 3 * availableParallelism(),
  workerIdleMemoryLimit: '700MB',
  testSequencer: '<rootDir>/testing/jest/longest-first.js',
  reporters: ['default', '<rootDir>/testing/jest/unsteady-reporter.js'],
}
