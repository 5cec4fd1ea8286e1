// Checks the models in docs/model with spin: that the whole protocol keeps its promises, and that it breaks one as soon
// as any step is left out. `--trail <name>` tells the shortest way there, `--all` also what the last look saves.
import { spawn, spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const folder = fileURLToPath(new URL('../docs/model', import.meta.url))

/**
 * What is asked of the whole protocol. README.md of the model has them in full.
 *
 * @type {Record<string, { model?: string, defines: string[], promise: string }>}
 */
const questions = {
  'last-look': { defines: ['TIME=1'], promise: 'stored at the last look, and the store answers: found; settles once' },
  'at-rest': { defines: ['TIME=0'], promise: 'stored and published: found even without last looks' },
  plain: { defines: ['TIME=0', 'KEPT=0'], promise: 'published on a standing subscription: heard' },
  'same-process': { defines: ['TIME=0', 'KEPT=0', 'SAME_PROCESS=1'], promise: 'emitted after a wait beside it: heard' },
  home: {
    model: 'home.pml',
    defines: [],
    promise: 'a home stands while somebody waits there: heard, each by its wait',
  },
  'write-once': { model: 'once.pml', defines: [], promise: 'kept once: one outcome for all, told once it is known' },
}

/**
 * The protocol with a step left out, and the question that shows it; or an exception of the question left out.
 *
 * @type {Record<string, { question: string, off: string, what: string, givesUp?: boolean }>}
 */
const variants = {
  'no-last-look': { question: 'last-look', off: 'LAST_LOOK', what: 'no recall before the deadline' },
  'error-is-absence': { question: 'last-look', off: 'ERROR_RETRIED', what: 'an error is taken for a miss' },
  'settled-stays': { question: 'last-look', off: 'SETTLED_REMOVED', what: 'a settled wait stays registered' },
  'resolved-when-written': { question: 'last-look', off: 'ACKNOWLEDGED', what: 'emit does not wait for the reply' },
  'refusal-unread': { question: 'last-look', off: 'REFUSAL_READ', what: 'the reply to SET is not looked at' },
  'publish-first': { question: 'at-rest', off: 'STORE_FIRST', what: 'PUBLISH goes before SET' },
  'from-replica': { question: 'at-rest', off: 'FROM_MASTER', what: 'recalls ask a replica' },
  'no-first-recall': { question: 'at-rest', off: 'FIRST_RECALL', what: 'no recall when the subscription stands' },
  'recall-before-reply': { question: 'at-rest', off: 'REPLY_AWAITED', what: 'recall when SUBSCRIBE is written' },
  'miss-shared': { question: 'at-rest', off: 'OWN_QUESTION', what: 'a miss is served to a later wait' },
  'no-heartbeat': { question: 'at-rest', off: 'HEARTBEAT', what: 'a half-open connection goes unnoticed' },
  'no-reply-timeout': { question: 'at-rest', off: 'REPLY_TIMEOUT', what: 'so does one while subscribing' },
  'no-resubscription': { question: 'at-rest', off: 'RESUBSCRIBES', what: 'a new connection is not subscribed' },
  'restored-before-reply': {
    question: 'at-rest',
    off: 'RESTORED_REPLY_AWAITED',
    what: 'recall when SUBSCRIBE is written again',
  },
  'no-restored-recall': { question: 'at-rest', off: 'RESTORED_RECALL', what: 'no recall after a restoration' },
  'plain-before-reply': { question: 'plain', off: 'REPLY_AWAITED', what: 'SUBSCRIBE written counts as standing' },
  'plain-no-heartbeat': { question: 'plain', off: 'HEARTBEAT', what: 'a half-open connection goes unnoticed' },
  'lost-push': { question: 'at-rest', off: 'EXCEPT_LOST', what: 'a lost push may not wait for the last look' },
  'half-emit': {
    question: 'at-rest',
    off: 'EXCEPT_UNPUBLISHED',
    what: 'nor a SET whose PUBLISH was lost, its emit rejected',
    givesUp: true,
  },
  'last-kept': { question: 'write-once', off: 'STORE_DECIDES', what: 'SET instead of SET NX' },
  'looked-first': { question: 'write-once', off: 'IN_ONE_STEP', what: 'GET, and SET if nothing was there' },
  'told-before-kept': { question: 'write-once', off: 'AFTER_DECISION', what: 'PUBLISH leaves beside SET NX' },
  'silent-second': { question: 'write-once', off: 'HOLDER_TOLD', what: 'who comes second publishes nothing' },
  'second-tells-own': { question: 'write-once', off: 'HOLDER_READ', what: 'who comes second publishes its own' },
  'not-compared': { question: 'write-once', off: 'COMPARED', what: 'what is there already refuses every emit' },
  'unkept-told': { question: 'write-once', off: 'REFUSAL_ENDS', what: 'what could not be stored is published' },
  'home-before-reply': { question: 'home', off: 'REPLY_AWAITED', what: 'SUBSCRIBE written counts as standing' },
  'home-in-use-left': { question: 'home', off: 'IN_USE_STAYS', what: 'let go when its time is over, whoever waits' },
  'home-joined-leaving': { question: 'home', off: 'LEAVING_AWAITED', what: 'UNSUBSCRIBE in flight counts as standing' },
  'home-not-begun-anew': {
    question: 'home',
    off: 'USED_IS_BEGUN',
    what: 'let go, and not begun for who waits by then',
  },
  'home-not-restored': { question: 'home', off: 'RESUBSCRIBES', what: 'a new connection is not subscribed' },
  'home-left-restored': { question: 'home', off: 'LEFT_FORGOTTEN', what: 'what was being let go is restored' },
  'home-settles-all': { question: 'home', off: 'BY_ID', what: 'an event settles all waits at its home' },
  'home-never-left': { question: 'home', off: 'LET_GO', what: 'a home that nobody waits at stays' },
  'no-hold': { question: 'same-process', off: 'HELD', what: 'an emit does not wait for a SUBSCRIBE in flight' },
}

/** These steps left out, the last look still finds what is stored: asked with `--all`, for it takes minutes. */
const saved = Object.keys(variants).filter((name) => {
  const { question, off = '' } = variants[name] ?? {}
  return question === 'at-rest' && !['FROM_MASTER', 'EXCEPT_LOST', 'EXCEPT_UNPUBLISHED'].includes(off)
})

/**
 * @typedef {{ name: string, what: string, model: string, defines: string[], breaks: boolean, partial: boolean }} Check
 * @typedef {{ states: number, depth: number, seconds: number, holds: boolean, trouble?: string, trail: string }} Verdict
 */

/** @param {string} program */
function find(program) {
  return spawnSync(program, [program === 'spin' ? '-V' : '--version'], { stdio: 'ignore' }).status === 0
}

function install() {
  if (find('spin')) return
  const canInstall = process.getuid?.() === 0 && existsSync('/etc/debian_version')
  if (canInstall) {
    console.error('spin is missing: installing it')
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
    spawnSync('apt-get', ['update'], { env, stdio: 'ignore' })
    spawnSync('apt-get', ['install', '-y', 'spin'], { env, stdio: ['ignore', 'ignore', 'inherit'] })
  }
  if (!find('spin')) fail('the model needs spin 6.5 or later: install the package spin (Debian, Ubuntu, Homebrew)')
}

/**
 * @param {string} message
 * @returns {never}
 */
function fail(message) {
  console.error(message)
  process.exit(1)
}

/**
 * @param {string} cwd
 * @param {string} program
 * @param {string[]} args
 * @returns {Promise<string>} what it printed
 */
function run(cwd, program, args) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] })
    let printed = ''
    child.stdout.on('data', (chunk) => (printed += String(chunk)))
    child.stderr.on('data', (chunk) => (printed += String(chunk)))
    child.on('error', reject)
    child.on('close', (code) => {
      // spin says "Error" of a model that it nevertheless translates.
      if (code === 0 && !/^spin: .*Error: (?!assertion)/m.test(printed)) resolve(printed)
      else reject(new Error(`${program} ${args.join(' ')} failed:\n${printed}`))
    })
  })
}

