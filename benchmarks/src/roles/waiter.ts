/*
 * Keeps IN_FLIGHT waits pending until all have settled. It tells the producer which ids to emit over a socket of theirs, a
 * range per tick, so that the way of asking costs next to nothing and the same for every peer.
 */
import { createServer, type Socket } from 'node:net'
import { peerOf } from '../peers'
import type { Waiter } from '../peers/peer'
import type { PeerSpec } from '../peers/spec'
import { cpu, type Role } from './role'

/** A waiter listens on its socket; the producer connects to those of all waiters. */
export interface WaiterTask {
  readonly role: 'waiter'
  readonly spec: PeerSpec
  readonly socket: string
  readonly firstId: number
}

export interface Round {
  readonly waits: number
  readonly inFlight: number
  /** So many begin a second, however many are pending; `inFlight` then says nothing. */
  readonly rate?: number
  /** Whether each wait's own duration is taken; it costs. */
  readonly latencies: boolean
}

export interface RoundResult {
  readonly ms: number
  /** Sorted, in ms. */
  readonly latencies: readonly number[]
}

let next = 0

async function round(
  waiter: Waiter,
  socket: Socket,
  { waits, inFlight, latencies, rate }: Round,
): Promise<RoundResult> {
  const { suffix = '' } = waiter
  const taken: number[] = []
  const end = next + waits
  let ranges = ''
  let from = next
  let to = next
  let asking = false
  const flush = (): void => {
    asking = false
    socket.write(`${ranges}${from} ${to} ${suffix}\n`)
    ranges = ''
    from = to
  }
  const ask = (id: number): void => {
    if (id !== to) {
      if (to > from) ranges += `${from} ${to} ${suffix}\n`
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
    /** `from` is when it was to begin, if not now: while a process was too busy to begin it, somebody waited. */
    const start = (from?: number): void => {
      const number = next++
      const id = `${number}${suffix}`
      const at = from ?? (latencies ? performance.now() : 0)
      waiter.wait(id).then(() => {
        if (latencies) taken.push(performance.now() - at)
        if (--left === 0) resolve()
        else if (rate === undefined && next < end) start()
      }, reject)
      if (waiter.triggers) return
      if (waiter.standing) void waiter.standing(id).then(() => ask(number))
      else ask(number)
    }
    if (rate === undefined) for (let i = 0; i < Math.min(inFlight, waits); i++) start()
    else atRate(rate, waits, start)
  })
  return {
    ms: performance.now() - begun,
    latencies: taken.sort((a, b) => a - b),
  }
}

/** So late, in ms, a timer is that nothing is late for. */
const resolution = 2

/** Calls it `count` times, so many times a second, each with the moment from which on it counts. */
function atRate(rate: number, count: number, call: (from: number) => void): void {
  const begun = performance.now()
  let called = 0
  const timer = setInterval(() => {
    const now = performance.now()
    const due = Math.min(count, Math.floor(((now - begun) * rate) / 1000))
    while (called < due) {
      const own = begun + (++called * 1000) / rate
      call(now - own <= resolution ? now : own)
    }
    if (called === count) clearInterval(timer)
  }, 1)
}

/** Tells that it listens, and once more when the producer has connected. */
export const run: Role<WaiterTask, Round | 'cpu' | 'stop'> = async ({ spec, socket: path, firstId }, tell) => {
  next = firstId
  const waiter = await (await peerOf(spec)).waiter()
  const connected = new Promise<Socket>((resolve) => {
    const server = createServer((socket) => {
      socket.setNoDelay(true)
      socket.once('close', () => server.close())
      resolve(socket)
      tell('ready')
    })
    server.listen(path)
  })
  tell('listening')
  return (message) => {
    if (message === 'cpu') tell(cpu())
    else if (message !== 'stop') void connected.then((socket) => round(waiter, socket, message)).then(tell)
    else
      void connected
        .then((socket) => socket.destroy())
        .then(() => waiter.close())
        .then(() => process.disconnect())
  }
}
