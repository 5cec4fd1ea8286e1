// The packed packages in an empty folder, where strangers have them: installed, compiled against, and run.
import { cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { root } from './cache.mjs'
import { ownVersion } from './pack.mjs'
import { run } from './run.mjs'
import { startServer } from './stages.mjs'

/** @typedef {readonly [title: string, step: () => void | Promise<void>]} Step rejects where something is wrong */

/** What strangers have beside ours, in the versions of this repository. */
const beside = ['ioredis', 'pg', '@types/node', '@types/pg', '@opentelemetry/api', '@opentelemetry/sdk-trace-node']

/**
 * Makes it. Each step needs those before.
 *
 * @param {string} folder which is not there yet
 * @param {readonly string[]} tarballs
 * @returns {Step[]}
 */
export function installing(folder, tarballs) {
  const tsc = (/** @type {string} */ project) =>
    void run(join(root, 'node_modules/.bin/tsc'), ['-p', `tsconfig.${project}.json`], { cwd: folder })
  return [
    [
      'install',
      () => {
        cpSync(join(root, 'test/consumer'), folder, { recursive: true })
        mkdirSync(join(folder, 'out/bundler'), { recursive: true })
        for (const copy of ['calls.mts', 'calls.cts', 'bundler/calls.ts'])
          cpSync(join(folder, 'calls.ts'), join(folder, copy))
        for (const copy of ['traces.mts', 'traces.cts']) cpSync(join(folder, 'traces.ts'), join(folder, copy))
        for (const file of ['calls.ts', 'traces.ts']) rmSync(join(folder, file))
        for (const [inside, type] of /** @type {const} */ ([
          ['.', 'commonjs'],
          ['bundler', 'module'],
          ['out/bundler', 'module'],
        ]))
          writeFileSync(join(folder, inside, 'package.json'), JSON.stringify({ private: true, type }))
        const registry = beside.map((name) => `${name}@${ownVersion(name)}`)
        const args = ['install', '--no-audit', '--no-fund', '--prefer-offline', ...tarballs, ...registry]
        run('npm', args, { cwd: folder })
      },
    ],
    ['nodenext compiles, wrong calls do not', () => tsc('nodenext')],
    ['bundler compiles, wrong calls do not', () => tsc('bundler')],
    ['traces compile', () => tsc('traces')],
  ]
}

/**
 * Runs it.
 *
 * @param {string} folder
 * @param {string} [node] the path of its binary; ours by default
 * @returns {Step[]}
 */
export function running(folder, node = process.execPath) {
  const PATH = [dirname(node), process.env['PATH']].join(delimiter)
  const program = (/** @type {string} */ file, env = {}) =>
    void run(node, [file], { cwd: folder, env: { ...env, PATH } })
  return [
    ['require', () => program('require.cjs')],
    ['import, the same classes as by require', () => program('import.mjs')],
    ['nodenext .mts runs', () => program('out/calls.mjs')],
    ['nodenext .cts runs', () => program('out/calls.cjs')],
    ['bundler runs', () => program('out/bundler/calls.js')],
    ['traces of .mts', () => program('out/traces.mjs')],
    ['traces of .cts', () => program('out/traces.cjs')],
    .../** @type {const} */ (['redis', 'nats', 'postgres']).map(
      (kind) =>
        /** @type {Step} */ ([
          `the command line, on ${kind}`,
          async () => {
            const server = await startServer(kind)
            try {
              program('command-line.mjs', { SERVER_EVENTS_URL: server.url })
            } finally {
              await server.stop()
            }
          },
        ]),
    ),
  ]
}