/**
 * @param {Check} check
 * @param {string} cwd
 * @returns {Promise<Verdict>}
 */
async function verify(check, cwd) {
  mkdirSync(cwd)
  copyFileSync(join(folder, check.model), join(cwd, check.model))
  await run(cwd, 'spin', ['-a', ...check.defines, check.model])
  // Without partial order reduction, every state is visited in truth. Breadth first finds the shortest way to an error.
  const flags = ['-DSAFETY', '-DNOREDUCE', '-DMEMLIM=3000', ...(check.breaks ? ['-DBFS'] : [])]
  await run(cwd, compiler, [check.partial ? '-O1' : '-O2', '-w', ...flags, '-o', 'pan', 'pan.c'])
  const started = performance.now()
  const printed = await run(cwd, './pan', ['-m10000', check.partial ? '-w20' : '-w24'])
  const seconds = (performance.now() - started) / 1000
  const holds = /errors: 0$/m.test(printed)
  const trouble = troubleIn(printed, check.partial)
  return {
    states: number(printed, /^ *([\d.e+]+) states, stored/m),
    depth: number(printed, /depth reached (\d+)/),
    seconds,
    holds,
    ...(trouble === undefined ? {} : { trouble }),
    trail: holds ? '' : await run(cwd, 'spin', ['-t', '-T', ...check.defines, check.model]),
  }
}

/**
 * Why the search says less than it seems to.
 *
 * @param {string} printed
 * @param {boolean} partial a variant need not visit all of the model
 */
