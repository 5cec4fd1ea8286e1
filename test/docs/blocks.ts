/** A fenced code block of a Markdown file. */
export interface Block {
  readonly file: string
  /** Of the first line of code, counted from 1. */
  readonly line: number
  readonly language: Language
  readonly code: string
}

/**
 * What docs may contain, and what becomes of it: `ts` and `js` are compiled and run, `sh` is checked command by
 * command, `json` is parsed, `acl` is an aclfile that a Redis starts with, `text` must be what the program before it
 * printed. `picture` is drawn for people.
 *
 * Anything else is refused, a block without a language included: it would be a block that nobody executes.
 */
const languages = ['ts', 'js', 'sh', 'json', 'acl', 'text', 'picture'] as const
type Language = (typeof languages)[number]

const fence = /^ *(`{3,}|~{3,}) *(\S*) *(.*)$/
const listItem = /^ *([-*+]|\d+[.)]) /

/** All blocks of a file, in order. Throws, naming file and line, at whatever would escape execution. */
export function blocksOf(file: string, markdown: string): Block[] {
  const blocks: Block[] = []
  const lines = markdown.split(/\r?\n/)
  let inList = false
  for (let index = 0; index < lines.length; index++) {
    const line = lines[index] ?? ''
    const refuse = (why: string): never => {
      throw new Error(`${file}:${index + 1}: ${why}`)
    }
    if (listItem.test(line)) inList = true
    else if (/^\S/.test(line)) inList = false

    const [, mark, language = '', rest] = fence.exec(line) ?? []
    if (mark === undefined) {
      // An indented block is code without a language.
      if (!inList && /^( {4}|\t)\S/.test(line) && (lines[index - 1] ?? '').trim() === '') {
        refuse('an indented code block: fence it and name its language')
      }
      continue
    }
    if (!isLanguage(language)) refuse(`a code block in ${language || 'no language'}: use ${languages.join(', ')}`)
    if (rest !== '') refuse(`unknown words after the language of a code block: ${rest ?? ''}`)
    const end = lines.findIndex((other, at) => at > index && other.trim() === mark)
    if (end === -1) refuse('a code block that never ends')
    const indent = line.indexOf(mark)
    const code = lines.slice(index + 1, end).map((text) => text.slice(Math.min(indent, text.search(/\S|$/))))
    blocks.push({ file, line: index + 2, language: language as Language, code: `${code.join('\n')}\n` })
    index = end
  }
  return blocks
}

function isLanguage(language: string): language is Language {
  return (languages as readonly string[]).includes(language)
}
