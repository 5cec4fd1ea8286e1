import { DeliverOnce } from '../src/subscribe/deliver-once'
import type { Desired } from '../src/subscribe/deliver-once'
import { byPattern, ById } from '../src/wire/channels'
import type { Route } from '../src/wire/channels'
import { RecordingReceiver } from './support'

const channel = 'se:n:1'
const frame = 'se2\ne1\t\t[]'

/** `want` asks the server, `listen` has its answer as well. */
function listening(): {
  inbound: DeliverOnce
  receiver: RecordingReceiver
  want: (id?: string) => Route
  listen: () => Route
  leave: (route: Route) => void
} {
  const receiver = new RecordingReceiver()
  const desired: Desired = { channel: new Map(), pattern: new Map() }
  const inbound = new DeliverOnce(desired)
  const want = (id?: string): Route => {
    const route = id === undefined ? byPattern('se:', 'n', receiver) : new ById('se:', 'n', id, receiver)
    desired[route.kind].set(route.asked[0]!, { route })
    return route
  }
  return {
    inbound,
    receiver,
    want,
    listen: () => {
      const route = want()
      inbound.stands(desired.pattern.get(route.asked[0]!)!)
      return route
    },
    leave: ({ kind, asked }) => void desired[kind].delete(asked[0]!),
  }
}

test('the copy of the pattern, directly behind that of the channel, is the same PUBLISH', () => {
  const { inbound, receiver, want, listen } = listening()
  want('1')
  listen()
  for (let times = 1; times <= 3; times++) {
    inbound.message(channel, frame)
    inbound.pmessage('se:n:*', channel, frame)
    expect(receiver.ids).toHaveLength(times)
  }
  // One that nobody waits for comes by the pattern only.
  inbound.pmessage('se:n:*', 'se:n:2', 'se2\ne2\t\t[]')
  inbound.pmessage('se:n:*', 'se:n:2', 'se2\ne2\t\t[]')
  expect(receiver.ids.slice(3)).toEqual(['2', '2'])
})

test('also if the wait is given up between the two; a PUBLISH after that comes by the pattern', () => {
  const { inbound, receiver, want, listen, leave } = listening()
  const wait = want('1')
  listen()
  inbound.message(channel, frame)
  leave(wait)
  inbound.pmessage('se:n:*', channel, frame)
  expect(receiver.ids).toEqual(['1'])
  // Published before the server gave the channel up.
  inbound.message(channel, frame)
  inbound.pmessage('se:n:*', channel, frame)
  inbound.pmessage('se:n:*', channel, frame)
  expect(receiver.ids).toEqual(['1', '1', '1'])
})

test('what the pattern did not hear yet is not taken for its equal that it does hear', () => {
  const { inbound, receiver, want, leave } = listening()
  const wait = want('1')
  inbound.message(channel, frame)
  want()
  leave(wait)
  inbound.pmessage('se:n:*', channel, frame)
  expect(receiver.ids).toEqual(['1', '1'])
})

const read = (): Promise<void> => Promise.resolve()

test('of a pattern that stands the copy may come in another read', async () => {
  const { inbound, receiver, want, listen } = listening()
  want('1')
  listen()
  inbound.message(channel, frame)
  await read()
  inbound.pmessage('se:n:*', channel, frame)
  expect(receiver.ids).toEqual(['1'])
})

test('of one that was asked for it comes in the same read', async () => {
  const { inbound, receiver, want } = listening()
  want('1')
  want()
  inbound.message(channel, frame)
  inbound.pmessage('se:n:*', channel, frame)
  expect(receiver.ids).toEqual(['1'])
  await read()
  inbound.message(channel, frame)
  inbound.pmessage('se:n:*', channel, frame)
  expect(receiver.ids).toEqual(['1', '1'])
})

test('what comes in another one is no copy: the pattern did not stand yet', async () => {
  const { inbound, receiver, want, listen, leave } = listening()
  const wait = want('1')
  want()
  inbound.message(channel, frame)
  leave(wait)
  await read()
  inbound.pmessage('se:n:*', channel, frame)
  expect(receiver.ids).toEqual(['1', '1'])

  // Nor does it if it stood before, was given up and is asked for again.
  leave(listen())
  want('1')
  want()
  inbound.message(channel, frame)
  await read()
  inbound.pmessage('se:n:*', channel, frame)
  expect(receiver.ids).toEqual(['1', '1', '1', '1'])
})

test('a read forgets its own only', async () => {
  const { inbound, receiver, want, listen } = listening()
  want('1')
  want()
  inbound.message(channel, frame)
  listen()
  inbound.message(channel, frame)
  await read()
  inbound.pmessage('se:n:*', channel, frame)
  expect(receiver.ids).toEqual(['1', '1'])
})

test('nor if what was given up came by its channel in between', () => {
  const { inbound, receiver, want, listen, leave } = listening()
  const wait = want('1')
  listen()
  inbound.message(channel, frame)
  leave(wait)
  inbound.message(channel, frame)
  inbound.pmessage('se:n:*', channel, frame)
  expect(receiver.ids).toEqual(['1', '1'])
})

test('what differs is another PUBLISH, and so is what does not follow directly', () => {
  const { inbound, receiver, want, listen } = listening()
  want('1')
  want('2')
  listen()
  inbound.message(channel, frame)
  inbound.pmessage('se:n:*', channel, 'se2\ne1\t\t[2]')
  inbound.message(channel, frame)
  inbound.message('se:n:2', 'se2\ne2\t\t[]')
  inbound.pmessage('se:n:*', channel, frame)
  expect(receiver.ids).toEqual(['1', '1', '1', '2', '1'])
})

test('the pattern of a name whose name is a glob', () => {
  const receiver = new RecordingReceiver()
  const desired: Desired = { channel: new Map(), pattern: new Map() }
  const key = { name: '[a]*:\\', id: ':*' }
  const [wait, listen] = [new ById('s*:', key.name, key.id, receiver), byPattern('s*:', key.name, receiver)]
  desired.channel.set(wait.asked[0], { route: wait })
  desired.pattern.set(listen.asked[0]!, { route: listen })
  const inbound = new DeliverOnce(desired)
  const payload = 'se2\ne%3A*\t\t[]'
  inbound.message(wait.asked[0], payload)
  inbound.pmessage(listen.asked[0]!, wait.asked[0], payload)
  expect(receiver.delivered.map(({ key }) => key)).toEqual([key])
})
