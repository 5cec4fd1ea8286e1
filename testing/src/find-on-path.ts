import which from 'which'

/** The path of the first of these executables that is on PATH, or that is a path itself. */
export async function findOnPath(...executables: string[]): Promise<string | undefined> {
  for (const executable of executables) {
    const path = await which(executable, { nothrow: true })
    if (path !== null) return path
  }
  return undefined
}
