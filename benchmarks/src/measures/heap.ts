import { summarise } from '../contenders/compare'
import { answer, end, start } from '../roles/child-process'
import type { Row } from '../row'

async function bytes(peer: 'ours' | 'by-hand', ids: 'short' | 'uuid' | 'home', waits: number): Promise<number> {
  const child = start({ role: 'heap', peer, ids, waits }, ['--expose-gc', '--max-old-space-size=4096'])
  const measured = await answer<number>(child)
  await end([child])
  return measured
}

const kinds = [
  { title: 'ours, ids of 36 characters', peer: 'ours', ids: 'uuid', target: { atMost: 300 } },
  { title: 'ours, with homes, ids of createId', peer: 'ours', ids: 'home', target: { atMost: 300 } },
  { title: 'ours, short ids', peer: 'ours', ids: 'short' },
  { title: 'a Map and setTimeout by hand', peer: 'by-hand', ids: 'uuid' },
] as const

/** Bytes of heap that a pending wait holds beside its id, with core and the memory transport. */
export async function heap(share: number): Promise<Row[]> {
  const waits = Math.ceil(1_000_000 * share)
  const rows: Row[] = []
  for (const { title, peer, ids, ...more } of kinds) {
    const values: number[] = []
    for (let round = 0; round < (share < 1 ? 1 : 3); round++) values.push(await bytes(peer, ids, waits))
    const metric = 'heap a pending wait'
    rows.push({ group: 'Memory', title, metric, value: summarise(values), unit: 'bytes', ...more })
  }
  return rows
}
