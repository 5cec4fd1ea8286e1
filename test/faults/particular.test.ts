import { eventually } from '@server-events/testing'
import { Subscriber } from '../../packages/redis/src/subscribe/subscriber'
import { ForbiddenError } from 'server-events'
import { accountOf, type Account } from './support/account'
import { password } from './support/complaints'
import { Load, type Pair } from './support/load'
import { brisk, briskBackstop, everything, keep, pending } from './support/options'
import { onStage } from './support/stage'

afterEach(() => {
  jest.restoreAllMocks()
})

const isForbidden = ({ name, outcome }: Pair): boolean => name === 'job' && outcome === ForbiddenError.code

interface Robbed extends Account {
  /** Waits of the name whose channel was taken that were told so. */
  readonly forbidden: number
}

/** Waits of two names pend; the channel of one is taken from their user, and in the end given back. */
function rob(options: { keep?: number; backstop?: number }, timeout: number, title: string): Promise<Robbed> {
  return onStage([], async (stage) => {
    const acl = (...rules: string[]): Promise<unknown> => stage.admin.call('ACL', 'SETUSER', 'api', ...rules)
    await acl('on', `>${password}`, '~*', '+@all', 'resetchannels', '&se:job:*', '&se:other:*')
    const names = ['job', 'other']
    const waiting = stage.connect('inlet', { ...options, listen: names }, { ...brisk, username: 'api' })
    const emitter = stage.connect('server', options, brisk)
    await Promise.all([waiting.init(), emitter.init()])
    const load = new Load(waiting, [emitter], stage.complaints)
    load.wait(names, pending, { timeout })
    const some = Math.floor(pending / 5)
    await load.emit(some, 200)
    await acl('resetchannels', '&se:other:*')
    await load.emit(some, 200)
    await eventually(() => waiting.stats().outputStore.interruptions > 0 && waiting.stats().outputStore.connected)
    await load.emit(pending - 2 * some, 200)
    await load.settled()
    const account = accountOf(title, load, { mayReject: isForbidden, mayBeLost: (pair) => mayMiss(pair, options.keep) })
    await acl('&se:job:*')
    // It may join an attempt that was asked before the rule was back, and is refused with it.
    await eventually(() => waiting.listen('job'))
    const again = waiting.on('job', 'again', 20_000)
    await emitter.emit('job', 'again')
    await expect(again).resolves.toEqual([])
    return { ...account, forbidden: load.pairs.filter(isForbidden).length }
  })
}

/** Of the other name only plain events may be missed, while the connection is made anew. */
function mayMiss(pair: Pair, kept: number | undefined): boolean {
  return isForbidden(pair) || (kept === undefined && pair.outcome === 'ERR_TIMEOUT')
}

describe('ACL channel taken away while subscribed: its waits reject ForbiddenError, the others live', () => {
  test('kept', async () => {
    const options = { keep, backstop: briskBackstop }
    const { problems, forbidden } = await rob(options, 20_000, 'ACL channel taken away, kept')
    expect(problems).toEqual([])
    expect(forbidden).toBeGreaterThan(0)
  })

  test('plain', async () => {
    const { problems, forbidden } = await rob({}, 3_000, 'ACL channel taken away, plain')
    expect(problems).toEqual([])
    expect(forbidden).toBeGreaterThan(0)
  })
  ;(everything ? test : test.skip)(
    'control: if the refusal were not told, they would wait to their timeout',
    async () => {
      jest.spyOn(Subscriber.prototype as unknown as { refuse(): void }, 'refuse').mockImplementation(() => {})
      await expect(rob({}, 3_000, 'control: ACL refusal is not told')).rejects.toThrow()
    },
  )
})
