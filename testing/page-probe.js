// Runs in a page, for tests: what is there as a person sees it.
globalThis.probe = {
  /** The focused element, and whether it shows that it is. */
  focused() {
    const element = document.activeElement
    const { outlineStyle, outlineWidth } = getComputedStyle(element)
    const name = (element.innerText || element.id).split('\n')[0]
    return { name, visible: outlineStyle !== 'none' && parseFloat(outlineWidth) >= 2 }
  },

  /** What reaches beyond the right edge. */
  beyond() {
    return [...document.querySelectorAll('body *')]
      .filter((element) => element.getBoundingClientRect().right > innerWidth)
      .map((element) => element.outerHTML.slice(0, 80))
  },

  /** From 0, black, to 1, white. */
  paper() {
    return luminance(background(document.body))
  },

  /** The contrast of the first text of each selector, as WCAG defines it. */
  contrasts(selectors) {
    return selectors.map((selector) => {
      const element = document.querySelector(selector)
      const both = [luminance(getComputedStyle(element).color), luminance(background(element))]
      return [selector, (Math.max(...both) + 0.05) / (Math.min(...both) + 0.05)]
    })
  },
}

function luminance(color) {
  const [red, green, blue] = color.match(/[\d.]+/g).map((part) => {
    const value = Number(part) / 255
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4
  })
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue
}

function background(element) {
  const color = getComputedStyle(element).backgroundColor
  return color === 'rgba(0, 0, 0, 0)' && element.parentElement ? background(element.parentElement) : color
}
