import { draw, head } from './chart.js'
import { code } from './code.js'
import { $, make, number } from './elements.js'
import { showWork } from './work.js'

/** How many answers the page keeps. */
const listed = 100
const waits = []
let pending = 0

/** What a status means to who looks at the page. */
function outcomeOf(status, leave) {
  if (status === 200) return 'done'
  if (status === 0 && leave !== undefined) return 'left'
  return status === 504 ? 'late' : 'failed'
}

function textOf({ report, error }, below) {
  return report ? `${number(report.primes)} primes below ${number(below)}` : `${error.name}: ${error.message}`
}

/** Which of the lines of code made the answer; none where no server answered. */
function lineOf(outcome, { server, cuts }, late) {
  if (outcome === 'done') {
    if (cuts) return code.cut
    return late ? code.kept : code.done
  }
  return server === undefined && outcome !== 'left' ? undefined : code[outcome]
}

/** `late` begins to wait when the answer is there; `leave` aborts the request after so many ms, as closing the page does. */
async function ask(below, { late = false, leave } = {}) {
  const item = addItem(below)
  const start = performance.now()
  const clock = setInterval(() => item.tick(performance.now() - start), 100)
  busy(+1)
  const { status, answer } = await request(below, late, leave)
  busy(-1)
  clearInterval(clock)

  const ms = answer.took ?? Math.round(performance.now() - start)
  const outcome = outcomeOf(status, leave)
  const text = textOf(answer, below)
  const from = answer.server ? `API server ${answer.server}` : 'no server'
  item.settle({ status, outcome, text, from, ms, answer, line: lineOf(outcome, answer, late) })
  waits.push({ outcome, ms, says: `${number(ms)} ms, ${from}: ${text}` })
  draw($('#chart'), waits)
  if (answer.server && outcome !== 'late') answered(below)
  count(outcome)
  light(answer.server, outcome)
  $('#announcement').textContent = `${text}. ${from}, after ${number(ms)} ms.`
}

async function request(below, late, leave) {
  try {
    const response = await fetch('api/jobs', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ below, ...(late ? { late } : {}) }),
      ...(leave === undefined ? {} : { signal: AbortSignal.timeout(leave) }),
    })
    return { status: response.status, answer: await response.json() }
  } catch (error) {
    if (error.name === 'TimeoutError') {
      return { status: 0, answer: { error: { name: 'Left', message: 'nobody waits any more, so the worker stops' } } }
    }
    return { status: 0, answer: { error: { name: 'No answer', message: 'The demo cannot be reached. Does it run?' } } }
  }
}

function addItem(below) {
  $('#none').hidden = true
  const item = make('li', 'pending')
  const badge = make('span', 'badge', '…')
  const text = make('p', 'text', `Counting the primes below ${number(below)}`)
  const meta = make('p', 'meta', 'asked just now')
  item.append(badge, text, meta)
  $('#list').prepend(item)
  $('#list').scrollTop = 0
  $('#list').children[listed]?.remove()
  return {
    tick(ms) {
      meta.textContent = `waiting for ${(ms / 1_000).toFixed(1)} s`
    },
    settle({ status, outcome, text: says, from, ms, answer, line }) {
      item.className = outcome
      badge.textContent = status || '–'
      text.textContent = says
      const details = outcome === 'left' ? [`after ${number(ms)} ms`] : [from, `${number(ms)} ms in all`]
      if (answer.report) details.push(`${number(answer.report.computed)} ms of work`)
      if (answer.cuts) details.push(`cut ${answer.cuts === 1 ? 'once' : `${answer.cuts} times`} meanwhile`)
      if (answer.error?.code !== undefined) details.push(answer.error.code)
      meta.replaceChildren(...details.map((detail) => make('span', '', detail)))
      if (line) {
        const [file, source] = line
        const shown = make('code', 'line', source)
        shown.title = file
        item.append(shown)
      }
    },
  }
}

function busy(change) {
  pending += change
  for (const name of ['redis', 'worker']) $(`[data-node=${name}]`).classList.toggle('busy', pending > 0)
}

/** Shows for a moment the way that an answer took. */
function light(server, outcome) {
  if (server === undefined) return
  for (const element of document.querySelectorAll(`[data-node=${server}], [data-wire=${server}], [data-wire=worker]`)) {
    element.classList.remove('done', 'failed', 'late', 'left')
    // Read back, so that the animation starts anew.
    element.getBoundingClientRect()
    element.classList.add(outcome)
  }
}

function count(outcome) {
  $(`.legend [data-outcome=${outcome}] b`).textContent = waits.filter((wait) => wait.outcome === outcome).length
}

for (const entry of document.querySelectorAll('.legend [data-outcome]')) {
  entry.querySelector('svg').append(head(entry.dataset.outcome, 0, 0))
}
for (const button of document.querySelectorAll('[data-below]')) {
  button.addEventListener('click', () => void ask(Number(button.dataset.below)))
}

/** Called when the worker begins a job of that size. */
const beginnings = new Map()
/** Resolves a second later all the same: after a cut, what the worker tells may not be heard. */
const begun = (below) =>
  new Promise((resolve) => {
    beginnings.set(below, resolve)
    setTimeout(resolve, 1_000)
  })

/** What sets it apart: each asks for a job, and does something to it. */
const trials = {
  late: () => ask(1_000_000, { late: true }),
  cut: () => (void begun(100_000_001).then(() => post('faults/cut')), ask(100_000_001)),
  kill: () => (void begun(9_999_999_999).then(() => post('faults/kill')), ask(9_999_999_999)),
  leave: () => ask(10_000_000_000, { leave: 1_000 }),
}

function post(path) {
  // If the demo is gone, the answer that is waited for says so.
  fetch(path, { method: 'POST' }).catch(() => undefined)
}

for (const button of document.querySelectorAll('[data-trial]')) {
  button.addEventListener('click', () => void trials[button.dataset.trial]())
}
const answered = showWork($('#work'), (below) => beginnings.get(below)?.())
$('#stopping').textContent = code.stopped[1]
$('#own').addEventListener('submit', (event) => {
  event.preventDefault()
  void ask($('#below').valueAsNumber)
})
new ResizeObserver(() => draw($('#chart'), waits)).observe($('#chart'))

const about = await fetch('about.json').then((response) => response.json())
$('#store').textContent = `${about.store}. A request waits for ${about.patience / 1_000} seconds at most.`
for (const button of document.querySelectorAll('[data-fault]')) {
  if (about.faults.includes(button.dataset.fault)) continue
  button.disabled = true
  button.querySelector('span').textContent = 'not with this Redis, or without one'
}
