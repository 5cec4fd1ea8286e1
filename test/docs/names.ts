import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './files'

const fence = /^ *(`{3,}|~{3,})[^]*?^ *\1/gm
const inline = /(?<!`)`([^`\n]+)`(?!`)/g

const isPath = /^(?![@/])[\w.*-]*\/[\w@.*/-]*$|^[\w.-]+\.(ts|mts|cts|js|mjs|cjs|json|md|pml|svg)$/
const isType = /^([A-Z][a-z]\w*)(?:\.(#?\w+))?(?:\(.*\))?$/
const isMember = /^#\w+$/

/** Types of TypeScript itself, of which no value tells. */
const ofTypeScript = ['NoInfer', 'Record', 'Partial', 'Readonly', 'Awaited']

/** What files and names there are to be told of. */
export interface Tree {
  /** Tracked files, relative to the root, each with its text; what is no source may be empty. */
  readonly files: ReadonlyMap<string, string>
}

/** This repository: what is tracked, and what is new. */
export function ownTree(): Tree {
  const listed = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], { cwd: root })
  const files = listed.toString().trim().split('\n')
  return { files: new Map(files.map((file) => [file, /\.[cm]?ts$/.test(file) ? textOf(file) : ''])) }
}

/** A file may be deleted and not yet committed. */
function textOf(file: string): string {
  try {
    return readFileSync(join(root, file), 'utf8')
  } catch {
    return ''
  }
}

/**
 * The names in backticks that mean nothing in this tree, outside code blocks: files and folders, given by any end of
 * their path that fits one source file only; types, alone or with a member of theirs; and `#private` members.
 */
export function staleNames(markdown: string, tree: Tree): string[] {
  const told = markdown.replaceAll(fence, '')
  const inBlocks = markdown.match(fence)?.join('\n') ?? ''
  return [...told.matchAll(inline)].flatMap(([, name = '']) => wrongWith(name, inBlocks, tree) ?? [])
}

function wrongWith(name: string, inBlocks: string, tree: Tree): string | undefined {
  if (isPath.test(name)) return wrongWithPath(name, inBlocks, tree)
  if (isMember.test(name)) return sourcesWith(tree, declarationOf(name)).length > 0 ? undefined : name
  const [, type, member] = isType.exec(name) ?? []
  if (
    type === undefined ||
    type in globalThis ||
    ofTypeScript.includes(type) ||
    new RegExp(`\\b${type}\\b`).test(inBlocks)
  )
    return undefined
  const sources = sourcesWith(tree, new RegExp(`\\b(class|interface|type|enum|const|function) ${type}\\b`))
  if (sources.length === 0) return name
  if (member === undefined) return undefined
  const declared = declarationOf(member)
  return sources.some((source) => declared.test(tree.files.get(source) ?? '')) ? undefined : name
}

function wrongWithPath(name: string, inBlocks: string, { files }: Tree): string | undefined {
  // The API reference is made, not tracked.
  if (inBlocks.includes(name) || name.startsWith('docs/api/')) return undefined
  // An entry of core is a folder of it, a pattern stands for its folder, and what is compiled for its source.
  const path = name
    .replace(/^server-events\//, 'packages/core/src/')
    .replace(/\/?\*.*$/, '')
    .replace(/\/$/, '')
  const source = path.replace(/(?<=^index|\/index)\.m?js$/, '.ts')
  const folders = [...files.keys()].filter((file) => `/${file}`.includes(`/${source}/`))
  if (folders.length > 0 || files.has(source)) return undefined
  const fitting = [...files.keys()].filter((file) => file.endsWith(`/${source}`))
  if (fitting.length === 0) return name
  const isSource = source.endsWith('.ts') && !source.endsWith('index.ts')
  return fitting.length > 1 && isSource ? `${name}: is it ${fitting.join(' or ')}?` : undefined
}

function declarationOf(member: string): RegExp {
  const name = member.replace('#', '#?')
  return new RegExp(`^ +((private|readonly|static|async|override|abstract|get|set|\\*) ?)*${name}\\b`, 'm')
}

function sourcesWith({ files }: Tree, pattern: RegExp): string[] {
  return [...files].flatMap(([file, text]) => (file.endsWith('.ts') && pattern.test(text) ? [file] : []))
}
