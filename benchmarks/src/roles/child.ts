/* A process of the benchmark. Its first message is its task; it loads the role of it, and nothing of the others. */
import type { BurstsTask } from './bursts'
import type { BystanderTask } from './bystander'
import type { EmitterTask } from './emitter'
import type { HeapTask } from './heap'
import type { Role } from './role'
import type { TransactionsTask } from './transactions'
import type { WaiterTask } from './waiter'

export type Task = BurstsTask | BystanderTask | EmitterTask | HeapTask | TransactionsTask | WaiterTask

async function begin(task: Task): Promise<void> {
  const { run } = (await import(`./${task.role}.js`)) as { run: Role<Task, unknown> }
  process.on('message', await run(task, (answer) => process.send?.(answer)))
}

process.once('message', (task: Task) => void begin(task))
// Who measures may have failed.
process.once('disconnect', () => process.exit())
