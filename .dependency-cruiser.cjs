// Import directions: core knows no transport, the engine knows no ServerEvents, and nobody reaches past a front door.

/**
 * The wings of a package, from top to bottom: what stands in one line knows nothing of the lines above, nor of its
 * neighbours. What stands in none is at the bottom, where all may know each other.
 */
const houses = {
  cli: [['(main|program)\\.'], ['commands/'], ['doctor/'], ['redis/']],
  conformance: [['(index|transport-conformance)\\.'], ['cases/']],
  core: [
    // Who does not write a transport, or seal one, does not load what that takes.
    ['(server-events|index)\\.', 'sealed/', 'transport-kit/'],
    ['engine/'],
    ['wanted/'],
    ['waits/'],
    ['outcomes/', 'emits/'],
    ['registry/'],
    ['pending/'],
    ['messages/'],
    ['observe/'],
    ['base/'],
  ],
  nats: [['(index|nats-transport)\\.'], ['client/'], ['store/'], ['wire/']],
  postgres: [['(index|postgres-transport)\\.'], ['client/', 'transactions/'], ['outcomes/'], ['session/', 'wire/']],
  redis: [
    ['(index|names|redis-transport)\\.'],
    ['source\\.'],
    ['cluster/', 'publish/', 'subscribe/'],
    ['outcomes/'],
    ['client/', 'wire/'],
  ],
}

const upwards = Object.entries(houses).flatMap(([name, floors]) => {
  const src = `^packages/${name}/src/`
  const inSrc = (wings) => wings.map((wing) => src + wing)
  const refuse = (wing, from, above) => ({
    name: `${name}-upwards-from-${wing}`,
    comment: 'Imports between the wings of a package point downwards only.',
    severity: 'error',
    from,
    to: { path: inSrc(above) },
  })
  return [
    ...floors.flatMap((floor, index) =>
      floor.map((wing) => {
        const above = [...floors.slice(0, index).flat(), ...floor.filter((other) => other !== wing)]
        return refuse(wing.replace(/\W+$/, ''), { path: src + wing }, above)
      }),
    ),
    refuse('the-bottom', { path: src, pathNot: inSrc(floors.flat()) }, floors.flat()),
  ]
})

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    ...upwards.filter(({ to }) => to.path.length > 0),
    {
      name: 'no-circular',
      comment: 'Files that need each other, if only by their types, are one file or lack a third.',
      severity: 'error',
      from: {},
      to: { circular: true },
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
      name: 'packages-by-front-door',
      comment: 'Across packages only what the other one exports: never a deep path.',
      severity: 'error',
      from: { path: '^(packages/[^/]+|testing|examples/[^/]+)/' },
      to: {
        path: '^(packages/[^/]+|testing|examples/[^/]+)/',
        pathNot: ['^$1/', '/node_modules/', '^(packages/[^/]+|testing)/src/((sealed|transport-kit)/)?index\\.ts$'],
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
      from: { path: '^packages/(?!core/|cli/)([^/]+)/src/' },
      to: {
        path: '^(packages|testing|examples)/',
        pathNot: ['^packages/$1/src/', '^packages/core/src/((sealed|transport-kit)/)?index\\.ts$'],
      },
    },
    {
      name: 'transport-kit-on-the-contract',
      comment: 'The kit is for authors of transports: it knows the contract and the errors, and nothing of the engine.',
      severity: 'error',
      from: { path: '^packages/core/src/transport-kit/' },
      to: {
        path: '^packages/core/src/',
        pathNot:
          '^packages/core/src/(transport-kit/|(transport|errors|home|text|base/(clock|end-of-tick|incoming))\\.ts$)',
      },
    },
    {
      name: 'sealed-on-the-contract',
      comment: 'What seals a transport knows the contract and the errors, and nothing of the engine.',
      severity: 'error',
      from: { path: '^packages/core/src/sealed/' },
      to: { path: '^packages/core/src/', pathNot: '^packages/core/src/(sealed/|(transport|errors|text)\\.ts$)' },
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
    exclude: { path: ['^test/(bundlers|consumer)/'] },
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['require', 'node', 'default', 'types'] },
  },
}
