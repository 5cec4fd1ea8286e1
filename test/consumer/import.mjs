import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { MemoryHub, MemoryTransport } from '@server-events/memory'
import { ServerEvents, TimeoutError } from 'server-events'

const events = new ServerEvents(new MemoryTransport({ hub: new MemoryHub() }))
await events.init()
const answer = events.on('job', 1)
await events.emit('job', 1, 'done')
assert.deepEqual(await answer, ['done'])

// One copy of every class, whoever loads it and however.
const require = createRequire(import.meta.url)
const { dependencies } = JSON.parse(readFileSync('package.json', 'utf8'))
const ours = Object.keys(dependencies).filter((name) => name.includes('server-events'))
assert.ok(ours.length >= 3)
for (const name of ours) {
  const imported = await import(name)
  const required = require(name)
  // TypeScript marks its CommonJS output; `export *` carries the mark along.
  const names = Object.keys(imported).filter((key) => key !== '__esModule')
  assert.deepEqual(names.sort(), Object.keys(required).sort(), `${name} by import and by require`)
  for (const key of names) assert.equal(imported[key], required[key], `${name} has two copies of ${key}`)
}
const error = await events.on('job', 2, 1).catch((reason) => reason)
assert.ok(error instanceof TimeoutError && error instanceof require('server-events').TimeoutError)

await events.close()
