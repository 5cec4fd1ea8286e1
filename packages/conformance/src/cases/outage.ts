import type { Case } from '../case'
import type { Peer } from '../peer'
import { event } from '../stage'
import type { Stage } from '../stage'
import { Attempts } from '../support/attempts'
import { keep, presuppose, recalled } from '../support/kept'
import { topicOf } from '../support/topics'
import { isPending, pause, settledWithin, turn } from '../support/waiting'

const key = { name: 'report', id: '1' }
const other = { name: 'other', id: '1' }
const unaccepted = ['ERR_CONNECTION', 'ERR_UNCERTAIN'] as const

/** One that publishes and subscribes, as an instance does, and one that only publishes: both stand. */
async function pair(stage: Stage): Promise<readonly [Peer, Peer]> {
  const peer = stage.peer()
  await stage.subscribe(peer, topicOf(peer, key))
  await stage.value('connect()', peer.transport.connect())
  return [peer, await stage.publisher()]
}

async function toldDown(stage: Stage, peer: Peer, store: 'inputStore' | 'outputStore', when: string): Promise<void> {
  await stage.eventually(() => peer.states(store).at(-1) === false, {
    else: () => `was never told that ${store} is down, ${when}`,
  })
}

/** Everything that has a deadline, asked of a broker that does not answer. */
async function refusesAll(stage: Stage, peers: readonly Peer[], when: string): Promise<Attempts> {
  const attempts = new Attempts(stage)
  const others: Promise<unknown>[] = []
  for (const peer of peers) {
    for (let times = 0; times < 3; times++) attempts.publish(peer, key, event(`${when} ${peer.number} ${times}`))
    if (!peer.transport.keeper) continue
    attempts.keep(peer, key, event(`${when}, kept by ${peer.number}`))
    others.push(
      stage.rejects(`keeper.forget() ${when}`, stage.keeperOf(peer).forget(key), ...unaccepted),
      recalled(stage, peer, key, other).then((answers) =>
        stage.equal(answers, ['Error', 'Error'], `recalled ${when} of two keys`),
      ),
    )
  }
  void Promise.allSettled(others)
  await attempts.settle(when, ...unaccepted)
  const accepted = await attempts.accepted()
  stage.check(accepted.length === 0, () => `publish() ${when} resolved, and nobody had accepted it`)
  await Promise.all(others)
  return attempts
}

/** Afterwards all is as it was, and what was refused is never heard. */
async function heals(stage: Stage, [peer, publisher]: readonly Peer[], attempts: Attempts): Promise<void> {
  if (!peer || !publisher) return
  for (let times = 0; times < 2; times++) {
    await stage.hears(peer, topicOf(peer, key))
    await stage.sentinel(publisher, key, peer)
    await stage.sentinel(peer, key, peer)
    await attempts.neverHeard(peer)
  }
}

/** Closes those that stand, and those that try to, while the broker does not answer. */
async function closes(stage: Stage, standing: readonly Peer[], when: string): Promise<void> {
  const [connecting, subscribing, publishing, unused] = [stage.peer(), stage.peer(), stage.peer(), stage.peer()]
  const closed = ['ERR_CLOSED']
  const attempts = new Attempts(stage)
  for (const peer of [...standing, publishing]) attempts.publish(peer, key, event(`pending ${peer.number}`))
  const settled = [
    stage.resolvesOr(closed, `connect() that was pending at close() ${when}`, connecting.transport.connect()),
    stage.resolvesOr(
      closed,
      `subscribe() that was pending at close() ${when}`,
      subscribing.transport.subscribe(topicOf(subscribing, other)),
    ),
  ]
  void Promise.allSettled(settled)
  // As far as they get: one within the process needs turns, one across a network some time.
  for (let turns = 0; turns < 50; turns++) await turn()
  await pause(10)
  const all = [...standing, connecting, subscribing, publishing, unused]
  await Promise.all(all.map((peer) => stage.value(`close() ${when}`, peer.transport.close())))
  await Promise.all(settled)
  await attempts.settle(`that was pending at close() ${when}`, ...closed, ...unaccepted)
}

