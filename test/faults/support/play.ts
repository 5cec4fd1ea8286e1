import type { RedisTransportOptions } from '@server-events/redis'
import { eventually } from '@server-events/testing'
import { accountOf, type Account } from './account'
import type { Fault, Scene } from './faults'
import { isLost, isTimeout, Load, type Pair } from './load'
import { brisk, briskBackstop, keep, patience, pending } from './options'
import { onStage, type Stage } from './stage'

export interface Setting {
  readonly transport?: RedisTransportOptions
  /** Names that the waiting side listens to from the start; ['job'] if not given. */
  readonly listen?: readonly string[]
  readonly recall?: boolean
  readonly backstop?: number
  /** How long kept waits last, in ms. */
  readonly patience?: number
  /** How long a silent peer is silent, in ms. */
  readonly silence?: number
  /** For a control: goes on after so many ms without having seen that a fault hit. */
  readonly unseen?: number
  readonly waits?: number
  /** Arguments for the server, instead of the fault's. */
  readonly server?: readonly string[]
  readonly title?: string
}

const briskSilence = 1_500

async function scene(stage: Stage, setting: Setting, kept: boolean): Promise<Scene> {
  const { transport = brisk, listen = ['job'], backstop = briskBackstop, silence = briskSilence, unseen } = setting
  const options = kept ? { keep, backstop } : {}
  const waiting = stage.connect('inlet', { ...options, listen }, transport)
  const emitters = [stage.connect('outlet', options, transport), stage.connect('server', options, transport)] as const
  await Promise.all([waiting, ...emitters].map((events) => events.init()))
  // There the option is for ids that the instance has made; those of a load are not.
  if ('channels' in transport && transport.channels === 'id')
    await Promise.all(listen.map((name) => waiting.listen(name)))
  return { stage, waiting, emitters, silence, unseen }
}

async function strike({ strike, lasts }: Fault, scene: Scene, load: Load, count: number): Promise<void> {
  await Promise.all([strike(scene), load.emit(count, lasts === 'silence' ? scene.silence : lasts)])
}

/**
 * Kept waits are pending; a fifth of the events comes before the fault, most while it lasts, the
 * rest after it. In the end the first are waited for once more.
 */
export function playKept(fault: Fault, setting: Setting = {}): Promise<Account & { readonly stale: number }> {
  const { waits = pending, recall = true, title = `${fault.name}, kept`, patience: timeout = patience } = setting
  return onStage(setting.server ?? fault.server, async (stage) => {
    const played = await scene(stage, setting, true)
    const load = new Load(played.waiting, played.emitters, stage.complaints)
    const all = load.wait(['job'], waits, { timeout, recall })
    const some = Math.floor(waits / 5)
    const early = all.slice(0, some)
    await load.emit(some, 200)
    await eventually(() => early.every(({ accepted }) => accepted !== undefined), { timeout })
    await strike(fault, played, load, waits - 2 * some)
    await load.emit(some, 200)
    if (recall) load.waitLate(early, { timeout })
    await load.settled()
    const account = accountOf(title, load)
    return { ...account, stale: fault.swallows === true ? await countStale(load) : 0 }
  })
}

/** Outcomes in the store that are not those of the emit that resolved: a rejected one came after it. */
async function countStale({ pairs, emitters }: Load): Promise<number> {
  const [, direct] = emitters
  let stale = 0
  for (const { name, id, accepted } of pairs) {
    const outcome = await direct?.peek(name, id)
    if (accepted !== undefined && outcome?.[2] !== accepted) stale++
  }
  return stale
}

/** Plain waits: what comes before the fault and after its end arrives, the rest may, and nothing hangs. */
export function playPlain(fault: Fault, setting: Setting = {}): Promise<Account & { readonly lostAfter: number }> {
  const { waits = pending, title = `${fault.name}, plain` } = setting
  return onStage(setting.server ?? fault.server, async (stage) => {
    const played = await scene(stage, setting, false)
    const { waiting, emitters } = played
    const load = new Load(waiting, emitters, stage.complaints)
    const some = Math.floor(waits / 5)
    const ms = fault.lasts === 'silence' ? played.silence : fault.lasts
    const before = load.wait(['job'], some, { timeout: patience })
    await load.emit(some, 100)
    await eventually(() => before.every(({ outcome }) => outcome !== undefined), { timeout: patience })
    const during = new Set(load.wait(['job'], waits - 2 * some, { timeout: ms + 1_000 }))
    await strike(fault, played, load, during.size)
    const ready = (): boolean =>
      waiting.stats().outputStore.connected && emitters.every((events) => events.stats().inputStore.connected)
    let after: Pair[] = []
    const uncounted = new Set<Pair>(during)
    // A machine that is busy may make a heartbeat of 500 ms see ghosts: what they cost is not what is asked here.
    for (let round = 1; round <= 5; round++) {
      await eventually(ready)
      const { interruptions } = waiting.stats().outputStore
      for (const pair of after) uncounted.add(pair)
      after = load.wait(['job'], some, { timeout: 3_000 })
      await load.emit(some, 100)
      await eventually(() => after.every(({ outcome }) => outcome !== undefined), { timeout: patience })
      if (waiting.stats().outputStore.interruptions === interruptions) break
    }
    await load.settled()
    const account = accountOf(title, load, { mayBeLost: (pair) => uncounted.has(pair) && isTimeout(pair) })
    return { ...account, lostAfter: after.filter(isLost).length }
  })
}
