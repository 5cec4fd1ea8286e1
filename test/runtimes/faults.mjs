// The connection breaks, in the ways that a server and a network have.
import assert from 'node:assert/strict'
import { TimeoutError } from 'server-events'
import { ask, connect, main, rejection, stage } from './support.mjs'

const keep = { report: 60_000 }

async function pair() {
  const [api, worker] = [connect({ keep, listen: ['report'] }), connect({ keep })]
  await Promise.all([api.init(), worker.init()])
  return [api, worker]
}

/** Emits until one has gone through: while the server is away, an emit gives up after 5 s. */
async function emit(worker, id) {
  for (let tries = 1; ; tries++) {
    try {
      return await worker.emit('report', id, tries)
    } catch (error) {
      if (tries === 5) throw error
    }
  }
}

async function until(holds) {
  const deadline = performance.now() + 30_000
  while (!holds()) {
    if (performance.now() > deadline) throw new Error(`still not so after 30 s: ${holds}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

const always = {
  'cut and back: the waits go on, what was emitted meanwhile is found': async () => {
    const [api, worker] = await pair()
    const waits = [1, 2, 3].map((id) => api.on('report', `cut${id}`, 30_000))
    await ask('down')
    const emits = [1, 2, 3].map((id) => emit(worker, `cut${id}`))
    await ask('up')
    await Promise.all(emits)
    await Promise.all(waits)
    assert.equal(api.stats().pending, 0)
  },
  'while it is away, a wait ends at its timeout and an emit rejects': async () => {
    const [api, worker] = await pair()
    await ask('down')
    assert.ok((await rejection(api.on('report', 'away', 200))) instanceof TimeoutError)
    const { code } = await rejection(worker.emit('report', 'never'))
    assert.ok(code === 'ERR_CONNECTION' || code === 'ERR_UNCERTAIN', code)
    await ask('up')
  },
}

const ofServers = {
  'nothing is answered any more: the heartbeat finds it': async () => {
    const [api, worker] = await pair()
    const wait = api.on('report', 'deaf', 30_000)
    await ask('blackhole')
    await until(() => api.stats().outputStore.interruptions > 0)
    await ask('heal')
    await emit(worker, 'deaf')
    await wait
  },
  'the server is killed and starts again': async () => {
    const [api, worker] = await pair()
    const wait = api.on('report', 'killed', 30_000)
    await ask('kill')
    await ask('restart')
    await emit(worker, 'killed')
    await wait
  },
}

await main(stage === 'memory' ? always : { ...always, ...ofServers })
