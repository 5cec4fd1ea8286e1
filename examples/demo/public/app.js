import { draw, head } from './chart.js'

const $ = (selector) => document.querySelector(selector)
const number = (value) => value.toLocaleString('en')
/** How many answers the page keeps. */
const listed = 100
const waits = []
let pending = 0

/** What a status means to who looks at the page. */
function outcomeOf(status) {
  if (status === 200) return 'done'
  return status === 504 ? 'late' : 'failed'
}

async function ask(below) {
  const item = addItem(below)
  const start = performance.now()
  const clock = setInterval(() => item.tick(performance.now() - start), 100)
  busy(+1)
  const { status, answer } = await request(below)
  busy(-1)
  clearInterval(clock)

  const ms = answer.took ?? Math.round(performance.now() - start)
  const outcome = outcomeOf(status)
  const text = answer.report
    ? `${number(answer.report.primes)} primes below ${number(below)}`
    : `${answer.error.name}: ${answer.error.message}`
  const from = answer.server ? `API server ${answer.server}` : 'no server'
  item.settle({ status, outcome, text, from, ms, answer })
  waits.push({ outcome, ms, says: `${number(ms)} ms, ${from}: ${text}` })
  draw($('#chart'), waits)
  count(outcome)
  light(answer.server, outcome)
  $('#announcement').textContent = `${text}. ${from}, after ${number(ms)} ms.`
}

async function request(below) {
  try {
    const response = await fetch('api/jobs', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ below }),
    })
    return { status: response.status, answer: await response.json() }
  } catch {
    return { status: 0, answer: { error: { name: 'No answer', message: 'The demo cannot be reached. Does it run?' } } }
  }
}

function make(tag, className, text = '') {
  const element = document.createElement(tag)
  element.className = className
  element.textContent = text
  return element
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
    settle({ status, outcome, text: says, from, ms, answer }) {
      item.className = outcome
      badge.textContent = status || '–'
      text.textContent = says
      const details = [from, `${number(ms)} ms in all`]
      if (answer.report) details.push(`${number(answer.report.computed)} ms of work`)
      if (answer.error?.code !== undefined) details.push(answer.error.code)
      meta.replaceChildren(...details.map((detail) => make('span', '', detail)))
    },
  }
}

function busy(change) {
  pending += change
  for (const name of ['store', 'worker']) $(`[data-node=${name}]`).classList.toggle('busy', pending > 0)
}

/** Shows for a moment the way that an answer took. */
function light(server, outcome) {
  if (server === undefined) return
  for (const element of document.querySelectorAll(`[data-node=${server}], [data-wire=${server}], [data-wire=worker]`)) {
    element.classList.remove('done', 'failed', 'late')
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
$('#own').addEventListener('submit', (event) => {
  event.preventDefault()
  void ask($('#below').valueAsNumber)
})
new ResizeObserver(() => draw($('#chart'), waits)).observe($('#chart'))

const about = await fetch('about.json').then((response) => response.json())
$('#store').textContent = `Store: ${about.store}. A request waits for ${about.patience / 1_000} seconds at most.`
