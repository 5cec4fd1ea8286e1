import { diagnose } from '../doctor/diagnose'
import { statusOf } from '../doctor/finding'
import type { Finding, Status } from '../doctor/finding'
import type { DoctorFlags } from '../doctor/flags'
import { serverOf } from '../connect'
import { Exit, exitCodes } from '../exit'
import { colours, json, line, printable, table } from '../output'

/** Prints what was found. Rejects, without a message, if something is bad. */
export async function doctor(flags: DoctorFlags): Promise<void> {
  const { place } = serverOf(flags)
  const findings = await diagnose(flags)
  const status = statusOf(findings)
  if (flags.json) json({ server: place, status, findings })
  else print(findings)
  if (status === 'bad') throw new Exit(exitCodes.bad, '')
}

const paints: Readonly<Record<Status, (text: string) => string>> = {
  ok: (text) => colours.green(text),
  warn: (text) => colours.yellow(text),
  bad: (text) => colours.red(colours.bold(text)),
}

function print(findings: readonly Finding[]): void {
  table(
    ['', 'check', 'found'],
    findings.map(({ check, status, found, fix, docs }) => [
      paints[status](status),
      check,
      fix === undefined ? printable(found) : [printable(found), `→ ${colours.bold(fix)}`, `  ${docs ?? ''}`].join('\n'),
    ]),
  )
  const count = (status: Status): string => {
    const many = findings.filter((it) => it.status === status).length
    return many === 0 ? `0 ${status}` : paints[status](`${many} ${status}`)
  }
  line([count('ok'), count('warn'), count('bad')].join(', '))
}
