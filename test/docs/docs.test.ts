import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startMosquitto, startNats, startPostgres, startRedis } from '@server-events/testing'
import type { MqttServer, NatsServer, PostgresServer, RedisServer } from '@server-events/testing'
import { blocksOf } from './blocks'
import type { Block } from './blocks'
import { cheapScriptOf, commandsOf, fileOf, wrongWith } from './commands'
import { markdownFiles, root } from './files'
import { brokenLinks } from './links'
import { Programs } from './programs'

const files = markdownFiles().map((file) => ({ file, markdown: readFileSync(join(root, file), 'utf8') }))
const blocks = files.flatMap(({ file, markdown }) => blocksOf(file, markdown))

let redis: RedisServer
let nats: NatsServer
let mqtt: MqttServer
let postgres: PostgresServer
let programs: Programs
const printed = new Map<Block, string>()

beforeAll(async () => {
  execFileSync(process.execPath, [join(root, 'scripts/ensure-installed.mjs'), 'examples'], { stdio: 'inherit' })
  redis = await startRedis()
  nats = await startNats()
  mqtt = await startMosquitto()
  postgres = await startPostgres()
  const sources = blocks.filter(({ language }) => language === 'ts' || language === 'js')
  programs = new Programs(sources, redis, { NATS_URL: nats.url, MQTT_URL: mqtt.url, POSTGRES_URL: postgres.url })
}, 300_000)

afterAll(async () => {
  programs.remove()
  await redis.stop()
  await nats.stop()
  await mqtt.stop()
  await postgres.stop()
})

describe.each(files)('$file', ({ file, markdown }) => {
  // A file of TypeScript becomes one of JavaScript.
  const written = blocks.filter((it) => it.file === file).flatMap(({ code }) => fileOf(code)?.replace('ts', 'js') ?? [])
  test('links to what exists', () => {
    expect(brokenLinks(file, markdown)).toEqual([])
  })

  for (const [index, block] of blocks.filter((it) => it.file === file).entries()) {
    const title = `line ${block.line}: ${block.language}`
    switch (block.language) {
      case 'ts':
      case 'js':
        test(`${title} compiles and runs`, async () => {
          // The whole conformance kit over a network takes its time.
          const { stdout } = await programs.run(block, block.code.includes('transportConformance') ? 55_000 : undefined)
          printed.set(block, stdout)
        })
        break
      case 'sh':
        test(`${title} is made of commands that exist`, () => {
          for (const command of commandsOf(block.code))
            expect([command, wrongWith(command, written)]).toEqual([command, undefined])
          for (const script of commandsOf(block.code)
            .map(cheapScriptOf)
            .filter((it) => it !== undefined)) {
            const { status, stdout } = spawnSync('npm', ['run', '--silent', script], { cwd: root, encoding: 'utf8' })
            expect([status, status === 0 ? '' : stdout]).toEqual([0, ''])
          }
        })
        break
      case 'json':
        test(`${title} parses`, () => {
          expect(() => JSON.parse(block.code) as unknown).not.toThrow()
        })
        break
      case 'acl':
        test(`${title} is an aclfile`, async () => {
          const folder = mkdtempSync(join(tmpdir(), 'server-events-acl-'))
          writeFileSync(join(folder, 'acl'), block.code)
          try {
            // Refuses to start if a line is wrong.
            await (await startRedis({ args: ['--aclfile', join(folder, 'acl')] })).stop()
          } finally {
            rmSync(folder, { recursive: true })
          }
        })
        break
      case 'text':
        test(`${title} is what the program before it prints`, () => {
          const before = blocks.filter((it) => it.file === file).slice(0, index)
          const program = before.findLast(({ language }) => language === 'ts' || language === 'js')
          expect(block.code).toBe(program && printed.get(program))
        })
        break
      case 'picture':
        break
    }
  }
})
