// `npm run test:faults`: the whole list, controls and default options included, on both majors of ioredis in one run.
// What jest takes at the root only is no part of a project.
const {
  maxWorkers: _,
  workerIdleMemoryLimit,
  testTimeout,
  testSequencer,
  reporters,
  ...base
} = require('./jest.config.js')

const on = (major, ioredis) => ({
  ...base,
  rootDir: __dirname,
  displayName: `ioredis ${major}`,
  testMatch: ['<rootDir>/test/faults/*.test.ts'],
  moduleNameMapper: { ...base.moduleNameMapper, '^ioredis$': require.resolve(ioredis) },
  globals: { ENVIRONMENT: { FAULTS: 'all', IOREDIS: major } },
  setupFiles: ['<rootDir>/test/faults/support/environment.js'],
})

/** @type {import('jest').Config} */
module.exports = {
  projects: [on('5', 'ioredis'), on('6', 'ioredis6')],
  // They wait more than they work.
  maxWorkers: 3,
  workerIdleMemoryLimit,
  testTimeout,
  testSequencer,
  reporters,
}
