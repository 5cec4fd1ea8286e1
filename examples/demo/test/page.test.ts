import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { eventually, findChromium, pageProbe, runNode } from '@server-events/testing'
import type { NodeProcess } from '@server-events/testing'
import { chromium } from 'playwright-core'
import type { Browser, BrowserContextOptions, Page } from 'playwright-core'

let demo: NodeProcess
let browser: Browser
let url: string
const pages: Page[] = []
/** Whatever the browser complains of; a status that we answer on purpose is none of it. */
const complaints: string[] = []
const requested = new Set<string>()

beforeAll(async () => {
  const executable = await findChromium('THE PAGE OF THE DEMO')
  demo = await runNode(join(__dirname, '../dist/main.js'), { env: { REDIS_URL: '', PORT: '0' } })
  url = /http:\S+/.exec(await demo.line('Open http'))?.[0] ?? ''
  browser = await chromium.launch(executable)
  // Chromium may have to be installed first.
}, 300_000)

afterEach(async () => {
  await Promise.all(pages.splice(0).map((page) => page.close()))
  expect(complaints.splice(0)).toEqual([])
})

afterAll(async () => {
  await (browser as Browser | undefined)?.close()
  await (demo as NodeProcess | undefined)?.kill()
})

async function open(options?: BrowserContextOptions): Promise<Page> {
  const page = await browser.newPage(options)
  pages.push(page)
  page.on('pageerror', (error) => complaints.push(error.message))
  page.on('console', (message) => {
    if (message.type() === 'error' && !/status of (422|504)/.test(message.text())) complaints.push(message.text())
  })
  page.on('request', (request) => requested.add(new URL(request.url()).origin))
  await page.addInitScript({ path: pageProbe })
  await page.goto(url)
  await page.locator('#store', { hasText: 'Redis of its own' }).waitFor()
  return page
}

function latest(page: Page, outcome: string) {
  return page.locator(`#list li.${outcome}`).first()
}

