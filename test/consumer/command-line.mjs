// What somebody types who is called at night, by npx, about the server of SERVER_EVENTS_URL.
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'

// What stands behind it is ours: `npx --no server-events --help` is the help of npm.
const npx = ['--no', '--', 'server-events']

/** Runs it to its end, which has to be this exit code, and gives what it wrote to stdout. */
function cli(code, ...args) {
  const { status, stdout, stderr } = spawnSync('npx', [...npx, ...args], { encoding: 'utf8', timeout: 60_000 })
  assert.equal(status, code, `${args.join(' ')}: ${status}\n${stdout}${stderr}`)
  return stdout.trim()
}

assert.equal(spawnSync('node', ['--version'], { encoding: 'utf8' }).stdout.trim(), process.version)

assert.match(cli(0, '--help'), /Exit codes/)
assert.notEqual(JSON.parse(cli(0, 'doctor', '--json')).status, 'bad')
assert.equal(JSON.parse(cli(1, 'doctor', 'redis://127.0.0.1:1', '--json')).status, 'bad')
cli(2, 'doctor', 'http://127.0.0.1')

cli(0, 'emit', 'report', '1', '{"pages":3}', '"done"', '--keep', '60000')
assert.equal(cli(0, 'wait', 'report', '1'), '{"pages":3}\n"done"')
assert.equal(cli(0, 'peek', 'report', '1'), '{"pages":3}\n"done"')
cli(2, 'forget', 'report', '1')
cli(0, 'forget', 'report', '1', '--yes')
cli(1, 'peek', 'report', '1')
cli(3, 'wait', 'report', '1', '--timeout', '200')
cli(0, 'fail', 'report', '2', 'too much', '--keep', '60000')
assert.equal(JSON.parse(cli(1, 'wait', 'report', '2', '--json')).error.message, 'too much')

const tail = spawn('npx', [...npx, 'tail', 'report', '--count', '1', '--json'], { stdio: ['ignore', 'pipe', 'pipe'] })
const heard = text(tail.stdout)
for await (const chunk of tail.stderr) if (String(chunk).includes('listening to')) break
cli(0, 'emit', 'report', '3')
assert.equal(JSON.parse(await heard).id, '3')
assert.equal(tail.exitCode ?? (await once(tail, 'exit'))[0], 0)

cli(process.env.SERVER_EVENTS_URL.startsWith('redis') ? 0 : 2, 'who')
const { sent, arrived } = JSON.parse(cli(0, 'bench', '--rate', '50', '--duration', '500', '--json'))
assert.deepEqual([sent, arrived], [25, 25])
