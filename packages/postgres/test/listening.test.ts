import type { LinkEvents } from 'server-events/transport-kit'
import { Listening } from '../src/client/listening'
import type { Session } from '../src/session/session'
import { Channels } from '../src/wire/names'
import { rejection } from './support'

/** As a client of `pg` rejects. */
const refused = (code: string): Error => Object.assign(new Error('no'), { code, severity: 'ERROR' })

/** Over a session that refuses the first statement. */
function listening(code: string): Listening {
  let asked = 0
  const session = {
    processId: 7,
    onNotification: () => undefined,
    query: () => (asked++ === 0 ? Promise.reject(refused(code)) : Promise.resolve([{ pid: 7 }])),
  } as unknown as Session
  const host = { warn: () => undefined, another: () => Promise.reject(new Error('none')) }
  return new Listening(session, 'here', new Channels('se'), {} as LinkEvents, host)
}

test.each(['57014', '53200', '55P03'])('what is refused for now (%s) is asked for again', async (code) => {
  const one = listening(code)
  expect(await rejection(one.subscribe({ name: 'report' }))).toMatchObject({ name: 'TransientRefusal' })
  await one.subscribe({ name: 'report' })
  one.close()
})

test('what is refused for good is answered so to all', async () => {
  const one = listening('0A000')
  const first = await rejection(one.subscribe({ name: 'report' }))
  expect(await rejection(one.subscribe({ name: 'other' }))).toBe(first)
})
