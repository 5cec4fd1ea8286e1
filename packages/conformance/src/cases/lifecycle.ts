import type { Case } from '../case'
import { event } from '../stage'
import { show } from '../support/show'
import { pause } from '../support/waiting'
import { Attempts } from '../support/attempts'
import { heldResources } from '../support/resources'
import { topicOf } from '../support/topics'

const key = { name: 'report', id: '1' }

export const lifecycle: readonly Case[] = [
  {
    title: 'it declares its routing, and a whole keeper or none',
    contract: 'Transport.routing',
    run: async (stage) => {
      const { routing, keeper } = stage.peer().transport
      stage.check(
        ['name', 'id'].includes(routing),
        `declares routing ${show(routing)}, which is neither 'name' nor 'id'`,
      )
      for (const method of keeper ? (['publish', 'recall', 'forget'] as const) : [])
        stage.check(typeof keeper?.[method] === 'function', `has a keeper without ${method}()`)
      await Promise.resolve()
    },
  },
  {
    title: 'attach opens nothing',
    contract: 'Transport.attach',
    run: async (stage) => {
      const idle = stage.peer()
      await stage.sentinel(await stage.publisher(), key, await stage.subscriber({ name: key.name }))
      stage.equal(idle.log, [], 'told of itself without having been asked for anything')
    },
  },
  {
    title: 'a second attach throws, and the first receiver stays',
    contract: 7,
    run: async (stage) => {
      const peer = stage.peer()
      let thrown = false
      try {
        peer.transport.attach(stage.peer())
      } catch {
        thrown = true
      }
      stage.check(thrown, 'took a second receiver')
      await stage.subscribe(peer, topicOf(peer, key))
    },
  },
  {
    title: 'connect opens the publishing side, which is told up once',
    contract: 'Transport.connect',
    run: async (stage) => {
      const peer = stage.peer()
      await stage.value('connect()', peer.transport.connect())
      await stage.value('a second connect()', peer.transport.connect())
      await stage.value('publish()', peer.transport.publish(key, event('connected')))
      await stage.eventually(() => peer.ups('inputStore') > 0, {
        else: () => `connect resolved, but state('inputStore', true) was never told`,
      })
      stage.equal(peer.states('inputStore'), [true], 'told of the state of inputStore')
    },
  },
  {
    title: 'publish and subscribe connect by themselves',
    contract: 'Transport.publish',
    run: async (stage) => {
      const [emits, waits] = [stage.peer(), stage.peer()]
      await stage.subscribe(waits, topicOf(waits, key))
      const message = event('without connect')
      await stage.value('publish() without connect()', emits.transport.publish(key, message))
      await stage.arrived(waits, message)
      for (const [peer, store] of [
        [emits, 'inputStore'],
        [waits, 'outputStore'],
      ] as const) {
        await stage.eventually(() => peer.ups(store) > 0, {
          else: () => `is in use, but state('${store}', true) was never told`,
        })
      }
    },
  },
  {
    title: 'close is idempotent and bounded: unused, while connecting, connected, twice',
    contract: 'Transport.close',
    run: async (stage) => {
      const [unused, connecting, subscribing, connected] = [stage.peer(), stage.peer(), stage.peer(), stage.peer()]
      await stage.subscribe(connected, topicOf(connected, key))
      await stage.value('connect()', connected.transport.connect())
      const pending = {
        'connect()': connecting.transport.connect(),
        'subscribe()': subscribing.transport.subscribe(topicOf(subscribing, key)),
      }
      const settled = Object.entries(pending).map(([call, promise]) =>
        stage.resolvesOr(['ERR_CLOSED'], `${call} that was pending at close()`, promise),
      )
      void Promise.allSettled(settled)
      const states = Object.entries({ unused, connecting, subscribing, connected })
      await Promise.all(
        states.flatMap(([state, { transport }]) => [
          stage.value(`close() of one that is ${state}`, transport.close()),
          stage.value(`a second close() of one that is ${state}`, transport.close()),
        ]),
      )
      for (const [state, { transport }] of states)
        await stage.value(`close() after close() of one that was ${state}`, transport.close())
      await Promise.all(settled)
    },
  },
  {
    title: 'what is published just before close is accepted, or rejects',
    contract: 'Transport.close',
    run: async (stage) => {
      const publisher = stage.peer()
      const witness = await stage.subscriber(topicOf(publisher, key))
      const unconnected = stage.peer()
      await stage.value('connect()', publisher.transport.connect())
      const attempts = new Attempts(stage)
      for (const peer of [publisher, unconnected])
        for (let index = 0; index < 20; index++) attempts.publish(peer, key, event(`late ${index} of ${peer.number}`))
      const closed = [publisher, unconnected].map(({ transport }) => transport.close())
      await stage.value('close()', Promise.all(closed))
      await attempts.settle('that was pending at close()', 'ERR_CLOSED', 'ERR_UNCERTAIN')
      for (const message of await attempts.accepted()) await stage.arrived(witness, message)
      await stage.sentinel(await stage.publisher(), key, witness)
      await attempts.neverHeard(witness)
    },
  },
  {
    title: 'after close everything rejects with ClosedError, but unsubscribe, which never rejects',
    contract: 'Transport.close',
    run: async (stage) => {
      const peer = stage.peer()
      await stage.subscribe(peer, topicOf(peer, key))
      await stage.value('connect()', peer.transport.connect())
      const { transport } = peer
      await stage.value('close()', transport.close())
      const closed = 'ERR_CLOSED'
      await stage.rejects('connect() after close()', transport.connect(), closed)
      await stage.rejects('publish() after close()', transport.publish(key, event('after')), closed)
      await stage.rejects(
        'subscribe() after close()',
        transport.subscribe(topicOf(peer, { ...key, name: 'b' })),
        closed,
      )
      await stage.value('unsubscribe() after close()', transport.unsubscribe(topicOf(peer, key)))
      if (!transport.keeper) return
      const keeper = stage.keeperOf(peer)
      await stage.rejects('keeper.publish() after close()', keeper.publish(key, event('after'), 60_000), closed)
      await stage.rejects('keeper.forget() after close()', keeper.forget(key), closed)
    },
  },
  {
    title: 'after close the receiver hears nothing',
    contract: 4,
    run: async (stage) => {
      const subscriber = stage.peer()
      const topic = topicOf(subscriber, key)
      await stage.subscribe(subscriber, topic)
      const witness = await stage.subscriber(topic)
      const publisher = await stage.publisher()
      // On their way while it closes.
      const onTheirWay = Array.from({ length: 20 }, (_, index) =>
        stage.send(publisher, key, event(`on its way ${index}`)),
      )
      void Promise.allSettled(onTheirWay)
      await stage.value('close()', subscriber.transport.close())
      const before = subscriber.log.length
      await Promise.all(onTheirWay)
      await stage.sentinel(publisher, key, witness)
      // Its turn would have been about now.
      await pause()
      stage.equal(subscriber.log.slice(before), [], 'told after close()')
    },
  },
  {
    title: 'closing one transport leaves the others alone',
    contract: 7,
    run: async (stage) => {
      const [stays, goes, publisher] = [stage.peer(), stage.peer(), await stage.publisher()]
      for (const peer of [stays, goes]) await stage.subscribe(peer, topicOf(peer, key))
      await stage.value('connect()', goes.transport.connect())
      const before = stays.log.length
      await stage.value('close()', goes.transport.close())
      const message = event('to who stays')
      await stage.value('publish() of another one after close()', publisher.transport.publish(key, message))
      await stage.arrived(stays, message)
      stage.equal(stays.log.slice(before), [`deliver ${key.name} ${key.id}`], 'told to another one')
    },
  },
  {
    title: 'after close no timer or socket of it holds the process',
    contract: 7,
    run: async (stage) => {
      // What came before may still be going.
      await pause(30)
      const before = heldResources()
      const peer = stage.peer()
      const topic = topicOf(peer, key)
      await stage.value('connect()', peer.transport.connect())
      await stage.value('subscribe()', peer.transport.subscribe(topic))
      const message = event('own')
      await stage.value('publish()', peer.transport.publish(key, message))
      if (peer.transport.keeper) {
        await stage.value('keeper.publish()', stage.keeperOf(peer).publish(key, message, 60_000))
        await stage.recall(peer, key)
      }
      await stage.value('unsubscribe()', peer.transport.unsubscribe(topic))
      await stage.value('close()', peer.transport.close())
      const left = (): string[] => {
        const count = new Map(before)
        return [...heldResources()].flatMap(([kind, now]) => (now > (count.get(kind) ?? 0) ? [kind] : []))
      }
      await stage.eventually(() => left().length === 0, { else: () => `left behind: ${left().join(', ')}` })
    },
  },
  {
    title: 'after close it no longer listens to the process',
    contract: 7,
    run: async (stage) => {
      const listeners = (): Map<string | symbol, number> =>
        new Map(process.eventNames().map((name) => [name, process.listenerCount(name)]))
      const before = listeners()
      const peers = [stage.peer(), stage.peer()]
      for (const peer of peers) {
        await stage.subscribe(peer, topicOf(peer, key))
        await stage.value('publish()', peer.transport.publish(key, event('own')))
      }
      for (const { transport } of peers) await stage.value('close()', transport.close())
      // One for all is no leak: one for each is.
      const more = [...listeners()].filter(([name, count]) => count - (before.get(name) ?? 0) >= peers.length)
      stage.equal(
        more.map(([name]) => String(name)).join(),
        '',
        'after close() it still listens to events of the process',
      )
    },
  },
]
