import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { summarise } from './compare'
import type { Row } from './row'

const run = promisify(execFile)

async function bytes(peer: 'ours' | 'by-hand', ids: 'short' | 'uuid', waits: number): Promise<number> {
  const args = ['--expose-gc', '--max-old-space-size=4096', join(__dirname, 'heap-child.js'), peer, ids, String(waits)]
  return Number((await run(process.execPath, args)).stdout)
}

const kinds = [
  { title: 'ours, ids of 36 characters', peer: 'ours', ids: 'uuid', target: { atMost: 300 } },
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
