import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { eventually, runNode } from '../src'

const directory = mkdtempSync(join(tmpdir(), 'run-node-'))
const script = join(directory, 'script.js')

afterAll(() => rmSync(directory, { recursive: true }))

test('reads lines, passes arguments and environment, and tells the exit code', async () => {
  writeFileSync(script, `console.log('one ' + process.argv[2]); console.error(process.env.WORD); process.exitCode = 3`)
  const child = await runNode(script, { args: ['two'], env: { WORD: 'three' } })
  expect(await child.line('one')).toBe('one two')
  expect(await child.line(/^one/)).toBe('one two')
  expect(await child.exited).toBe(3)
  expect(child.stderr).toBe('three\n')
  await expect(child.line('four')).rejects.toThrow(/no line four.*exited with 3\none two\nthree/)
})

test('signals and kills', async () => {
  writeFileSync(
    script,
    `process.on('SIGTERM', () => console.log('no')); setInterval(() => {}, 1000); console.log('up')`,
  )
  const child = await runNode(script)
  await child.line('up')
  child.signal('SIGTERM')
  await child.line('no')
  await expect(child.line('yes', 50)).rejects.toThrow('within 50 ms')
  await child.kill()
  expect(await child.exited).toBe(137)
})

test('eventually gives the first result that is not false, or the last error', async () => {
  let calls = 0
  expect(await eventually(() => ++calls >= 3 && calls)).toBe(3)
  const failing = () => Promise.reject(new Error(`call ${++calls}`))
  await expect(eventually(failing, { timeout: 50 })).rejects.toThrow(/^call \d/)
  await expect(eventually(() => false, { timeout: 20 })).rejects.toThrow('still false after 20 ms')
})
