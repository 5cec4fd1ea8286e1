const namespace = 'http://www.w3.org/2000/svg'

/** Told apart by shape as well as by colour. Around (0, 0), 10 wide. */
const marks = {
  done: 'M-5 0A5 5 0 1 1 5 0A5 5 0 1 1-5 0Z',
  failed: 'M-4-4 4 4M4-4-4 4',
  lost: 'M-4-4H4V4H-4Z',
}

const shown = 8
const left = 12
const right = 16
const axis = 22
/** Of which the first that gives at most six ticks is taken, in ms. */
const steps = [200, 500, 1_000, 2_000, 5_000, 10_000, 30_000, 60_000]

function element(name, attributes, text) {
  const created = document.createElementNS(namespace, name)
  for (const [attribute, value] of Object.entries(attributes)) created.setAttribute(attribute, value)
  if (text !== undefined) created.textContent = text
  return created
}

export function mark(outcome, x, y) {
  return element('path', { d: marks[outcome], transform: `translate(${x} ${y})`, class: `mark ${outcome}` })
}

/** Draws the last waits, the latest on top: a line from the start to the end, with a tick for each event that came. */
export function draw(svg, waits) {
  const { clientWidth: width, clientHeight: height } = svg
  const recent = waits.slice(-shown).reverse()
  const longest = Math.max(1_000, ...recent.map(({ ms }) => ms))
  const step = steps.find((each) => longest / each <= 6) ?? longest
  const floor = height - axis
  const x = (ms) => left + ((width - left - right) * ms) / longest
  const y = (index) => (floor / shown) * (index + 0.5)
  const ticks = Array.from({ length: Math.floor(longest / step) + 1 }, (_, index) => index * step)

  svg.setAttribute('viewBox', `0 0 ${width} ${height}`)
  svg.setAttribute('aria-label', summary(recent))
  svg.replaceChildren(
    ...ticks.flatMap((ms) => [
      element('line', { x1: x(ms), x2: x(ms), y1: 0, y2: floor, class: 'grid' }),
      element('text', { x: x(ms), y: height - 6, class: 'tick' }, `${ms / 1_000} s`),
    ]),
    ...recent.map(({ outcome, ms, steps: heard, says }, index) => {
      const wait = element('g', { class: `wait ${outcome}` })
      wait.append(
        element('title', {}, says),
        element('line', { x1: x(0), x2: x(ms), y1: y(index), y2: y(index), class: 'stem' }),
        ...heard.map((at) =>
          element('line', { x1: x(at), x2: x(at), y1: y(index) - 4, y2: y(index) + 4, class: 'event' }),
        ),
        ...(outcome === 'pending' ? [] : [mark(outcome, x(ms), y(index))]),
      )
      return wait
    }),
  )
}

function summary(recent) {
  const times = recent.filter(({ outcome }) => outcome !== 'pending').map(({ ms }) => ms)
  const running = recent.length - times.length
  const ended = `The last ${times.length} waits took from ${Math.min(...times)} to ${Math.max(...times)} ms`
  return (
    [...(times.length > 0 ? [ended] : []), ...(running > 0 ? [`${running} running`] : [])].join('; ') || 'No waits yet'
  )
}
