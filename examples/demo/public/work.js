import { make, number } from './elements.js'

/** How many lines the worker's list keeps. */
const listed = 5

const says = {
  began: () => 'at work',
  answered: () => 'has answered',
  reported: (after) => `emitted its report after ${number(after)} ms`,
  failed: (after) => `failed it after ${number(after)} ms`,
  stopped: (after) => `stopped after ${number(after)} ms: nobody waits any more`,
  killed: () => 'killed; another worker took its place',
}

/**
 * Shows what the worker does, as it tells of itself; `began` is called with each job that it begins. Gives a function to
 * call for a job that was answered: what the worker tells of it may be lost in a cut.
 */
export function showWork(list, began) {
  const lines = new Map()
  const set = (line, state, after) => {
    line.className = state
    line.querySelector('.meta').textContent = says[state](after)
  }
  const source = new EventSource('worker')
  source.addEventListener('work', ({ data }) => {
    const { id, below, state, after } = JSON.parse(data)
    let line = lines.get(id)
    if (!line) {
      line = make('li')
      line.dataset.below = below
      line.append(make('span', 'text', `primes below ${number(below)}`), make('span', 'meta'))
      lines.set(id, line)
      list.prepend(line)
      list.children[listed]?.remove()
    }
    set(line, state, after)
    if (state === 'began') began(below)
    else lines.delete(id)
  })
  source.addEventListener('killed', () => {
    for (const line of lines.values()) if (line.className === 'began') set(line, 'killed')
    lines.clear()
  })
  return (below) => {
    const ended = [...lines.values()].find((line) => line.className === 'began' && line.dataset.below === `${below}`)
    if (ended) set(ended, 'answered')
  }
}
