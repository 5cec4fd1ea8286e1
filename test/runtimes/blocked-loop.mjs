// An event that has arrived while the event loop was blocked comes before the timeout that fell due meanwhile.
import assert from 'node:assert/strict'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ask, connect, main } from './support.mjs'

function block(ms) {
  const until = performance.now() + ms
  while (performance.now() < until);
}

/** Without a turn of the event loop, which could read what has arrived. */
function blockUntil(file) {
  const deadline = performance.now() + 30_000
  while (!existsSync(file) && performance.now() < deadline);
}

const rounds = 5

await main({
  [`${rounds} times, the event wins`]: async () => {
    const events = connect({ listen: ['job'] })
    await events.init()
    for (let round = 0; round < rounds; round++) {
      const file = join(process.cwd(), `emit-${process.pid}-${round}`)
      const id = events.createId()
      await ask('emit-when', { name: 'job', id, file })
      const wait = events.on('job', id, 300).then(
        ([arg]) => arg,
        (error) => error.code,
      )
      // Another process emits when this one cannot read any more, and says so where it can be seen all the same.
      writeFileSync(`${file}.go`, '')
      blockUntil(`${file}.done`)
      // From the server to our socket, and past the timeout.
      block(500)
      assert.equal(await wait, 'done', `in round ${round}`)
    }
  },
  'and a wait that got nothing times out all the same': async () => {
    const events = connect({ listen: ['job'] })
    await events.init()
    const wait = events.on('job', 'none', 100).catch((error) => error.code)
    block(300)
    assert.equal(await wait, 'ERR_TIMEOUT')
  },
})
