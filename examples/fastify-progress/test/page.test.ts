import { eventually, findChromium, pageProbe } from '@server-events/testing'
import { chromium } from 'playwright-core'
import type { Browser, BrowserContextOptions, Locator, Page } from 'playwright-core'
import { startServers } from './servers'
import type { Servers } from './servers'

let servers: Servers
let browser: Browser
const pages: Page[] = []
/** Whatever the browser complains of. */
const complaints: string[] = []
const requested = new Set<string>()

beforeAll(async () => {
  const executable = await findChromium('THE PAGE OF THE FASTIFY EXAMPLE')
  servers = await startServers()
  browser = await chromium.launch(executable)
  // Chromium may have to be installed first.
}, 300_000)

afterEach(async () => {
  await Promise.all(pages.splice(0).map((page) => page.close()))
  expect(complaints.splice(0)).toEqual([])
})

afterAll(async () => {
  await (browser as Browser | undefined)?.close()
  await (servers as Servers | undefined)?.stop()
})

async function open(options?: BrowserContextOptions): Promise<Page> {
  const page = await browser.newPage(options)
  pages.push(page)
  page.on('pageerror', (error) => complaints.push(error.message))
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(message.text())
  })
  page.on('request', (request) => requested.add(new URL(request.url()).origin))
  await page.addInitScript({ path: pageProbe })
  await page.goto(servers.url)
  return page
}

const press = (page: Page, name: string): Promise<void> => page.locator('.presets button', { hasText: name }).click()
const latest = (page: Page, outcome: string): Locator => page.locator(`#list li.${outcome}`).first()

test('a bar goes forward with the worker, and the end is told, counted and drawn', async () => {
  const page = await open()
  // As many steps as it takes to see some, however slow the machine is.
  await press(page, '1,200 rows')
  const long = page.getByRole('progressbar', { name: 'Import of 1,200 rows' })
  const seen = new Set<number>()
  await eventually(async () => seen.add(Number(await long.getAttribute('value'))).size > 4)
  expect([...seen]).toEqual([...seen].sort((a, b) => a - b))
  expect(await page.locator('#chart .wait.pending .event').count()).toBeGreaterThan(1)
  await page.getByRole('button', { name: 'Cancel' }).click()
  await latest(page, 'failed').waitFor()

  await press(page, '120 rows')
  await latest(page, 'done').waitFor()
  expect(await page.getByRole('progressbar', { name: 'Import of 120 rows' }).getAttribute('value')).toBe('120')
  expect(await latest(page, 'done').innerText()).toMatch(
    /^Import of 120 rows\s+120 rows imported\. [\d,]+ ms in all\.$/,
  )
  expect(await page.getByRole('status').innerText()).toMatch(/^120 rows imported\. [\d,]+ ms in all\.$/)
  expect(await page.locator('#chart .wait.done title').textContent()).toMatch(/^[\d,]+ ms: 120 rows imported$/)
})

test('failure and loss are told apart, and do not wait for each other', async () => {
  const page = await open()
  await press(page, 'A worker lost')
  await press(page, 'A broken row')
  await latest(page, 'failed').getByText('Row 84 has no price').waitFor()
  await latest(page, 'lost').getByText('Taken for lost: no step came for 4 seconds').waitFor()
  expect(await page.locator('.legend b').allInnerTexts()).toEqual(['0', '1', '1'])
  expect(await page.locator('#chart').getAttribute('aria-label')).toMatch(/^The last 2 waits took from \d+ to \d+ ms$/)
})

