import {
  context,
  isSpanContextValid,
  propagation,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api'
import type { Context, Span, SpanContext, Tracer } from '@opentelemetry/api'
import { errorOf, ofSpan } from './attributes'
import type { Channels, Told } from './channels'
import { attributes } from './names'

/**
 * A span for each emit, each wait and each call of a listener.
 *
 * A listener runs below the emit that it hears, in whichever process that was. A wait is below whoever waits, and knows
 * the emit that ended it by a link: one answer ends many waits, a kept one also those of days later.
 */
export function traceBy(tracer: Tracer, channels: Channels): void {
  /** Spans of emits by the headers that they sent: an emit that is refused before it leaves is forgotten. */
  const sending = new WeakMap<object, Span>()
  const waiting = new Map<number, Span>()
  /** The producer of the message that is being handed out: the waits that it ends are told before the next one comes. */
  let handedOut: { readonly key: string; readonly context: Context } | undefined

  channels.on('server-events:event:send', (told) => {
    const operation = operationOf(told)
    const span = tracer.startSpan(`send ${told.name}`, {
      kind: SpanKind.PRODUCER,
      attributes: ofSpan(told, operation, 'send'),
    })
    propagation.inject(trace.setSpan(context.active(), span), told.headers)
    // Without a propagator: what travels without headers is not known again when it has settled.
    if (Object.keys(told.headers).length === 0 && isSpanContextValid(span.spanContext()))
      told.headers['traceparent'] = traceparentOf(span.spanContext())
    sending.set(told.headers, span)
  })

  channels.on('server-events:event:emit', ({ headers, error }) => {
    if (headers) end(sending.get(headers), error?.code)
  })

  channels.on('server-events:wait:start', (told) => {
    // In the context of whoever calls `on`.
    const span = tracer.startSpan(`receive ${told.name}`, {
      kind: SpanKind.CLIENT,
      attributes: ofSpan(told, 'on', 'receive'),
    })
    waiting.set(told.wait, span)
  })

  channels.on('server-events:event:receive', (told) => {
    handedOut = { key: keyOf(told), context: propagation.extract(ROOT_CONTEXT, told.headers ?? {}) }
  })

  channels.on('server-events:wait:settle', (told) => {
    const { wait, way } = told
    const span = wait === undefined ? undefined : waiting.get(wait)
    if (wait === undefined || span === undefined) return
    waiting.delete(wait)
    span.setAttribute(attributes.way, way)
    const answered = errorOf(way) === undefined || way === 'failure'
    const cause = answered && handedOut?.key === keyOf(told) ? trace.getSpanContext(handedOut.context) : undefined
    if (cause !== undefined) span.addLink({ context: cause })
    end(span, errorOf(way))
  })

  channels.on('server-events:listener:call', (told) => {
    const { call } = told
    const parent = propagation.extract(ROOT_CONTEXT, told.headers ?? {})
    told.call = () => {
      const span = tracer.startSpan(
        `process ${told.name}`,
        { kind: SpanKind.CONSUMER, attributes: ofSpan(told, 'listen', 'process') },
        parent,
      )
      return during(
        () => context.with(trace.setSpan(parent, span), call),
        (error) => end(span, error),
      )
    }
  })
}

/** Runs it and tells when it is over, a promise that it returns included, and by what it failed. */
export function during(run: () => unknown, over: (error: string | undefined) => void): unknown {
  let result: unknown
  try {
    result = run()
  } catch (error) {
    over(nameOf(error))
    throw error
  }
  if (typeof (result as { then?: unknown } | undefined)?.then !== 'function') {
    over(undefined)
    return result
  }
  return Promise.resolve(result).then(
    (value) => {
      over(undefined)
      return value
    },
    (error: unknown) => {
      over(nameOf(error))
      throw error
    },
  )
}

export function operationOf({ kind }: Pick<Told<'server-events:event:send'>, 'kind'>): string {
  return kind === 'event' ? 'emit' : 'fail'
}

/** Of an error its name alone: its message may hold anything. */
function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : typeof error
}

function end(span: Span | undefined, error: string | undefined): void {
  if (error !== undefined) span?.setAttribute(attributes.error, error).setStatus({ code: SpanStatusCode.ERROR })
  span?.end()
}

/** As the W3C has it. */
function traceparentOf({ traceId, spanId, traceFlags }: SpanContext): string {
  return `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, '0')}`
}

function keyOf({ instance, name, id }: { instance: string | number; name: string; id: string }): string {
  return JSON.stringify([instance, name, id])
}
