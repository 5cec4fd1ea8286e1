// Plays the newcomer: a fresh clone of what is committed, an empty HOME, the npm cache of this machine. Gives the
// commands of the README, of the tests' installation and of getting started, and prints what each took. Screenshots and
// the output of each command stay in the folder that it names: `node scripts/newcomer.mjs [FOLDER]`.
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { basename, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { commandsOf, fencedBlocks } from './lib/reader.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
const place = process.argv[2] ? resolve(process.argv[2]) : mkdtempSync(join(tmpdir(), 'server-events-newcomer-'))
const clone = join(place, 'server-events')
/** Beside the clone, as getting started has it made. */
const app = join(place, 'my-app')
const home = join(place, 'home')

const cache = spawnSync('npm', ['config', 'get', 'cache'], { encoding: 'utf8' }).stdout.trim()
/** What npm tells its scripts is not for the npm of another project. */
const inherited = Object.entries(process.env).filter(([name]) => !/^(npm_|REDIS_URL$|INIT_CWD$)/.test(name))
const env = {
  ...Object.fromEntries(inherited),
  HOME: home,
  npm_config_cache: cache,
  npm_config_update_notifier: 'false',
}

/** @type {{ what: string, seconds: number, code: number | null, said?: string }[]} */
const steps = []

/**
 * @param {string} command
 * @param {string} cwd
 * @returns {string} its standard output
 */
function give(command, cwd) {
  const start = performance.now()
  const { status, stdout, stderr } = spawnSync('sh', ['-c', command], {
    cwd,
    env,
    encoding: 'utf8',
    maxBuffer: 1 << 26,
  })
  note(command, start, status)
  writeFileSync(join(place, `${String(steps.length).padStart(2, '0')}.log`), `$ ${command}\n${stdout}${stderr}`)
  return stdout
}

/** @param {string} what @param {number} start @param {number | null} code */
function note(what, start, code) {
  const seconds = (performance.now() - start) / 1_000
  steps.push({ what, seconds, code })
  console.log(`${seconds.toFixed(1).padStart(7)} s  exit ${code}  ${what}`)
}

/** The commands of a page that begin with one of these words, in order. @param {string} page @param {RegExp} wanted */
function commandsIn(page, wanted) {
  return fencedBlocks(readFileSync(join(clone, page), 'utf8'))
    .filter(({ language }) => language === 'sh')
    .map(({ code }) => code.trim())
    .filter((code) => wanted.test(code))
}

/** Starts the demo as the README says and looks at its page, until it shows an answer. @param {string} command */
async function look(command) {
  const start = performance.now()
  const demo = spawn('sh', ['-c', `exec ${command}`], { cwd: clone, env: { ...env, PORT: '0' }, detached: true })
  /** @type {string} */
  const url = await new Promise((resolve, reject) => {
    let said = ''
    demo.stdout.on('data', (chunk) => {
      said += String(chunk)
      const [found] = /http:\S+/.exec(said) ?? []
      if (found) resolve(found)
    })
    demo.once('exit', (code) => reject(new Error(`the demo ended with ${code}: ${said}`)))
  })
  note(`${command}, until the page can be opened`, start, 0)
  const required = createRequire(join(clone, 'package.json'))
  const { chromium } = /** @type {typeof import('playwright-core')} */ (required('playwright-core'))
  const { findChromium } = /** @type {typeof import('@server-events/testing')} */ (
    required(join(clone, 'testing/dist/index.js'))
  )
  const browser = await chromium.launch(await findChromium('the demo of the newcomer'))
  for (const [name, options] of /** @type {const} */ ([
    ['light', { colorScheme: 'light' }],
    ['dark', { colorScheme: 'dark' }],
    ['phone', { viewport: { width: 375, height: 700 } }],
  ])) {
    const page = await browser.newPage(options)
    await page.goto(url)
    await page.getByRole('button', { name: '1 million' }).click()
    await page.locator('#list li.done').waitFor()
    await page.screenshot({ path: join(place, `demo-${name}.png`), fullPage: true })
    await page.close()
  }
  await browser.close()
  const stopping = performance.now()
  const ended = new Promise((resolve) => demo.once('exit', resolve))
  process.kill(-(demo.pid ?? 0), 'SIGINT')
  await ended
  note('Ctrl-C', stopping, demo.exitCode)
}

/** Saves the files of a page under their names, gives its commands, and compares what they print. @param {string} page */
function read(page) {
  let cwd = clone
  let last = ''
  let compared = 0
  for (const { language, code } of fencedBlocks(readFileSync(join(clone, page), 'utf8'))) {
    const [, file] = /^\/\/ ([\w-]+\.[cm]?[jt]s)\n/.exec(code) ?? []
    if (file) writeFileSync(join(app, file), code)
    if (language === 'sh') {
      last = ''
      for (const command of commandsOf(code)) {
        if (command.startsWith('cd ')) cwd = resolve(cwd, command.slice(3))
        else {
          const output = give(command, cwd)
          // What npm says is not of the page.
          if (!command.startsWith('npm ')) last += output
        }
      }
    } else if (language === 'text') {
      if (last !== code) steps.push({ what: `${page} says ${JSON.stringify(code)}`, seconds: 0, code: 1, said: last })
      compared++
    }
  }
  console.log(`           ${page}: ${compared} outputs compared`)
}

/** @param {string} folder of a node_modules */
function sizeOf(folder) {
  const { stdout } = spawnSync('du', ['-sm', folder], { encoding: 'utf8' })
  const lock = join(folder, '.package-lock.json')
  const { packages } = /** @type {{ packages: object }} */ (
    existsSync(lock) ? JSON.parse(readFileSync(lock, 'utf8')) : { packages: {} }
  )
  return `${parseInt(stdout)} MB, ${Object.keys(packages).length} packages`
}

async function main() {
  if (existsSync(clone)) throw new Error(`${clone} is there already`)
  for (const folder of [place, home]) mkdirSync(folder, { recursive: true })
  console.log(`a newcomer with Node ${process.version} in ${place}`)
  give(`git clone --quiet ${JSON.stringify(root)} ${JSON.stringify(clone)}`, place)

  const [command = ''] = commandsIn('README.md', /npm run demo/)
  const [install = '', demo = ''] = command.split(' && ')
  give(install, clone)
  console.log(`           for the demo and the tests of the packages: ${sizeOf(join(clone, 'node_modules'))}`)
  give(`${demo} -- --once`, clone)
  give(`${demo} -- --once`, clone)
  give(`${demo} -- --once --memory`, clone)
  await look(demo)
  give('node scripts/ensure-installed.mjs . examples benchmarks', clone)
  for (const folder of ['examples', 'benchmarks']) {
    console.log(`           ${folder}: ${sizeOf(join(clone, folder, 'node_modules'))}`)
  }
  read('docs/getting-started.md')

  const failed = steps.filter(({ code, what }) => code !== 0 && what !== 'Ctrl-C')
  for (const { what, said } of failed) console.error(`failed: ${what}${said === undefined ? '' : `\nprinted ${said}`}`)
  console.log(`${steps.length} steps, ${failed.length} failed; screenshots and logs in ${basename(place)}: ${place}`)
  process.exitCode = failed.length === 0 ? 0 : 1
}

await main()
