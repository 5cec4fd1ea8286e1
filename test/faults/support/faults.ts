import { setTimeout as delay } from 'node:timers/promises'
import { eventually } from '@server-events/testing'
import type { ServerEvents } from 'server-events'
import { areWholePushes, subscribes } from './push'
import type { Stage } from './stage'

export interface Scene {
  readonly stage: Stage
  readonly waiting: ServerEvents
  /** The first through the emitting side's proxy, the second beside it. */
  readonly emitters: readonly [ServerEvents, ServerEvents]
  /** How long silence lasts, in ms: longer than the heartbeat and the timeouts. */
  readonly silence: number
  /** For a control, in which it may never be: goes on after so many ms without having seen that a fault hit. */
  readonly unseen?: number | undefined
}

export interface Fault {
  readonly name: string
  /** Arguments for the server. */
  readonly server?: readonly string[]
  /** About how long it takes, in ms: events are spread over it. 'silence' is as long as the scene's. */
  readonly lasts: number | 'silence'
  /** What was swallowed cannot come later: an emit that rejected never took effect. */
  readonly swallows?: boolean
  /** Makes the fault and lifts it. Resolves when it has been seen by those that it hits. */
  strike(scene: Scene): Promise<void>
}

type Side = 'inputStore' | 'outputStore'

/** Resolves when this side has lost its connection since `hit` began. */
async function seen({ unseen }: Scene, events: ServerEvents, side: Side, hit: () => unknown): Promise<void> {
  if (unseen !== undefined) {
    await hit()
    await delay(unseen)
    return
  }
  const expect = (what: string, probe: () => boolean): Promise<boolean> =>
    eventually(
      () => {
        if (probe()) return true
        const { lastError } = events.stats()[side]
        throw new Error(`${side} ${what} within 30 s; its last error: ${lastError?.message ?? 'none'}`)
      },
      { timeout: 30_000 },
    )
  await expect('did not connect', () => events.stats()[side].connected)
  const { interruptions } = events.stats()[side]
  await hit()
  await expect('did not see the fault', () => events.stats()[side].interruptions > interruptions)
}

/** Hits again and again, at last one that is seen: a hit between two connections is none. */
async function loop(times: number, pause: number, last: () => Promise<void>, hit: () => unknown): Promise<void> {
  for (let i = 1; i < times; i++) {
    await hit()
    await delay(pause)
  }
  await last()
}

const killed = (type: 'pubsub' | 'normal', side: Side): Fault => ({
  name: `CLIENT KILL TYPE ${type} in a loop`,
  lasts: 1_200,
  strike: (scene) => {
    const kill = (): Promise<unknown> => scene.stage.admin.client('KILL', 'TYPE', type)
    const victim = type === 'pubsub' ? scene.waiting : scene.emitters[0]
    return loop(20, 60, () => seen(scene, victim, side, kill), kill)
  },
})

export const cut: Fault = {
  name: 'socket cut by a proxy',
  lasts: 1_000,
  strike: (scene) => {
    const { stage, waiting, emitters } = scene
    const hit = (): void => {
      stage.inlet.cut()
      stage.outlet.cut()
    }
    const last = (): Promise<void> =>
      seen(scene, waiting, 'outputStore', () => seen(scene, emitters[0], 'inputStore', hit))
    return loop(8, 120, last, hit)
  },
}

export const killedPubsub = killed('pubsub', 'outputStore')
export const killedNormal = killed('normal', 'inputStore')

export const deafSubscriber: Fault = {
  name: 'blackholed subscriber',
  lasts: 'silence',
  strike: async (scene) => {
    const { stage, waiting } = scene
    await seen(scene, waiting, 'outputStore', () => {
      const dead = new Set(stage.subscribing)
      stage.meddle = (_, chunk, connection) => (dead.has(connection) ? undefined : chunk)
    })
  },
}

export const mutePublisher: Fault = {
  name: 'blackholed publisher, another worker storing meanwhile',
  lasts: 'silence',
  swallows: true,
  strike: async (scene) => {
    const { stage, emitters, silence } = scene
    await seen(scene, emitters[0], 'inputStore', () => stage.outlet.blackhole())
    await delay(silence / 4)
    stage.outlet.heal()
    // What it would write again, it writes now.
    await eventually(() => emitters[0].stats().inputStore.connected)
  },
}

