import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import * as memory from '@server-events/memory'
import * as redis from '@server-events/redis'
import * as core from 'server-events'

const { MemoryHub, MemoryTransport } = memory
const { ServerEvents, TimeoutError } = core

const events = new ServerEvents(new MemoryTransport({ hub: new MemoryHub() }))
await events.init()
const answer = events.on('job', 1)
await events.emit('job', 1, 'done')
assert.deepEqual(await answer, ['done'])

// One copy of every class, whoever loads it and however.
const require = createRequire(import.meta.url)
for (const [name, imported] of Object.entries({
  'server-events': core,
  '@server-events/memory': memory,
  '@server-events/redis': redis,
})) {
  const required = require(name)
  // TypeScript marks its CommonJS output; `export *` carries the mark along.
  const names = Object.keys(imported).filter((key) => key !== '__esModule')
  assert.deepEqual(names.sort(), Object.keys(required).sort(), `${name} by import and by require`)
  for (const key of Object.keys(imported))
    assert.equal(imported[key], required[key], `${name} has two copies of ${key}`)
}
const error = await events.on('job', 2, 1).catch((reason) => reason)
assert.ok(error instanceof TimeoutError && error instanceof require('server-events').TimeoutError)

await events.close()
