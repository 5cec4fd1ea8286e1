import { interleave, ratios, summarise, using } from '../contenders/compare'
import { startDurable } from '../contenders/durable'
import { answer, end, start } from '../roles/child-process'
import type { Row } from '../row'

const clients = 16

interface Contender {
  round(count: number): Promise<number>
  stop(): Promise<void>
}

/** A process of its own with a PostgreSQL of its own. */
async function begin(emits: boolean, flush: number): Promise<Contender> {
  const postgres = await startDurable(flush)
  const child = start({ role: 'transactions', url: postgres.url, clients, emits })
  await answer(child)
  return {
    async round(count) {
      child.send(count)
      return (count / (await answer<number>(child))) * 1000
    },
    async stop() {
      await end([child])
      await postgres.stop()
    },
  }
}

/** What a kept emit costs a transaction of the user's, its announcement included, where each flush takes so many ms longer. */
async function transactionsWith(flush: number, share: number): Promise<Row> {
  const count = Math.max(clients, Math.ceil((flush > 0 ? 5_000 : 10_000) * share))
  return using([() => begin(true, flush), () => begin(false, flush)], async ([emitting, plain]) => {
    for (const one of [emitting, plain]) await one.round(Math.ceil(count / 2))
    const [mine, theirs] = await interleave([() => emitting.round(count), () => plain.round(count)], share < 1 ? 1 : 7)
    const disk = flush > 0 ? `, a disk of ${flush} ms` : ''
    return {
      ...{ group: 'PostgreSQL', title: `transactions with an INSERT and a kept emit, ${clients} clients${disk}` },
      ...{ metric: 'transactions/s', against: 'the INSERT alone', value: ratios(mine, theirs), unit: '/s' },
      ...{ ours: summarise(mine).median, theirs: summarise(theirs).median },
      ...(flush > 0 && { target: { atLeast: 0.75 } }),
    }
  })
}

/** Where a commit costs nothing but CPU, and where it waits for a disk, which the target is held against. */
export async function transactions(share: number): Promise<Row[]> {
  return [await transactionsWith(0, share), await transactionsWith(2, share)]
}
