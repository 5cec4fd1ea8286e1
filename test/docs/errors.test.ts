import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { errorTable } from '../../packages/core/src/errors'
import { root } from './files'

const rows = readFileSync(join(root, 'docs/errors.md'), 'utf8')
  .split('\n')
  .filter((line) => line.startsWith('| `ERR_'))
  .map((line) => line.split('|').map((cell) => cell.trim()))
  .map(([, code, name, meaning]) => ({ code, name, meaning }))

test('docs/errors.md and the table of errors say the same', () => {
  const expected = Object.entries(errorTable).map(
    ([
      name,
      {
        class: { code },
        meaning,
      },
    ]) => ({
      code: `\`${code}\``,
      name: `\`${name}\``,
      meaning,
    }),
  )
  expect(rows).toEqual(expected)
})

test('every code is ERR_ and the name of its class', () => {
  for (const [name, { class: constructor }] of Object.entries(errorTable)) {
    const words = name.replace(/Error$/, '').replaceAll(/(?<=[a-z])(?=[A-Z])/g, '_')
    expect(constructor.code).toBe(`ERR_${words.toUpperCase()}`)
    expect(constructor.prototype.name).toBe(name)
  }
})
