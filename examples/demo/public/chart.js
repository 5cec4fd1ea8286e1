const namespace = 'http://www.w3.org/2000/svg'

/** Told apart by shape as well as by colour. Around (0, 0), 10 wide. */
const heads = {
  done: 'M-5 0A5 5 0 1 1 5 0A5 5 0 1 1-5 0Z',
  failed: 'M-4-4 4 4M4-4-4 4',
  late: 'M-4-4H4V4H-4Z',
  left: 'M0-5 5 4H-5Z',
}

/** In ms; from 1, logarithmically: the quick waits and the slow ones differ a thousandfold. */
const highest = 5_000
const ticks = [
  [10, '10 ms'],
  [100, '100 ms'],
  [1_000, '1 s'],
]
const top = 26
const bottom = 8
const left = 52
const right = 8
const shown = 24

function element(name, attributes, text) {
  const created = document.createElementNS(namespace, name)
  for (const [attribute, value] of Object.entries(attributes)) created.setAttribute(attribute, value)
  if (text !== undefined) created.textContent = text
  return created
}

export function head(outcome, x, y) {
  return element('path', { d: heads[outcome], transform: `translate(${x} ${y})`, class: `head ${outcome}` })
}

/** Draws the last waits, oldest left, each as high as the logarithm of its ms. */
export function draw(svg, waits) {
  const { clientWidth: width, clientHeight: height } = svg
  const floor = height - bottom
  const level = (ms) => floor - ((floor - top) * Math.log(Math.min(Math.max(ms, 1), highest))) / Math.log(highest)
  const recent = waits.slice(-shown)
  const step = (width - left - right) / shown

  svg.setAttribute('viewBox', `0 0 ${width} ${height}`)
  svg.setAttribute('aria-label', summary(recent))
  svg.replaceChildren(
    ...ticks.flatMap(([ms, label]) => [
      element('line', { x1: left, x2: width - right, y1: level(ms), y2: level(ms), class: 'grid' }),
      element('text', { x: left - 8, y: level(ms), class: 'tick' }, label),
    ]),
    element('line', { x1: left, x2: width - right, y1: floor, y2: floor, class: 'floor' }),
    element('text', { x: left, y: 8, class: 'axis' }, 'time to the answer, logarithmic'),
    ...recent.map(({ outcome, ms, says }, index) => {
      const x = left + step * (index + 0.5)
      const bar = element('g', { class: `wait ${outcome}` })
      bar.append(
        element('title', {}, says),
        element('line', { x1: x, x2: x, y1: floor, y2: level(ms), class: 'stem' }),
        head(outcome, x, level(ms)),
      )
      return bar
    }),
  )
}

function summary(recent) {
  if (recent.length === 0) return 'No waits yet'
  const times = recent.map(({ ms }) => ms)
  return `The last ${recent.length} waits took from ${Math.min(...times)} to ${Math.max(...times)} ms`
}
