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

  /** Waits that were seen to begin and have not ended, by the name of their instance: of those without one together. */
  const pending = new Map<string | undefined, Set<number>>()
  const pendingOf = ({ instance }: { readonly instance: string | number }): Set<number> => {
    const name = typeof instance === 'string' ? instance : undefined
    const waits = pending.get(name) ?? new Set()
    pending.set(name, waits)
    return waits
  }
  const observe: ObservableCallback = (result) => {
    for (const [name, waits] of pending) result.observe(waits.size, ofInstance({ instance: name ?? 0 }))
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
  channels.on('server-events:wait:start', (told) => {
    pendingOf(told).add(told.wait)
  })
  channels.on('server-events:wait:settle', (told) => {
    const { name, wait, way, duration } = told
    if (wait !== undefined) pendingOf(told).delete(wait)
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
  // From 0 on: of a counter that begins with 1 Prometheus sees no increase.
  channels.on('server-events:store:up', (told) => {
    interruptions.add(0, { ...ofInstance(told), [attributes.side]: told.store })
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
