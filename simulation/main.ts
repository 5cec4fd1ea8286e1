import { randomInt } from 'node:crypto'
import { parseArgs } from 'node:util'
import { explore } from './explore'
import { mutants } from './mutants'
import { report } from './report'

const usage = `npm run simulate -- [options]

  --runs N       how many random scenarios to play (20000; for a mutant 5000)
  --seed S       what they are drawn from (random)
  --path P       replays a failure: as a failing run has printed it, with its seed
  --verbose      shows a failure as it was found, not shrunk to what it needs
  --mutants      plants each known bug in the engine, which must be found within the runs
  --mutant NAME  one of them, with its history
`

/** Each planted bug must be found within so many runs. */
const runsForMutants = 5000

async function main(): Promise<boolean> {
  const { values } = parseArgs({
    options: {
      runs: { type: 'string' },
      seed: { type: 'string' },
      path: { type: 'string' },
      mutants: { type: 'boolean' },
      mutant: { type: 'string' },
      verbose: { type: 'boolean' },
      help: { type: 'boolean' },
    },
  })
  if (values.help === true) {
    print(usage)
    return true
  }
  const seed = values.seed === undefined ? randomInt(2 ** 31) : Number(values.seed)
  if (values.mutants === true) return findAll(Number(values.runs ?? runsForMutants), seed)
  const mutant = mutants.find(({ name }) => name === values.mutant)
  if (values.mutant !== undefined && mutant === undefined) {
    print(['there is no such mutant, but:', ...mutants.map(({ name }) => `  ${name}`)].join('\n'))
    return false
  }
  const runs = Number(values.runs ?? (mutant === undefined ? 20_000 : runsForMutants))
  print(`seed ${seed}, ${runs} runs of ${mutant === undefined ? 'the engine' : `the engine with "${mutant.name}"`}`)
  const start = performance.now()
  const finding = await explore({ runs, seed, mutant, path: values.path, shrink: values.verbose !== true })
  const ms = performance.now() - start
  if (finding === undefined) {
    print(`no rule was broken; ${Math.round((runs / ms) * 1000)} runs/s`)
    return true
  }
  const options = mutant === undefined ? `--seed ${seed}` : `--mutant '${mutant.name}' --seed ${seed}`
  print(report(finding, options))
  return false
}

/** A table of all mutants; false if one is not found. */
async function findAll(runs: number, seed: number): Promise<boolean> {
  print(`seed ${seed}, up to ${runs} runs for each mutant`)
  print(['found in run', 'lines', 'mutant'].map(column).join(''))
  let missed = 0
  for (const mutant of mutants) {
    const finding = await explore({ runs, seed, mutant })
    if (finding === undefined) missed++
    const where = finding === undefined ? ['NOT FOUND', ''] : [String(finding.run), String(finding.history.length)]
    print([...where, mutant.name].map(column).join('') + (finding === undefined ? '' : `: ${finding.violation}`))
  }
  print(`${mutants.length - missed} of ${mutants.length} mutants found`)
  return missed === 0
}

function column(text: string): string {
  return text.padEnd(14)
}

function print(text: string): void {
  process.stdout.write(`${text}\n`)
}

void main().then((ok) => {
  process.exitCode = ok ? 0 : 1
})
