// npm run histories [-- --count 10000 --seed 1]: records histories on real servers and checks each.
import { parseArgs } from 'node:util'
import { isLinearizable } from './checker'
import { memoryRecorder, serverRecorder } from './record'

/** Recorded at a time. */
const ids = 100

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { count: { type: 'string' }, seed: { type: 'string' } } })
  const count = Number(values.count ?? 10_000)
  let seed = Number(values.seed ?? Date.now() % 1_000_000)
  const recorders = {
    memory: memoryRecorder(),
    redis: await serverRecorder('redis'),
    cluster: await serverRecorder('cluster'),
    nats: await serverRecorder('nats'),
    postgres: await serverRecorder('postgres'),
  }
  let checked = 0
  let uncertain = 0
  let settled = 0
  let wrong = 0
  for (; checked < count; seed++)
    for (const [name, recorder] of Object.entries(recorders)) {
      // One recording in four is of names that are kept without once.
      const once = seed % 4 !== 0
      for (const history of await recorder.record({ seed, ids, once, faults: true })) {
        checked++
        uncertain += history.filter(({ result }) => result === 'uncertain').length
        settled += history.filter(({ result }) => result === 'settled').length
        if (isLinearizable(history, { once, again: true, early: name === 'cluster' })) continue
        wrong++
        process.stdout.write(
          `seed ${seed}, ${name}, ${once ? 'once' : 'last'}: no order explains this ${JSON.stringify(history)}\n`,
        )
      }
      process.stdout.write(
        `seed ${seed} on ${name}: ${checked} histories, ${settled} refused, ${uncertain} uncertain, ${wrong} wrong\n`,
      )
    }
  await Promise.all(Object.values(recorders).map((recorder) => recorder.close()))
  if (wrong > 0) process.exitCode = 1
}

void main()
