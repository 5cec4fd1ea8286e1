// A page of the docs, as a reader takes it who saves its files and gives its commands.

/**
 * @param {string} markdown
 * @returns {{ language: string, code: string }[]}
 */
export function fencedBlocks(markdown) {
  return [...markdown.matchAll(/^```(\w+)\n([^]*?)^```$/gm)].map(([, language = '', code = '']) => ({ language, code }))
}

/**
 * Without comments; one a line, as a shell would run them one after the other.
 *
 * @param {string} code
 */
export function commandsOf(code) {
  return code
    .split('\n')
    .map((line) => line.replace(/(^|\s)#.*$/, '').trim())
    .filter((line) => line !== '')
}
