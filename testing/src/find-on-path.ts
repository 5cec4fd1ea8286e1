import { constants } from 'node:fs'
import { access } from 'node:fs/promises'
import { delimiter, join } from 'node:path'

/** The path of the first of these executables that is on PATH. */
export async function findOnPath(...executables: string[]): Promise<string | undefined> {
  const directories = (process.env['PATH'] ?? '').split(delimiter).filter((directory) => directory !== '')
  for (const executable of executables) {
    for (const directory of directories) {
      const path = join(directory, executable)
      if (await isExecutable(path)) return path
    }
  }
  return undefined
}

export function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  )
}
