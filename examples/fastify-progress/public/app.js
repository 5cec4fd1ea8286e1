import { draw, mark } from './chart.js'

const $ = (selector) => document.querySelector(selector)
const number = (value) => value.toLocaleString('en')
/** How many jobs the page keeps. */
const listed = 50
const waits = []

async function start(job) {
  const item = addItem(job)
  const wait = { began: performance.now(), steps: [], outcome: 'pending', ms: 0, says: 'running' }
  waits.push(wait)
  redraw()
  const end = (outcome, says) => {
    wait.outcome = outcome
    wait.ms = Math.round(performance.now() - wait.began)
    wait.says = `${number(wait.ms)} ms: ${says}`
    item.end(outcome, says, wait.ms)
    redraw()
    $(`.legend [data-outcome=${outcome}] b`).textContent = waits.filter((other) => other.outcome === outcome).length
    $('#announcement').textContent = `${says}. ${number(wait.ms)} ms in all.`
  }

  const started = await request('POST', 'jobs', job)
  if (!started) return end('lost', 'The server cannot be reached. Does it run?')
  const { id, location } = started
  item.cancellable(() => void request('DELETE', `jobs/${id}`))
  const source = new EventSource(location)
  source.addEventListener('open', () => item.connected(true))
  // It connects again by itself, and goes on with the latest step that is kept.
  source.addEventListener('error', () => item.connected(false))
  source.addEventListener('progress', ({ data }) => {
    const { done, total } = JSON.parse(data)
    wait.steps.push(performance.now() - wait.began)
    item.progress(done, total)
  })
  source.addEventListener('end', ({ data }) => {
    source.close()
    const { outcome, why } = JSON.parse(data)
    end(outcome, why ?? `${number(job.rows)} rows imported`)
  })
}

/** How often the chart shows how far those are that run, in ms. */
const interval = 200
let timer

/** Draws all waits; those that run are as long as they have run by now, and drawn again until they end. */
function redraw() {
  const running = waits.filter(({ outcome }) => outcome === 'pending')
  for (const wait of running) wait.ms = Math.round(performance.now() - wait.began)
  draw($('#chart'), waits)
  clearTimeout(timer)
  if (running.length > 0) timer = setTimeout(redraw, interval)
}

async function request(method, path, body) {
  const headers = body ? { 'content-type': 'application/json' } : {}
  const init = { method, headers, ...(body ? { body: JSON.stringify(body) } : {}) }
  try {
    const response = await fetch(path, init)
    if (!response.ok) return undefined
    return { ...(await response.json()), location: response.headers.get('location') }
  } catch {
    return undefined
  }
}

function make(tag, className, text = '') {
  const element = document.createElement(tag)
  element.className = className
  element.textContent = text
  return element
}

let items = 0

function addItem({ rows }) {
  $('#none').hidden = true
  const item = make('li', 'pending')
  const label = make('label', 'text', `Import of ${number(rows)} rows`)
  const bar = make('progress', '')
  label.htmlFor = bar.id = `bar-${++items}`
  bar.max = rows
  const meta = make('p', 'meta', 'waiting for the worker')
  const cancel = make('button', 'cancel', 'Cancel')
  cancel.type = 'button'
  cancel.disabled = true
  item.append(label, cancel, bar, meta)
  $('#list').prepend(item)
  $('#list').scrollTop = 0
  $('#list').children[listed]?.remove()
  let said = meta.textContent
  return {
    cancellable(listener) {
      cancel.disabled = false
      cancel.addEventListener('click', listener)
    },
    connected(is) {
      meta.textContent = is ? said : 'the connection is gone: trying again'
    },
    progress(done, total) {
      bar.value = done
      bar.max = total
      meta.textContent = said = `${number(done)} of ${number(total)} rows, ${Math.floor((100 * done) / total)} %`
    },
    end(outcome, says, ms) {
      item.className = outcome
      // A bar that waits for its first step moves; this one will get none.
      if (!bar.hasAttribute('value')) bar.value = 0
      // A focus on the button would be lost with it.
      if (document.activeElement === cancel) $('#list').focus({ preventScroll: true })
      cancel.remove()
      meta.textContent = `${says}. ${number(ms)} ms in all.`
    },
  }
}

for (const entry of document.querySelectorAll('.legend [data-outcome]')) {
  entry.querySelector('svg').append(mark(entry.dataset.outcome, 0, 0))
}
for (const button of document.querySelectorAll('[data-job]')) {
  button.addEventListener('click', () => void start(JSON.parse(button.dataset.job)))
}
new ResizeObserver(redraw).observe($('#chart'))
