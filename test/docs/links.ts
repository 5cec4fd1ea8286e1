import { existsSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'

const root = resolve(__dirname, '../..')

/** The targets of a file's links, without addresses on the net. */
export function linksOf(markdown: string): string[] {
  return [...withoutCode(markdown).matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target = '']) => target)
    .filter((target) => !/^[a-z]+:/.test(target))
}

/** The links of a file to files and headings that do not exist. Addresses on the net are not asked. */
export function brokenLinks(file: string, markdown: string): string[] {
  return linksOf(markdown).filter((target) => {
    const [path = '', anchor] = target.split('#')
    const linked = join(root, dirname(file), path)
    if (!existsSync(linked)) return true
    if (anchor === undefined) return false
    if (path === '') return !anchorsOf(markdown).includes(anchor)
    return statSync(linked).isDirectory() || !anchorsOf(readFileSync(linked, 'utf8')).includes(anchor)
  })
}

/** As GitHub and npm make them of headings. */
function anchorsOf(markdown: string): string[] {
  return [...withoutCode(markdown).matchAll(/^#+ +(.*)$/gm)].map(([, title = '']) =>
    title
      .trim()
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(/\s/g, '-'),
  )
}

function withoutCode(markdown: string): string {
  return markdown.replaceAll(/^ *```[^]*?^ *```$/gm, '')
}
