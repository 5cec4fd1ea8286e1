import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { MemoryTransport } from '@server-events/memory'
import { ServerEvents } from 'server-events'
import { root } from './files'

const readme = readFileSync(join(root, 'packages/core/README.md'), 'utf8')

/** What stands in backticks in the first column of the table under a heading. */
function firstColumn(heading: string): string[] {
  const [, section = ''] = readme.split(`## ${heading}\n`)
  const rows = (section.split('\n## ')[0] ?? '').split('\n').filter((line) => line.startsWith('| `'))
  return rows.map((row) => /^\| `([^`]*)`/.exec(row)?.[1] ?? '')
}

test("core's README tells every method of ServerEvents, and none that is not there", () => {
  const documented = firstColumn('Calls').map((call) => call.replace(/\(.*/, ''))
  const methods = Object.getOwnPropertyNames(ServerEvents.prototype).filter(
    (name) => name !== 'constructor' && name !== 'timeout',
  )
  expect(documented.filter((call) => !call.startsWith('new ')).sort()).toEqual(methods.sort())
})

test("core's README tells every option, and none that is not there", () => {
  const wrong = { 'no such option': true }
  const refusal = (): unknown => new ServerEvents(new MemoryTransport(), wrong as object)
  const options = firstColumn('Options')
  expect(refusal).toThrow(`there are ${options.join(', ')}`)
})
