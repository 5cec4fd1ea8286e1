import { MemoryTransport } from '@server-events/memory'
import { ServerEvents } from 'server-events'
import { quotedIn, tableUnder } from './page'

test('docs/operations.md tells every field of stats(), and none that is not there', () => {
  const { settled, inputStore, outputStore, ...counts } = new ServerEvents(new MemoryTransport()).stats()
  const of = (name: string, group: object): string[] => Object.keys(group).map((key) => `${name}.${key}`)
  // Absent until there is one.
  const optional = { lastError: undefined }
  expect(tableUnder('What to watch').flatMap(([field]) => quotedIn(field))).toEqual([
    ...Object.keys(counts),
    ...of('settled', settled),
    ...of('inputStore', { ...inputStore, ...optional }),
    ...of('outputStore', { ...outputStore, ...optional }),
  ])
})
