// Lets a plain node process run the sources: a child cannot use jest's transform.
const { readFileSync } = require('node:fs')
const Module = require('node:module')
const { join } = require('node:path')
const ts = require('typescript')

const root = join(__dirname, '../../../..')
const aliases = {
  'server-events': join(root, 'packages/core/src/index.ts'),
  '@server-events/redis': join(root, 'packages/redis/src/index.ts'),
  ...(process.env.IOREDIS === '6' ? { ioredis: require.resolve('ioredis6') } : {}),
}
const resolve = Module._resolveFilename
Module._resolveFilename = (request, ...rest) => resolve.call(Module, aliases[request] ?? request, ...rest)

const compilerOptions = { module: ts.ModuleKind.CommonJS, target: ts.ScriptTarget.ES2022, esModuleInterop: true }
require.extensions['.ts'] = (module, file) =>
  module._compile(ts.transpileModule(readFileSync(file, 'utf8'), { compilerOptions }).outputText, file)