test('success, failure and timeout are each seen, told, counted and drawn', async () => {
  const page = await open()
  await page.getByRole('button', { name: '10 billion' }).click()
  await page.locator('li.pending', { hasText: 'waiting for' }).waitFor()
  await page.getByRole('button', { name: '1 million' }).click()
  await latest(page, 'done').waitFor()
  // The slow one does not hold up the quick ones.
  expect(await page.locator('li.pending').count()).toBe(1)
  expect(await latest(page, 'done').innerText()).toMatch(
    /^200\s+78,498 primes below 1,000,000\s+API server [AB]\s+\d+ ms in all\s+\d+ ms of work\s+await events\.request\('report', order, /,
  )
  expect(await page.getByRole('status').innerText()).toMatch(
    /^78,498 primes below 1,000,000\. API server [AB], after \d+ ms\.$/,
  )

  await page.getByRole('button', { name: '1 trillion' }).click()
  await latest(page, 'failed').waitFor()
  expect(await latest(page, 'failed').innerText()).toMatch(
    /^422\s+RangeError: The limit must be a whole number .* 1,000,000,000,000 is not\.\s+API server [AB]\s+\d+ ms in all\s+ERR_OUT_OF_RANGE\s+await events\.fail\('report', id, error\)$/,
  )

  await latest(page, 'late').waitFor()
  expect(await latest(page, 'late').innerText()).toMatch(
    /^504\s+TimeoutError: The worker did not answer within 3 seconds\. It stops: nobody waits any more\.\s+API server [AB]\s+3,\d{3} ms in all\s+ERR_TIMEOUT\s+if \(error instanceof TimeoutError\) \{$/,
  )
  expect(await page.getByRole('status').innerText()).toMatch(/^TimeoutError: .* after 3,\d{3} ms\.$/)

  const answered = await page.locator('#list li').allInnerTexts()
  expect(new Set(answered.map((text) => /API server ([AB])/.exec(text)?.[1]))).toEqual(new Set(['A', 'B']))
  expect(await page.locator('.legend b').allInnerTexts()).toEqual(['1', '1', '1', '0'])
  for (const outcome of ['done', 'failed', 'late']) {
    expect(await page.locator(`#chart .wait.${outcome} title`).textContent()).toMatch(/^[\d,]+ ms, API server [AB]: /)
  }
  expect(await page.locator('#chart').getAttribute('aria-label')).toMatch(
    /^The last 3 waits took from \d+ to 3\d{3} ms$/,
  )
})

const text = (page: Page, outcome: string): Promise<string> => latest(page, outcome).innerText()

test('an answer that came before its wait is found, and says by which line', async () => {
  const page = await open()
  await page.getByRole('button', { name: 'Answer first' }).click()
  await latest(page, 'done').waitFor()
  expect(await text(page, 'done')).toMatch(
    /^200\s+78,498 primes below 1,000,000\s+API server [AB]\s+[\d,]+ ms in all\s+\d+ ms of work\s+await events\.on\('report', id/,
  )
})

test('a wait survives that the connection is cut, and finds what came meanwhile', async () => {
  const page = await open()
  // A machine that is slow may have answered before the cut, or be late: then once more.
  await eventually(
    async () => {
      const before = await page.locator('#list li').count()
      await page.getByRole('button', { name: 'Cut the connection' }).click()
      await page.locator(`#list li:not(.pending)`).nth(before).waitFor()
      return (
        (await page.locator('#list li').first().innerText()).includes('cut once meanwhile') &&
        (await latest(page, 'done').count()) > 0
      )
    },
    { timeout: 60_000 },
  )
  expect(await text(page, 'done')).toMatch(
    /^200\s+5,761,455 primes .*cut once meanwhile\s+const keep = \{ report: 60_000 \}$/s,
  )
})

test('a wait on a worker that is killed ends in time, and the next worker answers', async () => {
  const page = await open()
  await page.getByRole('button', { name: 'Kill the worker' }).click()
  await page.locator('#work li.killed', { hasText: '9,999,999,999' }).waitFor()
  await latest(page, 'late').waitFor()
  expect(await text(page, 'late')).toMatch(
    // The server may still have been away since the cut of the test before.
    /^504\s+TimeoutError: .*\s3,\d{3} ms in all\s+(cut once meanwhile\s+)?ERR_TIMEOUT\s+if \(error instanceof TimeoutError\)/s,
  )
  await page.getByRole('button', { name: '1 million' }).click()
  await latest(page, 'done').waitFor()
})

test('what the worker tells may be lost in a cut: its answer is seen, and it can be killed', async () => {
  const page = await open()
  const work = JSON.stringify({ id: 'x', below: 1_000_000, state: 'began', after: 0 })
  const body = `retry: 600000\nevent: work\ndata: ${work}\n\n`
  await page.route('**/worker', (route) => route.fulfill({ contentType: 'text/event-stream', body }))
  await page.reload()
  await page.locator('#work li.began').waitFor()
  await page.getByRole('button', { name: '1 million' }).click()
  await page.locator('#work li.answered', { hasText: 'has answered' }).waitFor()
  // Answered when another worker has taken its place.
  const killed = page.waitForResponse('**/faults/kill')
  await page.getByRole('button', { name: 'Kill the worker' }).click()
  await killed
  await latest(page, 'late').waitFor()
})

test('who closes the page stops the worker, which says so', async () => {
  const page = await open()
  await page.getByRole('button', { name: 'Close the page' }).click()
  await page.locator('#work li.stopped', { hasText: 'nobody waits any more' }).waitFor()
  await latest(page, 'left').waitFor()
  expect(await text(page, 'left')).toMatch(/^–\s+Left: .*\s+after [\d,]+ ms\s+response\.once\('close'/)

  // A page that really goes, while another one watches.
  const other = await open()
  await other.getByRole('button', { name: '10 billion' }).click()
  await page.locator('#work li.began').waitFor()
  await other.close()
  await page.locator('#work li.began').waitFor({ state: 'detached' })
  expect(await page.locator('#work li').first().innerText()).toMatch(/stopped after .*nobody waits any more$/)
})

test('each line that the page shows is in the source that it names', async () => {
  const demo = join(__dirname, '..')
  const page = await open()
  const code = await page.evaluate<Record<string, [file: string, line: string]>>(
    "import('./code.js').then((module) => module.code)",
  )
  expect(Object.keys(code)).toHaveLength(7)
  for (const [file, line] of Object.values(code)) expect(readFileSync(join(demo, file), 'utf8')).toContain(line)
})

test('nothing moves for who wants less motion', async () => {
  const page = await open({ reducedMotion: 'reduce' })
  await page.getByRole('button', { name: '10 billion' }).click()
  await page.locator('li.pending').waitFor()
  const moving = await page.evaluate<string[]>(
    'document.getAnimations().filter((it) => it.effect.getComputedTiming().activeDuration > 1).map((it) => it.animationName)',
  )
  expect(moving).toEqual([])
})

test('the keyboard is enough, and shows where it is', async () => {
  const page = await open()
  const { keyboard } = page
  const seen: string[] = []
  for (let stop = 0; stop < 11; stop++) {
    await keyboard.press('Tab')
    const { name, visible } = await page.evaluate<{ name: string; visible: boolean }>('probe.focused()')
    expect([name, visible]).toEqual([name, true])
    seen.push(name)
    if (stop === 0) {
      await keyboard.press('Enter')
      await latest(page, 'done').getByText('78,498 primes').waitFor()
    }
    if (stop === 2) {
      await keyboard.press('Space')
      await latest(page, 'failed').waitFor()
    }
    if (name === 'below') {
      await keyboard.press('Control+A')
      await keyboard.type('100')
      await keyboard.press('Enter')
      await latest(page, 'done').getByText('25 primes below 100').waitFor()
    }
  }
  expect(seen).toEqual([
    ...['1 million', '100 million', '1 trillion', '10 billion', 'below', 'Count'],
    ...['Answer first', 'Cut the connection', 'Kill the worker', 'Close the page', '200'],
  ])
})

test("fits a phone's width, with answers too", async () => {
  const page = await open({ viewport: { width: 375, height: 700 } })
  await page.getByRole('button', { name: '1 million' }).click()
  await page.getByRole('button', { name: '1 trillion' }).click()
  await latest(page, 'done').waitFor()
  await latest(page, 'failed').waitFor()
  expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(375)
  expect(await page.evaluate('probe.beyond()')).toEqual([])
})

test('is dark for who prefers dark, and readable both ways', async () => {
  for (const colorScheme of ['light', 'dark'] as const) {
    const page = await open({ colorScheme })
    await page.getByRole('button', { name: '1 million' }).click()
    await page.getByRole('button', { name: '1 trillion' }).click()
    await latest(page, 'failed').waitFor()
    await latest(page, 'done').waitFor()
    const paper = await page.evaluate<number>('probe.paper()')
    expect(colorScheme === 'dark' ? paper < 0.1 : paper > 0.8).toBe(true)
    const texts = ['h1', '.lede', '.presets span', '.text', '.meta', 'form button', '.line', '.quiet']
    const contrasts = await page.evaluate<[string, number][]>(`probe.contrasts(${JSON.stringify(texts)})`)
    expect(contrasts).toHaveLength(texts.length)
    // WCAG AA for text.
    expect(contrasts.filter(([, contrast]) => !(contrast >= 4.5))).toEqual([])
  }
})

test('asks nobody but the demo for anything', () => {
  expect([...requested].filter((origin) => origin !== 'null')).toEqual([new URL(url).origin])
})
