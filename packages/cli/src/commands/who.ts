import { serverOf } from '../connect'
import type { Target } from '../connect'
import { usage } from '../exit'
import { json, line, printable, table } from '../output'
import { countUse } from '../redis/use'

export interface WhoFlags extends Target {
  readonly maxKeys: number
}

/** Prints which names are in use, by how many, and how many outcomes are kept. */
export async function who(names: readonly string[], flags: WhoFlags): Promise<void> {
  const server = serverOf(flags)
  if (server.kind === 'nats') throw usage('who is for Redis: NATS tells by `nats server report connections`')
  if (server.kind === 'postgres')
    throw usage('who is for Redis: PostgreSQL tells of listeners in pg_stat_activity only')
  const { uses, complete, refused } = await countUse(server, names, flags)
  if (flags.json) {
    json({ names: uses, complete: complete && refused.length === 0, refused })
    return
  }
  if (uses.length === 0) line('no name is in use that could be seen from here: name those that you look for')
  else
    table(
      ['name', 'listening', 'waiting by id', 'kept'],
      uses.flatMap(({ name, listening, ids, homes, kept }) => [
        [printable(name), listening === undefined ? '?' : String(listening), String(ids), String(kept)],
        ...Object.entries(homes).map(([label, count]) => [`  home ${printable(label)}`, String(count), '', '']),
      ]),
    )
  if (refused.length > 0) line(`counts are too low: this user may not ask for ${refused.join(', ')}`)
  if (!complete) line(`not all: it ended after ${flags.maxKeys} keys or channels (--max-keys)`)
}
