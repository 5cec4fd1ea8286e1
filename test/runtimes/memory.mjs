// After many waits, however they ended, the heap is back.
import assert from 'node:assert/strict'
import { connect, main } from './support.mjs'

const collect = globalThis.Bun ? () => globalThis.Bun.gc(true) : globalThis.gc

async function heap() {
  for (let times = 0; times < 3; times++) {
    collect()
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  return process.memoryUsage().heapUsed
}

await main({
  'after 60,000 waits, settled, timed out and aborted, the heap has not grown': async () => {
    const events = connect({ listen: ['ev'] })
    await events.init()
    let next = 0
    async function rounds(count) {
      for (let round = 0; round < count; round++) {
        const request = new AbortController()
        const waits = []
        for (let i = 0; i < 1_000; i++) {
          const id = next++
          if (i % 3 === 0) waits.push(events.on('ev', id, 60_000))
          else if (i % 3 === 1) waits.push(events.on('ev', id, 5).catch(() => {}))
          else waits.push(events.on('ev', id, { signal: request.signal }).catch(() => {}))
          if (i % 3 === 0) void events.emit('ev', id, 'x')
        }
        request.abort()
        await Promise.all(waits)
      }
      return heap()
    }
    const before = await rounds(20)
    const after = await rounds(60)
    assert.equal(events.stats().pending, 0)
    // A wait that was left behind would be 300 bytes at least: 18 MB of them.
    assert.ok(after - before < 5_000_000, `grown by ${after - before} bytes`)
  },
})
