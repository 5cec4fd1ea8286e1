import type { Args } from '../event-map'
import { UnsupportedError, ValidationError, type ValidationIssue } from '../errors'
import type { StandardIssue, StandardResult, StandardSchemaV1 } from '../standard-schema'
import { quoted } from '../text'
import { Redaction } from './redaction'
import { noop } from '../base/reject-at-caller'
import { isThenable } from '../base/guard'

const ISSUES_TOLD = 5
/** Whoever sends decides how many there are. */
const ISSUES_KEPT = 20
const LONGEST_KEY = 80
const LONGEST_PATH = 32

/** The schemas of an instance, by event name. A name without one is not validated. */
export class Schemas {
  readonly #byName: ReadonlyMap<string, StandardSchemaV1>

  constructor(byName: ReadonlyMap<string, StandardSchemaV1>) {
    this.#byName = byName
  }

  /** Of what is emitted: throws ValidationError or UnsupportedError; what the schema makes of it is not used. */
  check(name: string, args: Args): void {
    const schema = this.#byName.get(name)
    if (schema !== undefined) validate(schema, name, args, `the args of event ${quoted(name)} do not validate`)
  }

  /** What the schema makes of args that arrived. Throws ValidationError or UnsupportedError. */
  read(name: string, args: Args): Args {
    const schema = this.#byName.get(name)
    if (schema === undefined) return args
    const what = `a message of event ${quoted(name)} was dropped: its args do not validate`
    const value = validate(schema, name, args, what)
    if (Array.isArray(value)) return value
    throw new ValidationError(`${what}: their schema made no array of args of them`)
  }
}

function validate(schema: StandardSchemaV1, name: string, args: Args, what: string): unknown {
  const result = ask(schema, name, args)
  if (isThenable(result)) {
    Promise.resolve(result).catch(noop)
    throw new UnsupportedError(
      `the schema of event ${quoted(name)} is asynchronous: events would lose their order; validate what takes time elsewhere`,
    )
  }
  if (result.issues === undefined) return result.value
  const redaction = new Redaction(args)
  const issues: ValidationIssue[] = []
  for (const issue of result.issues) {
    if (issues.length === ISSUES_KEPT) break
    issues.push(tellable(issue, redaction))
  }
  const told = issues.slice(0, ISSUES_TOLD).map(({ path, message }) => `${pathText(path)}: ${message}`)
  const count = result.issues.length
  const more = count > told.length ? [`and ${count - told.length} more`] : []
  throw new ValidationError(`${what}: ${[...told, ...more].join('; ')}`, { issues })
}

function ask(schema: StandardSchemaV1, name: string, args: Args): StandardResult<unknown> | PromiseLike<unknown> {
  let result: unknown
  try {
    result = schema['~standard'].validate(args)
  } catch (error) {
    const thrown = error instanceof Error ? error.name : typeof error
    // Not its message, which may hold what was validated.
    throw new ValidationError(`the schema of event ${quoted(name)} threw ${thrown}: it must answer with issues instead`)
  }
  const answered = typeof result === 'object' && result !== null && ('value' in result || 'issues' in result)
  if (answered || isThenable(result)) return result as StandardResult<unknown>
  throw new ValidationError(`the schema of event ${quoted(name)} answered with neither a value nor issues`)
}

/** Without what was validated: errors are logged. */
function tellable({ message, path = [] }: StandardIssue, redaction: Redaction): ValidationIssue {
  const keys: (string | number)[] = []
  // Not by its own map or slice: arktype's paths are arrays of another class.
  for (const part of path) {
    if (keys.length === LONGEST_PATH) break
    const key = typeof part === 'object' ? part.key : part
    keys.push(typeof key === 'number' ? key : shortened(String(key)))
  }
  return { path: keys, message: redaction.of(message) }
}

/** A key of a record is of its sender's making, and errors are logged. */
function shortened(key: string): string {
  return key.length > LONGEST_KEY ? `${key.slice(0, LONGEST_KEY)}…` : key
}

function pathText(path: readonly (string | number)[]): string {
  const parts = path.map((key) => (/^\d+$/.test(String(key)) ? `[${key}]` : `.${key}`))
  return parts.join('') || 'args'
}