test('a bar keeps its width when Cancel goes, and ends where the list does', async () => {
  const page = await open()
  await press(page, '1,200 rows')
  await page.locator('.cancel:enabled').waitFor()
  const box = async (selector: string): Promise<{ x: number; y: number; width: number; height: number }> =>
    (await page.locator(selector).boundingBox()) ?? { x: 0, y: 0, width: 0, height: 0 }
  const before = await box('progress')
  // What runs is on the chart.
  await page.locator('#chart .wait.pending .event').first().waitFor({ state: 'attached' })
  expect(await page.locator('#chart').getAttribute('aria-label')).toBe('1 running')
  await page.getByRole('button', { name: 'Cancel' }).click()
  await latest(page, 'failed').waitFor()
  const [after, item] = [await box('progress'), await box('#list li')]
  expect(after).toEqual(before)
  expect(after.x + after.width).toBe(item.x + item.width)
})

test('nothing moves for who wants less motion', async () => {
  const page = await open({ reducedMotion: 'reduce' })
  await press(page, '120 rows')
  await page.locator('#list li.pending').waitFor()
  const moving = await page.evaluate<number>('document.getAnimations().length')
  await latest(page, 'done').waitFor()
  expect(moving).toBe(0)
})

test('the bar goes on when the server is replaced meanwhile', async () => {
  const page = await open()
  await press(page, '1,200 rows')
  const bar = page.getByRole('progressbar')
  const done = async (): Promise<number> => Number(await bar.getAttribute('value'))
  await eventually(async () => (await done()) > 0)
  await servers.replaceApi()
  const before = await done()
  await eventually(async () => (await done()) > before)
  // The browser tells of the connections that it could not make.
  complaints.splice(0)
  await page.getByRole('button', { name: 'Cancel' }).click()
  await latest(page, 'failed').getByText('The import was cancelled').waitFor()
})

test('the keyboard is enough, and shows where it is', async () => {
  const page = await open()
  const { keyboard } = page
  const focused = async (): Promise<string> => {
    const { name, visible } = await page.evaluate<{ name: string; visible: boolean }>('probe.focused()')
    expect([name, visible]).toEqual([name, true])
    return name
  }
  const seen: string[] = []
  for (let stop = 0; stop < 6; stop++) {
    await keyboard.press('Tab')
    seen.push(await focused())
    if (stop === 1) {
      await keyboard.press('Enter')
      await page.locator('.cancel:enabled').waitFor()
    }
  }
  expect(seen).toEqual(['120 rows', '1,200 rows', 'A broken row', 'A worker lost', 'Import of 1,200 rows', 'Cancel'])
  await keyboard.press('Space')
  await latest(page, 'failed').getByText('The import was cancelled').waitFor()
  // The button is gone: its list has the focus now.
  expect(await focused()).toBe('Import of 1,200 rows')
})

test("fits a phone's width, with imports too", async () => {
  const page = await open({ viewport: { width: 375, height: 700 } })
  await press(page, '1,200 rows')
  await press(page, 'A broken row')
  await latest(page, 'failed').waitFor()
  expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(375)
  expect(await page.evaluate('probe.beyond()')).toEqual([])
  await page.getByRole('button', { name: 'Cancel' }).click()
})

test('is dark for who prefers dark, and readable both ways', async () => {
  for (const colorScheme of ['light', 'dark'] as const) {
    const page = await open({ colorScheme })
    await press(page, '120 rows')
    await press(page, 'A broken row')
    await latest(page, 'failed').waitFor()
    await latest(page, 'done').waitFor()
    const paper = await page.evaluate<number>('probe.paper()')
    expect(colorScheme === 'dark' ? paper < 0.1 : paper > 0.8).toBe(true)
    const texts = ['h1', '.lede', '.presets span', '.text', '.done .meta', '.failed .meta']
    const contrasts = await page.evaluate<[string, number][]>(`probe.contrasts(${JSON.stringify(texts)})`)
    expect(contrasts).toHaveLength(texts.length)
    // WCAG AA for text.
    expect(contrasts.filter(([, contrast]) => !(contrast >= 4.5))).toEqual([])
  }
})

test('asks nobody but the example for anything', () => {
  expect([...requested].filter((origin) => origin !== 'null')).toEqual([servers.url])
})
