import type { Case } from '../case'
import { keep, recalled } from '../support/kept'
import { codeOf, describeError } from '../support/show'
import { event } from '../stage'
import { show } from '../support/show'
import { topicOf } from '../support/topics'

const key = { name: 'forbidden', id: '1' }
const allowed = { name: 'allowed', id: '1' }

export const refusal: readonly Case[] = [
  {
    title: 'a forbidden topic: subscribe rejects with ForbiddenError, in bounded time',
    contract: 1,
    needs: ['forbid subscribe'],
    run: async (stage) => {
      const subscriber = stage.peer()
      const topic = topicOf(subscriber, key)
      await stage.forbid(topic, topicOf(subscriber, allowed))
      await stage.rejects(`subscribe(${show(topic)})`, subscriber.transport.subscribe(topic), 'ERR_FORBIDDEN')
      await stage.subscribe(subscriber, topicOf(subscriber, allowed))
      await stage.rejects('a second subscribe to it', subscriber.transport.subscribe(topic), 'ERR_FORBIDDEN')
    },
  },
  {
    title: 'a refusal is no interruption, and the other topics stand',
    contract: 1,
    needs: ['forbid subscribe'],
    run: async (stage) => {
      const subscriber = stage.peer()
      const [topic, stands, later] = [key, allowed, { ...allowed, name: 'allowed-too' }].map((of) =>
        topicOf(subscriber, of),
      )
      await stage.forbid(topic ?? key, stands ?? allowed, later ?? allowed)
      await stage.subscribe(subscriber, stands ?? allowed)
      // How it settles is the matter of another case.
      subscriber.transport.subscribe(topic ?? key).catch(() => {})
      await stage.subscribe(subscriber, later ?? allowed)
      await stage.hears(subscriber, stands ?? allowed)
      stage.equal(subscriber.states('outputStore'), [true], 'after a refused subscribe, the states told of outputStore')
      stage.equal(subscriber.losses.length, 0, 'topics that never stood, told as lost')
    },
  },
  {
    title: 'a forbidden topic: publish rejects with ForbiddenError',
    contract: 'Transport.publish',
    needs: ['forbid publish'],
    run: async (stage) => {
      const publisher = await stage.publisher()
      await stage.forbid(topicOf(publisher, key), topicOf(publisher, allowed))
      await stage.rejects(`publish(${show(key)})`, publisher.transport.publish(key, event('refused')), 'ERR_FORBIDDEN')
      const subscriber = await stage.subscriber(topicOf(publisher, allowed))
      await stage.sentinel(publisher, allowed, subscriber)
    },
  },
  {
    title: 'a forbidden topic: keeper.publish rejects with ForbiddenError',
    contract: 'Keeper.publish',
    needs: ['forbid publish', 'keeper'],
    run: async (stage) => {
      const publisher = await stage.publisher()
      await stage.forbid(topicOf(publisher, key), topicOf(publisher, allowed))
      const kept = stage.keeperOf(publisher).publish(key, event('refused'), 60_000)
      await stage.rejects(`keeper.publish(${show(key)})`, kept, 'ERR_FORBIDDEN')
      const subscriber = await stage.subscriber(topicOf(publisher, allowed))
      await keep(stage, publisher, allowed, event('allowed'))
      await stage.sentinel(publisher, allowed, subscriber)
    },
  },
  {
    title: 'a forbidden store: keeper.publish rejects, recall answers ForbiddenError, forget rejects',
    contract: 'Keeper.recall',
    needs: ['forbid store', 'keeper'],
    run: async (stage) => {
      const publisher = await stage.publisher()
      await keep(stage, publisher, key, event('kept before'))
      await stage.forbid(topicOf(publisher, key), topicOf(publisher, allowed))
      const keeper = stage.keeperOf(publisher)
      const kept = keeper.publish(key, event('refused'), 60_000)
      await stage.rejects(`keeper.publish(${show(key)})`, kept, 'ERR_FORBIDDEN', 'ERR_NOT_KEPT')
      const [answer, other] = await stage.recall(publisher, key, allowed)
      stage.check(
        codeOf(answer) === 'ERR_FORBIDDEN',
        () =>
          `answered recall(${show(key)}), which the broker forbids, with ${answer instanceof Error ? describeError(answer) : show(answer)}`,
      )
      stage.equal(other, undefined, 'asked together with a forbidden key, recalled of one that was never kept')
      await stage.rejects(`keeper.forget(${show(key)})`, keeper.forget(key), 'ERR_FORBIDDEN')
      await keep(stage, publisher, allowed, event('allowed'))
      stage.equal(await recalled(stage, publisher, allowed), [event('allowed').body], 'kept what is allowed, recalled')
    },
  },
  {
    title: 'a topic that stood and is not allowed again is lost, once, before outputStore is up',
    contract: 'Receiver.lost',
    needs: ['forbid subscribe', 'interrupt'],
    run: async (stage) => {
      const subscriber = stage.peer()
      const [topic, stands] = [topicOf(subscriber, key), topicOf(subscriber, allowed)]
      await stage.subscribe(subscriber, topic, stands)
      const before = subscriber.log.length
      await stage.forbid(topic, stands)
      await stage.interrupt()
      await stage.eventually(() => subscriber.losses.length > 0, {
        else: () => `was refused ${show(topic)} when it subscribed again, and never told that it is lost`,
      })
      const loss = subscriber.losses[0]
      stage.equal({ ...loss?.topic }, { ...topic }, 'told of a lost topic')
      stage.check(
        codeOf(loss?.error) === 'ERR_FORBIDDEN',
        () => `told that a topic is lost with ${describeError(loss?.error)} instead of ERR_FORBIDDEN`,
      )
      const since = subscriber.log.slice(before)
      const [up, lost] = ['outputStore up', `lost ${topic.name}`].map((line) => since.indexOf(line))
      stage.check(
        up === -1 || Number(up) > Number(lost),
        () => `said that outputStore is up before it said what is lost: ${since.join(', ')}`,
      )
      await stage.hears(subscriber, stands)
      const ups = subscriber.ups('outputStore')
      await stage.interrupt()
      await stage.eventually(() => subscriber.ups('outputStore') > ups, {
        else: () => 'outputStore was never up again',
      })
      await stage.hears(subscriber, stands)
      stage.equal(subscriber.losses.length, 1, 'times that it told of one lost topic')
    },
  },
  {
    title: 'refused credentials: connect, publish and subscribe reject with AuthError, and again',
    contract: 8,
    needs: ['unauthorized'],
    run: async (stage) => {
      const peer = stage.unauthorized()
      const { transport } = peer
      for (const time of ['the first', 'the second']) {
        await stage.rejects(`${time} connect()`, transport.connect(), 'ERR_AUTH')
        await stage.rejects(`${time} publish()`, transport.publish(key, event('refused')), 'ERR_AUTH')
        await stage.rejects(`${time} subscribe()`, transport.subscribe(topicOf(peer, key)), 'ERR_AUTH')
      }
      const told = peer.log.filter((line) => / (up|down)$/.test(line))
      stage.equal(told, [], 'never let in, and told of states')
    },
  },
]
