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
const entries = ours.flatMap((name) => {
  const { exports } = require(`${name}/package.json`)
  const subpaths = Object.keys(exports).filter((subpath) => typeof exports[subpath] === 'object')
  return subpaths.map((subpath) => name + subpath.slice(1))
})
for (const entry of entries) {
  const imported = await import(entry)
  const required = require(entry)
  assert.deepEqual(Object.keys(imported).sort(), Object.keys(required).sort(), `${entry} by import and by require`)
  for (const key of Object.keys(imported))
    assert.equal(imported[key], required[key], `${entry} has two copies of ${key}`)
}
const error = await events.on('job', 2, 1).catch((reason) => reason)
assert.ok(error instanceof TimeoutError && error instanceof require('server-events').TimeoutError)

await events.close()
