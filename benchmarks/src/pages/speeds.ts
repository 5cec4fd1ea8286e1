import { measured, type Run } from '../record'

/** Waits a second with 256 in flight, as a multiple of those by hand. */
export interface Speed {
  /** For the chart, if it is drawn there. */
  readonly name?: string
  /** How its row in the README begins. */
  readonly row: string
  readonly times: number
}

/** @throws Error if the run did not measure one of them */
export function speedsOf(run: Run): readonly Speed[] {
  const times = (title: string, against = 'by hand'): number => {
    const row = measured(run).find(
      (one) => one.group === 'Waits' && one.title === title && one.against === against && one.metric === 'waits/s',
    )
    if (!row) throw new Error(`no result of Waits: ${title}, against ${against}`)
    return row.value.median
  }
  const ours = times('ours, 256 in flight')
  return [
    { name: 'server-events', row: '**server-events**', times: ours },
    { row: 'BullMQ Relay (experimental)²', times: ours / times('ours, 256 in flight', 'BullMQ Relay') },
    { name: 'NATS, by hand', row: 'NATS `request`', times: times('NATS core by hand, 256 in flight') },
    { name: 'ioredis pub/sub, by hand', row: 'pub/sub of ioredis, by hand', times: 1 },
    {
      name: 'BullMQ waitUntilFinished',
      row: 'BullMQ `waitUntilFinished`',
      times: times('BullMQ waitUntilFinished, 256 in flight'),
    },
  ]
}

/** As short as two bars can be told apart. */
export function timesText(times: number): string {
  return times.toFixed(times < 0.95 ? 2 : 1).replace(/\.0$/, '')
}

/** The README with the speeds of its comparison made anew: the second cell of the rows that begin with a name. */
export function withSpeeds(markdown: string, run: Run): string {
  let changed = markdown
  for (const { row, times } of speedsOf(run)) {
    const line = new RegExp(`^(\\| ${escaped(row)} *\\| )([^|]*?)( *)\\|`, 'm')
    if (!line.test(markdown)) throw new Error(`the comparison has no row ${row}`)
    changed = changed.replace(line, (_, begin: string, old: string, rest: string) => {
      return `${begin}${timesText(times).padEnd(old.length + rest.length)}|`
    })
  }
  return changed
}

function escaped(text: string): string {
  return text.replace(/[^\w ]/g, '\\$&')
}