export const outage: readonly Case[] = [
  {
    title: 'stopped: it is told, what is published settles in bounded time and is accepted by nobody, also later',
    contract: 'Transport.publish',
    needs: ['stop'],
    run: async (stage) => {
      const [peer, publisher] = await pair(stage)
      await stage.stop()
      await toldDown(stage, peer, 'outputStore', 'while the broker was stopped')
      await toldDown(stage, peer, 'inputStore', 'while the broker was stopped')
      await stage.value('unsubscribe() while the broker is stopped', peer.transport.unsubscribe(topicOf(peer, other)))
      const attempts = await refusesAll(stage, [peer, publisher], 'while the broker is stopped')
      await stage.start()
      await heals(stage, [peer, publisher], attempts)
    },
  },
  {
    title: 'stopped: recall answers Errors at once',
    contract: 'Keeper.recall',
    needs: ['stop', 'keeper'],
    run: async (stage) => {
      const [peer] = await pair(stage)
      await keep(stage, peer, key, event('kept'))
      await presuppose(stage, peer, key)
      await stage.stop()
      await toldDown(stage, peer, 'inputStore', 'while the broker was stopped')
      // Nowhere near what a publish may take, and far more than it needs.
      const atOnce = stage.timeout / 8
      const settled = await settledWithin(recalled(stage, peer, key, other), atOnce)
      stage.check(settled !== undefined, `recall has not answered after ${atOnce} ms, while the connection is down`)
      stage.equal(settled?.ok && settled.value, ['Error', 'Error'], 'recalled while the connection is down')
      await stage.start()
      const answers = async (): Promise<boolean> => (await recalled(stage, peer, key))[0] !== 'Error'
      await stage.eventually(answers, { else: () => 'answers no recall any more after the broker was stopped' })
    },
  },
  {
    title: 'stopped: connect and subscribe pend, and each failed attempt is told; started, they settle',
    contract: 'Transport.connect',
    needs: ['stop'],
    run: async (stage) => {
      // The way of the probes stands before there is nobody to reach.
      const witness = await stage.subscriber(topicOf(stage.peer(), key))
      await stage.stop()
      const [connecting, subscribing] = [stage.peer(), stage.peer()]
      const connected = connecting.transport.connect()
      const subscribed = subscribing.transport.subscribe(topicOf(subscribing, key))
      const pending = { connect: isPending(connected), subscribe: isPending(subscribed) }
      for (const [peer, store] of [
        [connecting, 'inputStore'],
        [subscribing, 'outputStore'],
      ] as const) {
        await stage.eventually(() => peer.log.some((line) => line.startsWith(`${store} error ERR_CONNECTION`)), {
          else: () => `tried to connect ${store} to a broker that is stopped, and told no ConnectionError`,
        })
      }
      for (const [call, isStillPending] of Object.entries(pending))
        stage.check(isStillPending(), `${call}() settled while the broker is stopped`)
      await stage.start()
      await stage.value('connect() when the broker is started', connected)
      await stage.value('subscribe() when the broker is started', subscribed)
      await stage.hears(witness, topicOf(witness, key))
      await stage.hears(subscribing, topicOf(subscribing, key))
      await stage.sentinel(connecting, key, subscribing)
    },
  },
  {
    title: 'stopped: close is bounded, whatever is pending',
    contract: 'Transport.close',
    needs: ['stop'],
    run: async (stage) => {
      const standing = await pair(stage)
      await stage.stop()
      await closes(stage, standing, 'while the broker is stopped')
    },
  },
  {
    title: 'frozen: what is asked settles in bounded time and is accepted by nobody; thawed, all is as it was',
    contract: 'Transport.publish',
    needs: ['freeze'],
    run: async (stage) => {
      const peers = await pair(stage)
      await stage.freeze()
      const attempts = await refusesAll(stage, peers, 'while the broker is frozen')
      await stage.thaw()
      await heals(stage, peers, attempts)
    },
  },
  {
    title: 'frozen: it is noticed, also by a subscription that nobody uses',
    contract: 'Receiver.state',
    needs: ['freeze'],
    run: async (stage) => {
      const subscriber = stage.peer()
      await stage.subscribe(subscriber, topicOf(subscriber, key))
      await stage.freeze()
      await toldDown(stage, subscriber, 'outputStore', `in ${stage.timeout} ms in which the broker was frozen`)
      await stage.thaw()
      await stage.eventually(() => subscriber.states('outputStore').at(-1) === true, {
        else: () => 'thawed, and outputStore was never up again',
      })
      await stage.hears(subscriber, topicOf(subscriber, key))
    },
  },
  {
    title: 'frozen: connect and subscribe pend; thawed, they settle',
    contract: 'Transport.connect',
    needs: ['freeze'],
    run: async (stage) => {
      const standing = await stage.subscriber(topicOf(stage.peer(), key))
      const [connecting, subscribing] = [stage.peer(), stage.peer()]
      await stage.freeze()
      const calls = {
        'connect()': connecting.transport.connect(),
        'subscribe()': subscribing.transport.subscribe(topicOf(subscribing, key)),
        'subscribe() of one that stood': standing.transport.subscribe(topicOf(standing, other)),
      }
      const pending = Object.entries(calls).map(([call, promise]) => [call, isPending(promise)] as const)
      await toldDown(stage, standing, 'outputStore', `in ${stage.timeout} ms in which the broker was frozen`)
      for (const [call, isStillPending] of pending)
        stage.check(isStillPending(), `${call} settled while the broker is frozen`)
      await stage.thaw()
      for (const [call, promise] of Object.entries(calls))
        await stage.value(`${call} when the broker is thawed`, promise)
      await stage.hears(subscribing, topicOf(subscribing, key))
      await stage.hears(standing, topicOf(standing, key), topicOf(standing, other))
      await stage.sentinel(connecting, key, subscribing, standing)
    },
  },
  {
    title: 'frozen: close is bounded, whatever is pending',
    contract: 'Transport.close',
    needs: ['freeze'],
    run: async (stage) => {
      const standing = await pair(stage)
      await stage.freeze()
      await closes(stage, standing, 'while the broker is frozen')
    },
  },
]
