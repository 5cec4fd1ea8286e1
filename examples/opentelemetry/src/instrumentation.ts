import { subscribe } from 'node:diagnostics_channel'
import { performance } from 'node:perf_hooks'
import { context, propagation, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'
import type { Attributes, Context, Meter, Span, Tracer } from '@opentelemetry/api'
import { ATTR_ERROR_TYPE } from '@opentelemetry/semantic-conventions'
import type { Diagnostics } from 'server-events'

/** What the semantic conventions for messaging call it: still in development, so copied, as they advise, not imported. */
const names = {
  system: 'messaging.system.name',
  destination: 'messaging.destination.name',
  operation: 'messaging.operation.name',
  type: 'messaging.operation.type',
  conversation: 'messaging.message.conversation_id',
  clientDuration: 'messaging.client.operation.duration',
  sent: 'messaging.client.sent.messages',
  consumed: 'messaging.client.consumed.messages',
  processDuration: 'messaging.process.duration',
}
const buckets = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10]
const inSeconds = { unit: 's', advice: { explicitBucketBoundaries: buckets } }

/** The ways in which a wait ends with an event. */
const good: readonly string[] = ['event', 'recall', 'restored', 'backstop']

export interface Instrumentation {
  /** The option of ServerEvents: begins the span of an emit or fail, and sends its context along. */
  readonly headers: (name: string, id: string) => Record<string, string>
  /** Makes of a listener one that runs in a span, below the span of the emit that it hears. */
  readonly processing: <A extends unknown[]>(
    name: string,
    listener: (id: string, ...args: A) => unknown,
  ) => (id: string, ...args: A) => Promise<void>
}

/** Makes spans and metrics of what all ServerEvents of this process publish to diagnostics channels. */
export function instrument(tracer: Tracer, meter: Meter): Instrumentation {
  const clientDuration = meter.createHistogram(names.clientDuration, inSeconds)
  const processDuration = meter.createHistogram(names.processDuration, inSeconds)
  const sent = meter.createCounter(names.sent, { unit: '{message}' })
  const consumed = meter.createCounter(names.consumed, { unit: '{message}' })

  /** Spans of emits by the traceparent that they sent; the channel tells the headers again when the emit has settled. */
  const sending = new Map<string, Span>()
  /** Spans of pending waits. */
  const waiting = new Map<string, { readonly span: Span; readonly began: number }[]>()
  /** The message that is being handed out: waits settle and listeners are called before the next one comes. */
  let current: { readonly key: string; readonly context: Context } | undefined

  on('server-events:event:emit', ({ name, kind, headers, duration, error }) => {
    const attributes = about(name, kind === 'event' ? 'emit' : 'fail', 'send', error?.code)
    sent.add(1, attributes)
    if (duration !== undefined) clientDuration.record(duration / 1_000, attributes)
    const traceparent = headers?.['traceparent'] ?? ''
    end(sending.get(traceparent), error?.code)
    sending.delete(traceparent)
  })

  on('server-events:wait:start', ({ name, id }) => {
    // In the context of whoever calls `on`.
    const span = tracer.startSpan(`receive ${name}`, {
      kind: SpanKind.CLIENT,
      attributes: spanAbout(name, id, 'on', 'receive'),
    })
    const key = keyOf(name, id)
    waiting.set(key, [...(waiting.get(key) ?? []), { span, began: performance.now() }])
  })

  on('server-events:event:receive', ({ name, id, headers, waits, streams, listeners }) => {
    current = { key: keyOf(name, id), context: propagation.extract(ROOT_CONTEXT, headers ?? {}) }
    consumed.add(waits + streams + listeners, about(name, 'deliver', 'receive'))
  })

  on('server-events:wait:settle', ({ name, id, way, duration }) => {
    const error = good.includes(way) ? undefined : way
    clientDuration.record(duration / 1_000, about(name, 'on', 'receive', error))
    const key = keyOf(name, id)
    const began = performance.now() - duration
    // Of several waits on one event, the one that began then.
    const [it, ...others] = (waiting.get(key) ?? []).sort(
      (a, b) => Math.abs(a.began - began) - Math.abs(b.began - began),
    )
    if (others.length > 0) waiting.set(key, others)
    else waiting.delete(key)
    // Its parent is who waits. What it waited for is a link: the span of the emit, in this trace or in another.
    const cause = current?.key === key ? trace.getSpanContext(current.context) : undefined
    if (cause !== undefined && way !== 'timeout') it?.span.addLink({ context: cause })
    end(it?.span, error)
  })

  return {
    headers(name, id) {
      const span = tracer.startSpan(`send ${name}`, {
        kind: SpanKind.PRODUCER,
        attributes: spanAbout(name, id, 'emit', 'send'),
      })
      const headers: Record<string, string> = {}
      propagation.inject(trace.setSpan(context.active(), span), headers)
      if (headers['traceparent'] !== undefined) sending.set(headers['traceparent'], span)
      return headers
    },

    processing(name, listener) {
      return async (id, ...args) => {
        const parent = current?.key === keyOf(name, id) ? current.context : ROOT_CONTEXT
        const attributes = spanAbout(name, id, 'listen', 'process')
        const span = tracer.startSpan(`process ${name}`, { kind: SpanKind.CONSUMER, attributes }, parent)
        const began = performance.now()
        let error: string | undefined
        try {
          await context.with(trace.setSpan(parent, span), () => listener(id, ...args))
        } catch (thrown) {
          error = (thrown as Error).name
          throw thrown
        } finally {
          processDuration.record((performance.now() - began) / 1_000, about(name, 'listen', 'process', error))
          end(span, error)
        }
      }
    },
  }
}

function on<N extends keyof Diagnostics>(name: N, listener: (message: Diagnostics[N]) => void): void {
  subscribe(name, (message) => listener(message as Diagnostics[N]))
}

function end(span: Span | undefined, error: string | undefined): void {
  if (error !== undefined) span?.setAttribute(ATTR_ERROR_TYPE, error).setStatus({ code: SpanStatusCode.ERROR })
  span?.end()
}

const keyOf = (name: string, id: string): string => `${name}\0${id}`

/** Of metrics: without the id, of which there are too many. */
function about(name: string, operation: string, type: string, error?: string): Attributes {
  return {
    [names.system]: 'server_events',
    [names.destination]: name,
    [names.operation]: operation,
    [names.type]: type,
    ...(error === undefined ? {} : { [ATTR_ERROR_TYPE]: error }),
  }
}

function spanAbout(name: string, id: string, operation: string, type: string): Attributes {
  return { ...about(name, operation, type), [names.conversation]: id }
}
