import { performance } from 'node:perf_hooks'
import type { Meter, ObservableCallback } from '@opentelemetry/api'
import { about, errorOf, ofInstance } from './attributes'
import type { Channels } from './channels'
import { attributes, buckets, metrics } from './names'
import { during, operationOf } from './tracing'

/** The metrics of the messaging conventions, and what only waits have. Returns what stops observing. */
export function measureBy(meter: Meter, channels: Channels): () => void {
  const seconds = { unit: 's', advice: { explicitBucketBoundaries: buckets } }
  const operation = meter.createHistogram(metrics.operation, seconds)
  const processing = meter.createHistogram(metrics.process, seconds)
  const sent = meter.createCounter(metrics.sent, { unit: '{message}' })
  const consumed = meter.createCounter(metrics.consumed, { unit: '{message}' })
  const settled = meter.createCounter(metrics.settled, { unit: '{wait}' })
  const interruptions = meter.createCounter(metrics.interruptions, { unit: '{interruption}' })
  const refused = meter.createCounter(metrics.refused, { unit: '{topic}' })
  const dropped = meter.createCounter(metrics.dropped, { unit: '{message}' })
  const gauge = meter.createObservableGauge(metrics.pending, { unit: '{wait}' })

  /** Waits that were seen to begin and have not ended, by instance. */
  const pending = new Map<string | number, number>()
  const observe: ObservableCallback = (result) => {
    for (const [instance, waits] of pending) result.observe(waits, ofInstance({ instance }))
  }
  gauge.addCallback(observe)

  channels.on('server-events:event:emit', (told) => {
    const labels = about(told, operationOf(told), 'send', told.error?.code)
    sent.add(1, labels)
    if (told.duration !== undefined) operation.record(told.duration / 1_000, labels)
  })
  channels.on('server-events:event:receive', (told) => {
    consumed.add(told.waits + told.streams + told.listeners, about(told, 'deliver', 'receive'))
  })
  channels.on('server-events:wait:start', ({ instance }) => {
    pending.set(instance, (pending.get(instance) ?? 0) + 1)
  })
  channels.on('server-events:wait:settle', (told) => {
    const { instance, name, wait, way, duration } = told
    const count = pending.get(instance) ?? 0
    // Not one that began before this did.
    if (wait !== undefined && count > 0) pending.set(instance, count - 1)
    operation.record(duration / 1_000, about(told, 'on', 'receive', errorOf(way)))
    settled.add(1, { ...ofInstance(told), [attributes.destination]: name, [attributes.way]: way })
  })
  channels.on('server-events:listener:call', (told) => {
    const { call } = told
    told.call = () => {
      const began = performance.now()
      return during(call, (error) =>
        processing.record((performance.now() - began) / 1_000, about(told, 'listen', 'process', error)),
      )
    }
  })
  channels.on('server-events:store:down', (told) => {
    interruptions.add(1, { ...ofInstance(told), [attributes.side]: told.store })
  })
  channels.on('server-events:topic:lost', (told) => {
    refused.add(1, { ...ofInstance(told), [attributes.destination]: told.name, [attributes.error]: told.error.code })
  })
  channels.on('server-events:event:drop', (told) => {
    const destination = told.name === undefined ? {} : { [attributes.destination]: told.name }
    dropped.add(1, { ...ofInstance(told), ...destination, [attributes.error]: told.error.code })
  })
  return () => gauge.removeCallback(observe)
}
