import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { docs } from '../src/doctor/finding'

test.each(Object.values(docs))('%s exists, to which the doctor sends people', (link) => {
  const [file = '', anchor] = link.split('#')
  const path = join(__dirname, '../../..', file)
  expect(existsSync(path)).toBe(true)
  const headings = [...readFileSync(path, 'utf8').matchAll(/^#+ (.*)$/gm)].map(([, title = '']) =>
    title
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-'),
  )
  if (anchor !== undefined) expect(headings).toContain(anchor)
})
