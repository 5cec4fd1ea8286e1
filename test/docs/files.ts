import { readdirSync } from 'node:fs'
import { join, relative, resolve } from 'node:path'

export const root = resolve(__dirname, '../..')

/** Every Markdown file of the tree but the generated changelogs, so that a new one cannot be forgotten. */
export function markdownFiles(folder = root): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) {
      return entry.name.startsWith('.') || ['node_modules', 'dist', 'coverage'].includes(entry.name)
        ? []
        : markdownFiles(path)
    }
    return entry.name.endsWith('.md') && entry.name !== 'CHANGELOG.md' ? [relative(root, path)] : []
  })
}
