export const $ = (selector) => document.querySelector(selector)

export const number = (value) => value.toLocaleString('en')

export function make(tag, className = '', text = '') {
  const element = document.createElement(tag)
  element.className = className
  element.textContent = text
  return element
}
