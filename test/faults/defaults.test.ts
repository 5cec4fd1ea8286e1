import * as the from './support/faults'
import { everything } from './support/options'
import { playKept } from './support/play'

/*
 * The faults whose length depends on ours: heartbeat, timeouts and backstop as they are by default.
 * Each takes about as long as it takes to find a silent peer, hence not in `npm test`.
 */
const slow = [the.deafSubscriber, the.mutePublisher, the.frozen, the.unanswered, the.swallowedPush, the.full]

;(everything ? test : test.skip).each(slow.map((fault) => [fault.name, fault] as const))(
  'with default options: %s',
  async (_, fault) => {
    const setting = { transport: {}, backstop: 20_000, patience: 60_000, silence: 12_000 }
    const { problems, stale } = await playKept(fault, { ...setting, title: `${fault.name}, kept, default options` })
    expect(problems).toEqual([])
    expect(stale).toBe(0)
  },
)
