import process from 'node:process'
import Table from 'cli-table3'
import picocolors from 'picocolors'

/** Of the stream that it is for: a file gets no colours though the terminal is there. */
export const colours = coloursFor(process.stdout)
const errorColours = coloursFor(process.stderr)

/** Not `undefined`, which a file has for isTTY: then CI and FORCE_COLOR would decide. */
function coloursFor({ isTTY }: { readonly isTTY?: boolean }): ReturnType<typeof picocolors.createColors> {
  return picocolors.createColors(isTTY === true && picocolors.isColorSupported)
}

export function line(text: string): void {
  process.stdout.write(`${text}\n`)
}

/** For programs: one line of JSON. */
export function json(value: unknown): void {
  line(JSON.stringify(value))
}

/** What people should know beside the answer. Nothing that looks like a URL's credentials gets past it. */
export function note(text: string): void {
  process.stderr.write(`${errorColours.dim(printable(withoutCredentials(text)))}\n`)
}

export function complain(text: string): void {
  process.stderr.write(`${errorColours.red('error')} ${printable(withoutCredentials(text))}\n`)
}

/** What others sent is not to move the cursor, or worse: control characters are shown as what they are. */
export function printable(text: string): string {
  return text.replaceAll(/(?!\n)\p{Cc}/gu, (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`)
}

/** Between a scheme and the last @ of a line stands what nobody is to see: a password may hold anything. */
function withoutCredentials(text: string): string {
  return text.replaceAll(/([a-z+]+:\/\/).*@/gi, '$1***@')
}

/** Of a URL where none belongs not even the rest: without a host a password looks like one. */
export function withoutUrls(text: string): string {
  return text.replaceAll(/([a-z+]+:\/\/).*/gi, '$1***')
}

/** How wide the terminal is, at most; what is piped is read by people later, at 100. */
export function width(most: number): number {
  return Math.max(60, Math.min(process.stdout.columns || 100, most))
}

/**
 * A table as wide as the terminal; the last column takes what the others leave, and wraps. The others wrap where they
 * would take a third. No word is cut: a link would lead nowhere.
 */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): void {
  const longest = (column: number, of: RegExp): number =>
    [head, ...rows]
      .flatMap((row) => plain(row[column] ?? '').split(of))
      .reduce((most, { length }) => Math.max(most, length), 0)
  const whole = width(140)
  // Of what is indented the words are two columns further to the right.
  const word = (column: number): number => longest(column, /\s+/) + 2
  const fixed = head
    .slice(0, -1)
    .map((_, column) => Math.min(longest(column, /\n/), Math.max(word(column), Math.floor(whole / 3))) + 2)
  const last = head.length - 1
  const rest = whole - fixed.reduce((sum, each) => sum + each + 1, 2)
  const it = new Table({
    head: head.map((text) => colours.bold(text)),
    colWidths: [...fixed, Math.max(word(last) + 2, Math.min(Math.max(20, rest), longest(last, /\n/) + 2))],
    wordWrap: true,
    // Rules between rows would be half of the table.
    chars: { mid: '', 'left-mid': '', 'mid-mid': '', 'right-mid': '' },
    style: { head: [], border: process.stdout.isTTY ? ['grey'] : [] },
  })
  for (const row of rows) it.push([...row])
  line(it.toString())
}

const plain = (text: string): string => text.replaceAll(/\u001b\[\d+m/g, '')
