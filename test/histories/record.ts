import { fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { MemoryHub, MemoryTransport } from '@server-events/memory'
import type { Operation } from './checker'
import type { Order } from './child'
import { mulberry, play } from './play'
import type { Part, Told } from './play'
import { startServers } from './servers'
import type { Kind } from './servers'
import { strike } from './strike'

interface Recording {
  readonly seed: number
  readonly ids: number
  readonly once: boolean
  readonly faults: boolean
}

/** Records histories of several processes on one server. */
export interface Recorder {
  /** Of each id what all processes did to it. */
  record(recording: Recording): Promise<Operation[][]>
  close(): Promise<void>
}

const processes = 3
const span = 500
const typescript = join(__dirname, '../../simulation/typescript.cjs')

function partsOf({ seed, ids, once }: Recording): Part[] {
  const all = Array.from({ length: ids }, (_, id) => String(id))
  return Array.from({ length: processes }, (_, process) => ({ process, seed, ids: all, once, span }))
}

/** Of each id what all processes did, as far as it says anything. */
function together(told: readonly (readonly Told[])[], ids: number): Operation[][] {
  const histories: Operation[][] = Array.from({ length: ids }, () => [])
  for (const one of told) {
    const last = new Map(one.map((each) => [`${each.id} ${each.step}`, each]))
    for (const { id, operation } of last.values()) {
      // Of what never ended, because its process was killed, only what it may have done to the store counts.
      const says = operation?.result !== 'uncertain' || operation.kind === 'emit' || operation.kind === 'forget'
      if (operation && says) histories[Number(id)]?.push(operation)
    }
  }
  return histories
}

/** Several instances on a hub, which is disconnected now and then. */
export function memoryRecorder(): Recorder {
  return {
    async record(recording) {
      const hub = new MemoryHub()
      hub.latency = 1
      const random = mulberry(recording.seed)
      const told: Told[][] = []
      const played = Promise.all(
        partsOf(recording).map((part, index) => {
          const own: Told[] = (told[index] = [])
          return play(new MemoryTransport({ hub }), part, (one) => own.push(one))
        }),
      )
      if (recording.faults)
        for (let fault = 0; fault < 3; fault++) {
          await delay(random() * span * 0.3)
          hub.disconnect()
          await delay(random() * 100)
          hub.reconnect()
        }
      await played
      return together(told, recording.ids)
    },
    close: () => Promise.resolve(),
  }
}

/** Real servers of its own, and processes, each behind a proxy of its own where there are any. */
export async function serverRecorder(kind: Kind): Promise<Recorder> {
  const servers = await startServers(kind, processes)
  const folder = mkdtempSync(join(tmpdir(), 'histories-'))
  const start = (): ChildProcess => fork(join(__dirname, 'child.ts'), { execArgv: ['-r', typescript] })
  const children = Array.from({ length: processes }, start)
  return {
    async record(recording) {
      const random = mulberry(recording.seed)
      // One recording in four loses a process.
      const doomed = recording.faults && random() < 0.25 ? Math.floor(random() * processes) : -1
      const files = children.map((_, index) => join(folder, String(index)))
      const played = partsOf(recording).map((part, index) => {
        const [child, file, target] = [children[index], files[index], servers.targets[index]]
        if (!child || file === undefined || target === undefined) throw new Error('a process is missing')
        writeFileSync(file, '')
        return asked(child, { ...part, kind, target, file }, index === doomed)
      })
      const faults = recording.faults ? [strike(random, servers, span)] : []
      if (doomed >= 0)
        faults.push(
          delay(random() * span).then(() => {
            children[doomed]?.kill('SIGKILL')
            children[doomed] = start()
          }),
        )
      await Promise.all([...played, ...faults])
      return together(files.map(toldIn), recording.ids)
    },
    async close() {
      for (const child of children) child.kill()
      rmSync(folder, { recursive: true })
      await servers.stop()
    },
  }
}

/** The last line of a killed process may lack its end. */
function toldIn(file: string): Told[] {
  const lines = readFileSync(file, 'utf8').split('\n').slice(0, -1)
  return lines.map((line) => JSON.parse(line) as Told)
}

/** Resolves when it has played its part, or has died if it may. */
function asked(child: ChildProcess, order: Order, mayDie: boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    const ended = (code: number | null): void => {
      if (mayDie) resolve()
      else reject(new Error(`a process ended with ${String(code)}`))
    }
    child.once('exit', ended)
    child.once('message', ({ error }: { error?: string }) => {
      child.off('exit', ended)
      if (error === undefined) resolve()
      else reject(new Error(error))
    })
    child.send(order)
  })
}
