import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { aptInstall } from '../apt'
import { findOnPath } from '../find-on-path'

export interface PostgresBinaries {
  /** With `postgres` and `initdb` in it. */
  readonly folder: string
  /** Such as 15. */
  readonly major: number
}

/** Where Debian puts them, a folder for each major version. */
const debian = '/usr/lib/postgresql'

let found: Promise<PostgresBinaries> | undefined

/** Those of a PostgreSQL, installed if need be; rejects with what to install if none can be had. */
export function postgresBinaries(): Promise<PostgresBinaries> {
  found ??= find()
  return found
}

/** Those of all versions that are installed, the newest first; at least one, or it rejects as above. */
export async function postgresFolders(): Promise<PostgresBinaries[]> {
  const one = await postgresBinaries()
  const others = process.env['POSTGRES_SERVER'] ? [] : debianFolders().filter((folder) => folder !== one.folder)
  return [one, ...others.map(withMajor)]
}

async function find(): Promise<PostgresBinaries> {
  const given = process.env['POSTGRES_SERVER']
  if (given) {
    // Who names a server wants that one: another would test something else and pass.
    if (!existsSync(join(given, 'initdb'))) throw new Error(`POSTGRES_SERVER is ${given}, which has no initdb in it`)
    return withMajor(given)
  }
  const folder = (await installed()) ?? (await install())
  if (folder !== undefined) return withMajor(folder)
  throw new Error(
    'no PostgreSQL server: install postgresql (Debian: apt-get install postgresql, macOS: brew install postgresql), ' +
      'or set POSTGRES_SERVER to the folder with its initdb',
  )
}

async function installed(): Promise<string | undefined> {
  const initdb = await findOnPath('initdb')
  if (initdb !== undefined && existsSync(join(dirname(initdb), 'postgres'))) return dirname(initdb)
  return debianFolders()[0]
}

function debianFolders(): string[] {
  if (!existsSync(debian)) return []
  const majors = readdirSync(debian).sort((one, other) => Number(other) - Number(one))
  return majors.map((major) => join(debian, major, 'bin')).filter((folder) => existsSync(join(folder, 'initdb')))
}

/** The package starts no server of its own when it is installed so. */
async function install(): Promise<string | undefined> {
  await aptInstall('initdb', 'postgresql')
  return installed()
}

/** Which version it is. */
export function withMajor(folder: string): PostgresBinaries {
  const version = execFileSync(join(folder, 'postgres'), ['--version'], { encoding: 'utf8' })
  return { folder, major: Number(/(\d+)/.exec(version)?.[1]) }
}
