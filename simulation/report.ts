import type { Finding } from './explore'

/** A finding as people read it, and how to see it again. */
export function report({ scenario: { setup }, history, violation, run, path }: Finding, options: string): string {
  return [
    `run ${run} broke a rule; what is left of it when all that it does not need is left out:`,
    '',
    `${''.padStart(10)}     ${Object.entries(setup)
      .map(([option, value]) => `${option} ${value as string | number | boolean}`)
      .join(', ')}`,
    ...history,
    '',
    `broken: ${violation}`,
    `again: npm run simulate -- ${options} --path ${path}`,
  ].join('\n')
}
