import { MemoryTransport } from '@server-events/memory'
import { instrument } from '@server-events/opentelemetry'
import { ServerEvents } from 'server-events'
import { startRecording } from './recorded'

test('without a propagator, of a provider that is given and not registered, spans of emits end as well', async () => {
  const { tracerProvider, meterProvider, span } = startRecording({ register: false })
  const end = instrument(undefined, { tracerProvider, meterProvider })
  const events = new ServerEvents(new MemoryTransport())
  const heard: unknown[] = []
  await events.listen('report', (id) => heard.push(id))
  await events.emit('report', '1')
  await events.close()
  end()
  expect(heard).toEqual(['1'])
  expect(span('send report').attributes['messaging.message.conversation_id']).toBe('1')
})
