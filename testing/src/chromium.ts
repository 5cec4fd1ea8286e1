import { join } from 'node:path'
import { aptInstall } from './apt'
import { findOnPath } from './find-on-path'

/** A file to run in a page, as an init script: `probe` then tells of it as a person sees it. */
export const pageProbe = join(__dirname, '../page-probe.js')

export interface Chromium {
  readonly executablePath: string
  /** Without a window, a GPU, or a request that no page made. */
  readonly args: string[]
}

/** What a browser driver launches; installed first if need be. Rejects, saying what was not tested, where none can be had. */
export async function findChromium(untested: string): Promise<Chromium> {
  const executablePath =
    (await findOnPath('chromium', 'chromium-browser', 'google-chrome')) ?? (await aptInstall('chromium', 'chromium'))
  if (executablePath === undefined) {
    throw new Error(`${untested} WAS NOT TESTED: there is no Chromium. Install one (Debian: apt-get install chromium)`)
  }
  const args = [
    '--headless',
    ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
  ]
  return { executablePath, args }
}
