/** A span, as it travels from the process that recorded it to the one that shows it. */
export interface Recorded {
  readonly service: string
  readonly name: string
  /** 0 internal, 1 server, 2 client, 3 producer, 4 consumer. */
  readonly kind: number
  readonly attributes: Readonly<Record<string, unknown>>
  readonly failed: boolean
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId: string | undefined
  /** The spans that it is linked to. */
  readonly links: readonly string[]
  /** Both in ms. */
  readonly start: number
  readonly ms: number
}

/** A metric with one set of attributes. */
export interface Measured {
  readonly service: string
  readonly name: string
  readonly unit: string
  readonly attributes: Readonly<Record<string, unknown>>
  /** How many were counted or measured. */
  readonly count: number
  /** Of a histogram: of all that was measured, in `unit`. */
  readonly sum: number | undefined
}

export interface Report {
  readonly spans: readonly Recorded[]
  readonly metrics: readonly Measured[]
}

const kinds = ['internal', 'server', 'client', 'producer', 'consumer']

/** Each trace as a tree, a line for a span, in the order in which they began. */
export function traces(spans: readonly Recorded[]): string[] {
  const ordered = [...spans].sort((a, b) => a.start - b.start)
  const lines = (span: Recorded, indent: string): string[] => {
    const what = `${indent}${span.name}`.padEnd(36)
    const line = `${what} ${span.service.padEnd(7)} ${kinds[span.kind] ?? ''.padEnd(8)}`.padEnd(54)
    const error = span.failed ? `  ${String(span.attributes['error.type'])}` : ''
    const children = ordered.filter(({ parentSpanId }) => parentSpanId === span.spanId)
    return [
      `${line} ${span.ms.toFixed(1).padStart(7)} ms${error}`,
      ...children.flatMap((it) => lines(it, `${indent}  `)),
    ]
  }
  const roots = ordered.filter(({ parentSpanId }) => !spans.some(({ spanId }) => spanId === parentSpanId))
  return roots.flatMap((root) => [`trace ${root.traceId}`, ...lines(root, '  '), ''])
}

/** Each metric, a line for each set of attributes. */
export function tables(metrics: readonly Measured[]): string[] {
  return metrics.flatMap(({ service, name, unit, attributes, count, sum }) => {
    const values = Object.entries(attributes).map(
      ([key, value]) => `${key.replace(/^messaging\./, '')}=${String(value)}`,
    )
    const mean = sum === undefined ? '' : `, mean ${((1e3 * sum) / count).toFixed(1)} ms`
    return [`${service.padEnd(7)} ${name} ${unit}: ${count}${mean}`, `          ${values.join(' ')}`]
  })
}
