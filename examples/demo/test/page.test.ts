import { join } from 'node:path'
import { findChromium, pageProbe, runNode } from '@server-events/testing'
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
    /^200\s+78,498 primes below 1,000,000\s+API server [AB]\s+\d+ ms in all\s+\d+ ms of work$/,
  )
  expect(await page.getByRole('status').innerText()).toMatch(
    /^78,498 primes below 1,000,000\. API server [AB], after \d+ ms\.$/,
  )

  await page.getByRole('button', { name: '1 trillion' }).click()
  await latest(page, 'failed').waitFor()
  expect(await latest(page, 'failed').innerText()).toMatch(
    /^422\s+RangeError: The limit must be a whole number .* 1,000,000,000,000 is not\.\s+API server [AB]\s+\d+ ms in all\s+ERR_OUT_OF_RANGE$/,
  )

  await latest(page, 'late').waitFor()
  expect(await latest(page, 'late').innerText()).toMatch(
    /^504\s+TimeoutError: The worker did not answer within 3 seconds\. It was told to stop\.\s+API server [AB]\s+3,\d{3} ms in all\s+ERR_TIMEOUT$/,
  )
  expect(await page.getByRole('status').innerText()).toMatch(/^TimeoutError: .* after 3,\d{3} ms\.$/)

  const answered = await page.locator('#list li').allInnerTexts()
  expect(new Set(answered.map((text) => /API server ([AB])/.exec(text)?.[1]))).toEqual(new Set(['A', 'B']))
  expect(await page.locator('.legend b').allInnerTexts()).toEqual(['1', '1', '1'])
  for (const outcome of ['done', 'failed', 'late']) {
    expect(await page.locator(`#chart .wait.${outcome} title`).textContent()).toMatch(/^[\d,]+ ms, API server [AB]: /)
  }
  expect(await page.locator('#chart').getAttribute('aria-label')).toMatch(
    /^The last 3 waits took from \d+ to 3\d{3} ms$/,
  )
})

test('the keyboard is enough, and shows where it is', async () => {
  const page = await open()
  const { keyboard } = page
  const seen: string[] = []
  for (let stop = 0; stop < 7; stop++) {
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
  expect(seen).toEqual(['1 million', '100 million', '1 trillion', '10 billion', 'below', 'Count', '200'])
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
    const texts = ['h1', '.lede', '.presets span', '.text', '.meta', 'form button']
    const contrasts = await page.evaluate<[string, number][]>(`probe.contrasts(${JSON.stringify(texts)})`)
    expect(contrasts).toHaveLength(texts.length)
    // WCAG AA for text.
    expect(contrasts.filter(([, contrast]) => !(contrast >= 4.5))).toEqual([])
  }
})

test('asks nobody but the demo for anything', () => {
  expect([...requested].filter((origin) => origin !== 'null')).toEqual([new URL(url).origin])
})
