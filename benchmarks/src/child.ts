/*
 * One side of a measurement, in a process of its own. The waiter keeps IN_FLIGHT waits pending until
 * all have settled. It tells the emitter which ids to emit over a socket of theirs, a range per
 * tick, so that the way of asking costs next to nothing and the same for every peer.
 */
import { createServer, connect, type Socket } from 'node:net'
import { createInterface } from 'node:readline'
import { peerOf } from './peers'
import type { Emitter, Waiter } from './peers/peer'
import type { PeerSpec } from './peers/spec'

/** What a process is to be. A waiter listens on its socket; the emitter connects to those of all waiters. */
export type Task =
  | { readonly side: 'waiter'; readonly spec: PeerSpec; readonly socket: string; readonly firstId: number }
  | { readonly side: 'emitter'; readonly spec: PeerSpec; readonly sockets: readonly string[] }

export interface Round {
  readonly waits: number
  readonly inFlight: number
  /** Whether each wait's own duration is taken; it costs. */
  readonly latencies: boolean
}

export interface RoundResult {
  readonly ms: number
  /** Sorted, in ms. */
  readonly latencies: readonly number[]
}

/** User and system time of this process, in ms. */
function cpu(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

let next = 0

async function round(waiter: Waiter, socket: Socket, { waits, inFlight, latencies }: Round): Promise<RoundResult> {
  const taken: number[] = []
  const end = next + waits
  let ranges = ''
  let from = next
  let to = next
  let asking = false
  const flush = (): void => {
    asking = false
    socket.write(`${ranges}${from} ${to}\n`)
    ranges = ''
    from = to
  }
  const ask = (id: number): void => {
    if (id !== to) {
      if (to > from) ranges += `${from} ${to}\n`
      from = id
    }
    to = id + 1
    if (asking) return
    asking = true
    process.nextTick(flush)
  }
  const begun = performance.now()
  await new Promise<void>((resolve, reject) => {
    let left = waits
    const start = (): void => {
      const number = next++
      const id = String(number)
      const at = latencies ? performance.now() : 0
      waiter.wait(id).then(() => {
        if (latencies) taken.push(performance.now() - at)
        if (--left === 0) resolve()
        else if (next < end) start()
      }, reject)
      if (waiter.triggers) return
      if (waiter.standing) void waiter.standing(id).then(() => ask(number))
      else ask(number)
    }
    for (let i = 0; i < Math.min(inFlight, waits); i++) start()
  })
  return {
    ms: performance.now() - begun,
    latencies: taken.sort((a, b) => a - b),
  }
}

function runWaiter(waiter: Waiter, path: string): void {
  const server = createServer((socket) => {
    socket.setNoDelay(true)
    process.on('message', (message: Round | 'cpu' | 'stop') => {
      if (message === 'cpu') process.send?.(cpu())
      else if (message !== 'stop') void round(waiter, socket, message).then((result) => process.send?.(result))
      else {
        socket.destroy()
        server.close()
        void waiter.close().then(() => process.disconnect())
      }
    })
    process.send?.('ready')
  })
  server.listen(path)
  process.send?.('listening')
}

function runEmitter(emitter: Emitter, paths: readonly string[], unasked: number): void {
  for (const path of paths) {
    createInterface({ input: connect(path) }).on('line', (line) => {
      const [from = 0, to = 0] = line.split(' ').map(Number)
      for (let id = from; id < to; id++) {
        for (let other = 0; other < unasked; other++) emitter.emit(`${id}-${other}`)
        emitter.emit(String(id))
      }
    })
  }
  process.on('message', (message) => {
    if (message === 'cpu') process.send?.(cpu())
    else void emitter.close().then(() => process.disconnect())
  })
}

async function run(task: Task): Promise<void> {
  const peer = await peerOf(task.spec)
  if (task.side === 'emitter') {
    runEmitter(await peer.emitter(), task.sockets, task.spec.unasked ?? 0)
    return
  }
  next = task.firstId
  runWaiter(await peer.waiter(), task.socket)
}

process.once('message', (task: Task) => void run(task))
// Who measures may have failed.
process.once('disconnect', () => process.exit())
