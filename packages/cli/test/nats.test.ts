import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startNats } from '@server-events/testing'
import type { NatsServer } from '@server-events/testing'
import { runCli, runDoctor, startSlow } from './run-cli'

const running: NatsServer[] = []

async function natsWith(options: Parameters<typeof startNats>[0]): Promise<NatsServer> {
  const nats = await startNats(options)
  running.push(nats)
  return nats
}

afterEach(() => Promise.all(running.splice(0).map((nats) => nats.stop())))

const user = (permissions: string): string =>
  `authorization { users = [ { user: someone, password: open-sesame, permissions: { ${permissions} } } ] }`

test('as it should be: outcomes are kept, and found by who waits later', async () => {
  const { url } = await natsWith({ config: user('publish: ">", subscribe: ">"') })
  const withPassword = url.replace('//', '//someone:open-sesame@')
  const { code, wrong, of, output } = await runDoctor(withPassword)
  expect([code, wrong]).toEqual([0, []])
  expect(of('latency of an event')?.found).toMatch(/^p50 .* of 100$/)
  const env = { SERVER_EVENTS_URL: withPassword }
  expect((await runCli(['emit', 'report', '1', '"done"', '--keep', '60000'], { env })).code).toBe(0)
  expect(await runCli(['wait', 'report', '1'], { env })).toMatchObject({ code: 0, stdout: '"done"' })
  expect(output).not.toContain('sesame')
})

test('wrong credentials', async () => {
  const { url } = await natsWith({ config: user('publish: ">", subscribe: ">"') })
  const { code, wrong, output } = await runDoctor(url.replace('//', '//someone:says-me@'))
  expect([code, wrong]).toEqual([1, ['bad connection']])
  expect(output).not.toMatch(/sesame|says-me/)
})

test('a user who may not subscribe', async () => {
  const { url } = await natsWith({ config: user('publish: ">", subscribe: "_INBOX.>"') })
  const { code, wrong } = await runDoctor(url.replace('//', '//someone:open-sesame@'))
  expect([code, wrong]).toEqual([1, ['bad permissions']])
})

test('a user who may not keep', async () => {
  const { url } = await natsWith({ config: user('publish: "se.>", subscribe: ">"') })
  const { code, wrong, of } = await runDoctor(url.replace('//', '//someone:open-sesame@'))
  expect([code, wrong]).toEqual([1, ['bad keeping']])
  expect(of('keeping')).toMatchObject({
    found: expect.stringContaining('forbids publishing to "$KV.se_kept.') as string,
    ...{ fix: expect.stringContaining('grant it') as string, docs: 'packages/nats/README.md#permissions' },
  })
})

test('an event takes long, which is found out within bounds', async () => {
  const slow = await startSlow((await natsWith({})).port)
  const { code, wrong, of } = await runDoctor(`nats://127.0.0.1:${slow.port}`, ['--no-keep'])
  slow.close()
  expect([code, wrong]).toEqual([0, ['warn latency of an event']])
  // Not a hundred of them.
  expect(of('latency of an event')?.found).toMatch(/ of \d\d?$/)
})

test('without JetStream nothing is kept', async () => {
  const { url } = await natsWith({ jetStream: false })
  expect((await runDoctor(url)).wrong).toEqual(['warn keeping'])
  expect((await runDoctor(url, ['--no-keep'])).wrong).toEqual([])
  const env = { SERVER_EVENTS_URL: url }
  expect((await runCli(['emit', 'report', '1'], { env })).code).toBe(0)
  const recalling = await runCli(['wait', 'report', '1'], { env })
  expect([recalling.code, recalling.stderr]).toEqual([1, expect.stringContaining('--no-recall')])
  expect((await runCli(['wait', 'report', '1', '--no-recall', '--timeout', '100'], { env })).code).toBe(3)
})

test('bench: all arrive, though each wait is on a subject of its own', async () => {
  const { url } = await natsWith({})
  const { code, stdout } = await runCli(['bench', '--rate', '200', '--duration', '1000', '--json', '--url', url])
  expect([code, JSON.parse(stdout)]).toMatchObject([0, { sent: 200, arrived: 200, lost: 0, refused: 0 }])
})

test('without its package: what to install, so that also npx finds it', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'server-events-cli-'))
  const [hooks, file] = [join(folder, 'hooks.mjs'), join(folder, 'hidden.mjs')]
  writeFileSync(
    hooks,
    `export function resolve(name, context, next) {
      if (name === '@server-events/nats') throw Object.assign(new Error(name), { code: 'ERR_MODULE_NOT_FOUND' })
      return next(name, context)
    }`,
  )
  writeFileSync(file, `import { register } from 'node:module'; register('./hooks.mjs', import.meta.url)`)
  const ended = await runCli(['emit', 'report', '1', '--url', 'nats://127.0.0.1:1'], { execArgv: ['--import', file] })
  rmSync(folder, { recursive: true })
  const why = 'npm install @server-events/cli @server-events/nats'
  expect([ended.code, ended.stderr]).toEqual([2, expect.stringContaining(why)])
})
