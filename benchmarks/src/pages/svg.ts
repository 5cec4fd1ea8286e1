import { JSDOM } from 'jsdom'

/** A document to draw in. */
export function newDocument(): Document {
  return new JSDOM('').window.document
}

/** Makes a file of its own of what was drawn, with texts beside those of the plot. */
export function svgOf(
  drawn: Element,
  texts: readonly { readonly text: string; readonly at: Readonly<Record<string, string>> }[],
  style = '',
): string {
  const { ownerDocument: document } = drawn
  drawn.setAttribute('xmlns', 'http://www.w3.org/2000/svg')
  const append = (kind: string, text: string, attributes: Readonly<Record<string, string>>): void => {
    const element = document.createElementNS('http://www.w3.org/2000/svg', kind)
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value)
    element.textContent = text
    drawn.append(element)
  }
  for (const { text, at } of texts) append('text', text, at)
  // Behind that of the plot, which it overrules.
  if (style !== '') append('style', style, {})
  return `${drawn.outerHTML}\n`
}
