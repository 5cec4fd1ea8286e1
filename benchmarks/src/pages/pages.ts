import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Run } from '../record'
import { documented } from './docs'
import { withSpeeds } from './speeds'

/** What shows results, from the root of the repository. */
export const pages: Readonly<Record<string, (markdown: string, run: Run) => string>> = {
  'docs/performance.md': documented,
  'docs/performance-details.md': documented,
  'README.md': withSpeeds,
}

/** Makes all pages and charts anew of the results. */
export function writePages(root: string, run: Run, results: string): void {
  for (const [file, make] of Object.entries(pages)) {
    const path = join(root, file)
    writeFileSync(path, make(readFileSync(path, 'utf8'), run))
  }
  execFileSync(process.execPath, [join(__dirname, 'chart.js'), results, join(root, 'docs/performance.svg')])
  execFileSync(process.execPath, [join(__dirname, 'fleet-chart.js'), results, join(root, 'docs/fleet.svg')])
  execFileSync(process.execPath, [join(__dirname, 'bars.js'), results, join(root, 'docs/waits.svg')])
}
