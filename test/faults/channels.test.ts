import { Subscriber } from '../../packages/redis/src/subscribe/subscriber'
import * as the from './support/faults'
import { brisk, everything } from './support/options'
import { playKept, playPlain, type Setting } from './support/play'

afterEach(() => {
  jest.restoreAllMocks()
})

/** The waiting side of 'id' listens to no name: then its waits alone have to hear. */
const modes = [
  { channels: 'name', listen: ['job'] },
  { channels: 'id', listen: [] },
] as const
/** Those that end a subscribing connection, each in its way. */
const faults = [the.killedPubsub, the.crashed, the.deafSubscriber, the.cutWhileSubscribing]

describe.each(modes)('channels $channels', ({ channels, listen }) => {
  const setting = (title: string, more: Setting = {}): Setting => ({
    listen,
    transport: { ...brisk, channels },
    title: `${title}, channels ${channels}`,
    ...more,
  })

  test.each(faults.map((fault) => [fault.name, fault] as const))(
    'kept waits are pending and events go on, %s: 0 lost, 0 twice, all in time',
    async (_, fault) => {
      const { problems } = await playKept(fault, setting(`${fault.name}, kept`))
      expect(problems).toEqual([])
    },
  )

  if (!everything) return

  test('plain waits: what comes before a fault and after its end arrives, and nothing hangs', async () => {
    const { problems } = await playPlain(the.killedPubsub, setting('CLIENT KILL, plain', { listen: ['job'] }))
    expect(problems).toEqual([])
  })

  test('a control: without our resubscription, all is lost from then on', async () => {
    const { restore } = Subscriber.prototype as unknown as { restore(connection: object): Promise<void> }
    let first: object | undefined
    jest
      .spyOn(Subscriber.prototype as unknown as { restore(connection: object): Promise<void> }, 'restore')
      .mockImplementation(function (this: object, connection) {
        first ??= connection
        return first === connection ? restore.call(this, connection) : Promise.resolve()
      })
    const more = { patience: 4_000, recall: false }
    const { lost } = await playKept(the.crashed, setting('control without resubscription', more))
    expect(lost).toBeGreaterThan(0)
  })
})
