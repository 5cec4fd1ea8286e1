// Import directions: core knows no transport, the engine knows no ServerEvents, and nobody reaches past a front door.

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    {
      name: 'no-circular',
      comment:
        'Files that need each other are one file, or lack a third. Types may: a wait knows its name, a name its waits.',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'no-unresolvable',
      comment: 'An import that resolves to nothing escapes every other rule.',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
    {
      name: 'core-imports-nothing',
      comment: 'Core has no runtime dependency and knows no transport.',
      severity: 'error',
      from: { path: '^packages/core/src/' },
      to: { pathNot: '^packages/core/src/', dependencyTypesNot: ['core'] },
    },
    {
      name: 'engine-below-server-events',
      comment: 'ServerEvents knows the engine; the engine does not know ServerEvents.',
      severity: 'error',
      from: { path: '^packages/core/src/engine/' },
      to: { path: '^packages/core/src/(server-events|index)\\.' },
    },
    {
      name: 'packages-by-front-door',
      comment: 'Across packages only what the other one exports: never a deep path.',
      severity: 'error',
      from: { path: '^(packages/[^/]+|testing|examples/[^/]+)/' },
      to: {
        path: '^(packages/[^/]+|testing|examples/[^/]+)/',
        pathNot: ['^$1/', '^(packages/[^/]+|testing)/src/index\\.ts$'],
      },
    },
    {
      name: 'no-builds',
      comment: 'A build is imported by the name of its package, or tests and types would see two copies of a class.',
      severity: 'error',
      from: {},
      to: { path: '(^|/)(packages/[^/]+|testing|examples/[^/]+)/dist/' },
    },
    {
      name: 'transports-know-core-only',
      comment: 'A transport package builds on server-events and on no other package of ours.',
      severity: 'error',
      from: { path: '^packages/(?!core/)([^/]+)/src/' },
      to: { path: '^(packages|testing|examples)/', pathNot: ['^packages/$1/src/', '^packages/core/src/index\\.ts$'] },
    },
    {
      name: 'memory-without-ioredis',
      comment: 'MemoryTransport is for those who have no Redis.',
      severity: 'error',
      from: { path: '^packages/memory/' },
      to: { path: '(^|/)node_modules/ioredis|^packages/redis/' },
    },
    {
      name: 'src-without-tests',
      comment: 'What is published must not need what is not.',
      severity: 'error',
      from: { path: '/src/', pathNot: '^(testing|examples|benchmarks)/' },
      to: { path: '(^|/)(test|typetests)/|^testing/|^examples/' },
    },
    {
      name: 'published-imports-declared',
      comment: 'An import that package.json does not declare works only in this tree.',
      severity: 'error',
      from: { path: '^packages/[^/]+/src/' },
      to: { dependencyTypes: ['npm-no-pkg', 'npm-unknown', 'npm-dev'], dependencyTypesNot: ['npm-peer', 'aliased'] },
    },
  ],
  options: {
    doNotFollow: { path: ['node_modules', '/dist/'] },
    exclude: { path: ['^test/consumer/'] },
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['require', 'node', 'default', 'types'] },
  },
}
