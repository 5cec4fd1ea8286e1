// Runs the programs of test/runtimes on Bun and Deno, and on this Node, which shows that the programs are right: on
// memory, on Redis with both majors of ioredis, on NATS and on PostgreSQL. The packages are packed and installed, as
// strangers have them. `npm run test:runtimes -- bun` runs one of them; `--record` keeps the results.
import { spawn } from 'node:child_process'
import { cpSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { root } from './lib/cache.mjs'
import { ownVersion, packAll } from './lib/pack.mjs'
import { report } from './lib/record.mjs'
import { run } from './lib/run.mjs'
import { startStage } from './lib/stages.mjs'
import { installTools } from './lib/installs/tools.mjs'

/** @typedef {{ name: string, command: string[], version: string }} Runtime `command` runs the file that follows */

const programs = join(root, 'test/runtimes')
const ran = 'test/runtimes on memory, Redis (ioredis 5 and 6), NATS, PostgreSQL'
/** What a program may take, in ms. */
const patience = 120_000

/** @type {{ label: string, kind: import('./lib/stages.mjs').Kind, ioredis: 'ioredis' | 'ioredis6' }[]} */
const stages = [
  { label: 'memory', kind: 'memory', ioredis: 'ioredis' },
  { label: 'Redis, ioredis 5', kind: 'redis', ioredis: 'ioredis' },
  { label: 'Redis, ioredis 6', kind: 'redis', ioredis: 'ioredis6' },
  { label: 'NATS', kind: 'nats', ioredis: 'ioredis' },
  { label: 'PostgreSQL', kind: 'postgres', ioredis: 'ioredis' },
]

/** @returns {Runtime[]} */
function installRuntimes() {
  const { program, version } = installTools('runtimes', ['bun@latest', 'deno@latest'])
  const flags = ['--allow-all', '--node-modules-dir=manual', '--v8-flags=--expose-gc']
  return [
    { name: 'Node', command: [process.execPath, '--expose-gc'], version: process.versions.node },
    { name: 'Bun', command: [program('bun'), 'run'], version: version('bun') },
    { name: 'Deno', command: [program('deno'), 'run', ...flags], version: version('deno') },
  ]
}

/**
 * A folder with the programs and the packed packages.
 *
 * @param {string} folder
 * @param {string[]} tarballs
 * @param {'ioredis' | 'ioredis6'} ioredis
 */
function installPrograms(folder, tarballs, ioredis) {
  cpSync(programs, folder, { recursive: true })
  writeFileSync(join(folder, 'package.json'), '{ "private": true, "type": "module" }')
  const clients = [`ioredis@${ownVersion(ioredis)}`, `pg@${ownVersion('pg')}`]
  run('npm', ['install', '--no-audit', '--no-fund', '--prefer-offline', ...tarballs, ...clients], { cwd: folder })
}

/**
 * @param {Runtime} runtime
 * @param {string} folder
 * @param {string} program
 * @param {Record<string, string>} env
 * @returns {Promise<{ passed: number, failures: string[] }>}
 */
function runProgram({ command: [binary = '', ...args] }, folder, program, env) {
  return new Promise((resolve) => {
    const child = spawn(binary, [...args, program], {
      cwd: folder,
      env: { ...process.env, NO_COLOR: '1', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const late = setTimeout(() => child.kill('SIGKILL'), patience)
    let [stdout, stderr] = ['', '']
    child.stdout.setEncoding('utf8').on('data', (text) => (stdout += String(text)))
    child.stderr.setEncoding('utf8').on('data', (text) => (stderr += String(text)))
    child.on('error', (error) => (stderr += error.message))
    child.on('close', (code) => {
      clearTimeout(late)
      const passed = stdout.match(/^ok /gm)?.length ?? 0
      const failures = stdout.split(/^(?=ok |not ok |done)/m).filter((text) => text.startsWith('not ok '))
      // Whether it ends by itself, and says nothing that it was not asked, is one more check.
      if (code === 0 && stdout.endsWith('done\n')) resolve({ passed: passed + 1, failures })
      else resolve({ passed, failures: [...failures, `${program} ended with ${code}\n${stdout}${stderr}`] })
    })
  })
}

const asked = process.argv.slice(2).filter((word) => !word.startsWith('--'))
const runtimes = installRuntimes().filter(({ name }) => asked.length === 0 || asked.includes(name.toLowerCase()))
if (runtimes.length === 0) throw new Error('usage: npm run test:runtimes [-- node bun deno --record]')
for (const { name, version } of runtimes) console.log(`${name} ${version}`)

const rows = runtimes.map(({ name, version }) => ({ subject: name, version, ran, passed: 0, failed: 0 }))
const work = mkdtempSync(join(tmpdir(), 'server-events-runtimes-'))
try {
  const tarballs = packAll(work)
  const folders = { ioredis: join(work, '5'), ioredis6: join(work, '6') }
  for (const [ioredis, folder] of /** @type {['ioredis' | 'ioredis6', string][]} */ (Object.entries(folders)))
    installPrograms(folder, tarballs, ioredis)
  const files = readdirSync(programs).filter((file) => file !== 'support.mjs')
  for (const { label, kind, ioredis } of stages) {
    for (const [index, runtime] of runtimes.entries()) {
      for (const program of files) {
        // In memory, nothing can arrive while the event loop is blocked.
        if (kind === 'memory' && program === 'blocked-loop.mjs') continue
        const stage = await startStage(kind)
        const { passed, failures } = await runProgram(runtime, folders[ioredis], program, stage.env)
        await stage.stop()
        const row = rows[index]
        if (row !== undefined) {
          row.passed += passed
          row.failed += failures.length
        }
        console.log(`${failures.length === 0 ? 'ok    ' : 'FAILED'}  ${runtime.name}, ${label}: ${program}`)
        for (const failure of failures) console.log(failure)
      }
    }
  }
} finally {
  rmSync(work, { recursive: true, force: true })
}
await report('runtimes', rows)