export const frozen: Fault = {
  name: 'SIGSTOP of the server, then SIGCONT',
  lasts: 'silence',
  strike: async (scene) => {
    const { stage, waiting, silence } = scene
    try {
      await seen(scene, waiting, 'outputStore', () => stage.server.pause())
      await delay(silence / 4)
    } finally {
      stage.server.resume()
    }
  },
}

export const crashed: Fault = {
  name: 'kill -9 and restart with appendonly',
  server: ['--appendonly', 'yes', '--appendfsync', 'always'],
  lasts: 1_500,
  strike: async (scene) => {
    const { server } = scene.stage
    for (let i = 0; i < 2; i++) {
      await seen(scene, scene.waiting, 'outputStore', () => server.kill())
      await delay(200)
      await server.restart()
    }
  },
}

export const cutWhileSubscribing: Fault = {
  name: 'connection cut between ready and the reply to PSUBSCRIBE',
  lasts: 800,
  strike: async (scene) => {
    const { stage, waiting } = scene
    let cuts = 0
    await seen(scene, waiting, 'outputStore', () => {
      stage.meddle = (direction, chunk) => {
        if (direction === 'up' || !subscribes(chunk) || cuts === 3) return chunk
        cuts++
        stage.inlet.cut()
        return undefined
      }
      stage.inlet.cut()
    })
    await eventually(() => cuts === 3 && waiting.stats().outputStore.connected)
  },
}

export const unanswered: Fault = {
  name: 'reply to PUBLISH swallowed',
  lasts: 1_000,
  strike: async (scene) => {
    const { outlet } = scene.stage
    await seen(scene, scene.emitters[0], 'inputStore', () => {
      // For ever on these connections: TCP loses nothing in the middle.
      const mute = outlet.accepted
      outlet.filter = (direction, chunk, connection) => (direction === 'down' && connection <= mute ? undefined : chunk)
    })
  },
}

export const swallowedPush: Fault = {
  name: 'pushed messages swallowed on a live connection',
  lasts: 600,
  strike: async ({ stage }) => {
    let swallowed = 0
    stage.meddle = (direction, chunk) => {
      if (direction === 'up' || swallowed === 3 || !areWholePushes(chunk)) return chunk
      swallowed++
      return undefined
    }
    await eventually(() => swallowed === 3)
  },
}

export const outOfMemory: Fault = {
  name: 'OOM on SET',
  lasts: 1_000,
  strike: async (scene) => {
    const { admin } = scene.stage
    await admin.config('SET', 'maxmemory', '1')
    await delay(200)
    // Who is away meanwhile misses what is published and not stored.
    const kill = (): Promise<unknown> => admin.client('KILL', 'TYPE', 'pubsub')
    await loop(5, 100, () => seen(scene, scene.waiting, 'outputStore', kill), kill)
    await delay(200)
    await admin.config('SET', 'maxmemory', '0')
  },
}

export const overflowing: Fault = {
  name: 'subscriber dropped by the output-buffer limit',
  lasts: 1_200,
  strike: async (scene) => {
    const { admin } = scene.stage
    await admin.config('SET', 'client-output-buffer-limit', 'pubsub 262144 0 0')
    // Many in one step of the server: a lone large one is written from where it lies, and never buffered, by Valkey 9.
    const script = `for i = 1, 256 do redis.call('PUBLISH', ARGV[1], string.rep('x', 4096)) end`
    const flood = (): Promise<unknown> => admin.eval(script, 0, 'se:job:')
    await loop(8, 120, () => seen(scene, scene.waiting, 'outputStore', flood), flood)
    await admin.config('SET', 'client-output-buffer-limit', 'pubsub 0 0 0')
  },
}

export const full: Fault = {
  name: 'maxclients reached and lifted',
  lasts: 1_200,
  strike: async (scene) => {
    const { admin } = scene.stage
    const [, before] = (await admin.config('GET', 'maxclients')) as [string, string]
    await seen(scene, scene.waiting, 'outputStore', async () => {
      await admin.config('SET', 'maxclients', '1')
      await admin.client('KILL', 'TYPE', 'normal')
      await admin.client('KILL', 'TYPE', 'pubsub')
    })
    await delay(700)
    await admin.config('SET', 'maxclients', before)
  },
}

export const faults: readonly Fault[] = [
  cut,
  killedPubsub,
  killedNormal,
  deafSubscriber,
  mutePublisher,
  frozen,
  crashed,
  cutWhileSubscribing,
  unanswered,
  swallowedPush,
  outOfMemory,
  overflowing,
  full,
]
