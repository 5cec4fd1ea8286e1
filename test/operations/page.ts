import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { blocksOf, type Block } from '../docs/blocks'
import { root } from '../docs/files'

const file = 'docs/operations.md'
const markdown = readFileSync(join(root, file), 'utf8')

/** The code blocks of docs/operations.md in a language: what the tests of this folder try is what stands there. */
export function blocksIn(language: Block['language']): Block[] {
  return blocksOf(file, markdown).filter((block) => block.language === language)
}

/** The one block that has this text. */
export function blockWith(text: string): Block {
  const [block, ...others] = blocksOf(file, markdown).filter(({ code }) => code.includes(text))
  if (block === undefined || others.length > 0) throw new Error(`${file} has not one block with ${text}`)
  return block
}

/** The cells of the table under a heading, without its head. */
export function tableUnder(heading: string): string[][] {
  const section = markdown.split(new RegExp(`^#+ ${heading}$`, 'm'))[1]?.split(/^#/m)[0]
  const lines = section?.split('\n').filter((line) => line.startsWith('|')) ?? []
  return lines.slice(2).map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  )
}

/** What stands in backticks. */
export function quotedIn(cell = ''): string[] {
  return [...cell.matchAll(/`([^`]+)`/g)].map(([, text = '']) => text)
}