function troubleIn(printed, partial) {
  if (/max search depth too small|out of memory|memory bound|aborting/.test(printed)) return 'the search was cut short'
  if (/errors: [1-9]/.test(printed))
    return printed.includes('assertion violated') ? undefined : 'not a failed assertion'
  if (!/errors: 0$/m.test(printed) || printed.includes('Search not completed')) return 'the search did not end'
  // The loops of what serves for ever have no end.
  const unreached = printed.match(/^\t\w+\.pml:\d+, state \d+, "(?!-end-).*$/gm)
  return partial || unreached === null ? undefined : `never reached: ${unreached.map((line) => line.trim()).join('; ')}`
}

/**
 * @param {string} text
 * @param {RegExp} pattern
 */
function number(text, pattern) {
  return Number(pattern.exec(text)?.[1] ?? Number.NaN)
}

/**
 * What happened, line by line, and the promise that it breaks.
 *
 * @param {string} trail
 * @param {string} model
 */
function story(trail, model) {
  const events = trail.split('\n').filter((line) => /^(producer|store|broker|fault|waiter| {9}) /.test(line))
  const line = Number(/^spin: \w+\.pml:(\d+), Error: assertion violated/m.exec(trail)?.[1])
  const broken = readFileSync(join(folder, model), 'utf8').split('\n')[line - 1] ?? 'spin tells no assertion'
  return [
    ...events.map((event, index) => `${String(index + 1).padStart(4)}  ${event}`),
    `      broken, in line ${line}: ${broken.trim()}`,
  ]
}

/**
 * @param {string} name
 * @param {string} what
 * @param {string} question
 * @param {string[]} [steps] as defines
 */
function makeCheck(name, what, question, steps) {
  const { model = 'protocol.pml', defines: asked = [] } = questions[question] ?? {}
  const defines = [...asked, ...(steps ?? [])].map((define) => `-D${define}`)
  return { name, what, model, defines, breaks: steps !== undefined, partial: steps !== undefined }
}

/**
 * @param {string[]} args
 * @returns {Check[]}
 */
function checksFor(args) {
  const whole = Object.entries(questions).map(([name, { promise }]) => makeCheck(name, promise, name))
  const broken = Object.entries(variants).map(([name, { question, off, what, givesUp = false }]) =>
    // An emit that has resolved makes the better counterexample.
    makeCheck(name, what, question, [`${off}=0`, `GIVES_UP=${Number(givesUp)}`]),
  )
  if (args.length === 0) return [...whole, ...broken]
  if (args.length === 1 && args[0] === '--all') {
    const less = saved.map((name) => ({
      ...makeCheck(name, 'the last look finds it', 'last-look', [`${variants[name]?.off ?? ''}=0`]),
      breaks: false,
    }))
    return [...whole, ...broken, ...less]
  }
  const chosen = broken.find(({ name }) => name === args[1])
  if (args.length === 2 && args[0] === '--trail' && chosen !== undefined) return [chosen]
  return fail(
    `usage: npm run model [-- --all | -- --trail <name>]\nwhere <name> is one of ${Object.keys(variants).join(', ')}`,
  )
}

let passed = 0
let failed = 0

/**
 * @param {Check} check
 * @param {Verdict} verdict
 */
function report(check, { states, depth, seconds, holds, trouble }) {
  const good = holds !== check.breaks && trouble === undefined
  if (good) passed++
  else failed++
  const verdict = holds ? 'holds' : 'counterexample'
  const columns = [
    good ? 'ok  ' : 'FAIL',
    check.name.padEnd(22),
    verdict.padEnd(14),
    states.toLocaleString('en').padStart(10),
    String(depth).padStart(6),
    `${seconds.toFixed(1)} s`.padStart(8),
    ` ${check.what}`,
  ]
  console.log(columns.join(' '))
  if (trouble !== undefined) console.log(`     ${trouble}`)
}

/** What others quote is the table in the README. */
function reportReadme() {
  const readme = readFileSync(join(folder, 'README.md'), 'utf8')
  const names = [...Object.keys(questions), ...Object.keys(variants)]
  const missing = names.filter((name) => !readme.includes(`| \`${name}\``))
  if (missing.length === 0) passed++
  else {
    failed++
    console.log(`FAIL docs/model/README.md does not list ${missing.join(', ')}`)
  }
}

const args = process.argv.slice(2)
const checks = checksFor(args)
const telling = args[0] === '--trail'
install()
const compiler = ['gcc', 'cc', 'clang'].find(find) ?? fail('the model needs a C compiler: install gcc')
const work = mkdtempSync(join(tmpdir(), 'server-events-model-'))
process.on('exit', () => rmSync(work, { recursive: true, force: true }))
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(1))

console.log('     model                  verdict            states  depth     time  promised, or left out')
/** @type {Promise<Verdict>[]} */
const verdicts = []
const queue = checks.entries()
// Two at a time: the largest takes half a gigabyte.
const lanes = [1, 2].map(async () => {
  for (const [index, check] of queue) {
    verdicts[index] = verify(check, join(work, String(index)))
    await verdicts[index]
  }
})
await Promise.all(lanes)
for (const [index, check] of checks.entries()) {
  const verdict = await verdicts[index]
  if (verdict === undefined) continue
  report(check, verdict)
  if (telling) for (const line of story(verdict.trail, check.model)) console.log(line)
}
if (!telling) reportReadme()
console.log(`\n${passed} passed, ${failed} failed`)
process.exitCode = failed === 0 ? 0 : 1
