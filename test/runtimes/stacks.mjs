// What the stack of our errors shows. Where the engine tells who awaits, it is the line of the caller.
import assert from 'node:assert/strict'
import { connect, main, rejection } from './support.mjs'

/** JavaScriptCore does not walk from a promise to the function that awaits it. */
const showsCaller = globalThis.Bun === undefined

async function myHandler(promise) {
  await promise
}

function checkStack(error, code) {
  assert.equal(error.code, code)
  const [head, ...frames] = error.stack.split('\n')
  assert.equal(head.split(':')[0], error.name)
  assert.ok(frames.length > 0, `no frames: ${error.stack}`)
  // V8 puts the queues of the runtime that ran it before the function that awaits.
  const [first] = frames.filter((frame) => !/\((node|ext):/.test(frame))
  if (showsCaller) assert.match(first, /myHandler.*stacks\.mjs/)
}

await main({
  'of a timeout': async () => {
    checkStack(await rejection(myHandler(connect().on('report', 1, 5))), 'ERR_TIMEOUT')
  },
  'of a failure': async () => {
    const events = connect()
    const failed = rejection(myHandler(events.on('report', 1)))
    await events.fail('report', 1, 'no disk')
    checkStack(await failed, 'ERR_REMOTE')
  },
  'of a closed instance': async () => {
    const events = connect()
    const failed = rejection(myHandler(events.on('report', 1)))
    await events.close()
    checkStack(await failed, 'ERR_CLOSED')
  },
  'of a bad argument, at the call itself': async () => {
    async function badCall() {
      await connect().on('report', {})
    }
    const error = await rejection(badCall())
    assert.equal(error.code, 'ERR_INVALID_ARGUMENT')
    assert.match(error.stack, /badCall.*stacks\.mjs/)
  },
})
