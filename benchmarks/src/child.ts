/* A process of the benchmark. Its first message is its task; it loads the role of it, and nothing of the others. */
import type { BurstsTask } from './roles/bursts'
import type { BystanderTask } from './roles/bystander'
import type { EmitterTask } from './roles/emitter'
import type { HeapTask } from './roles/heap'
import type { Role } from './roles/role'
import type { TransactionsTask } from './roles/transactions'
import type { WaiterTask } from './roles/waiter'

export type Task = BurstsTask | BystanderTask | EmitterTask | HeapTask | TransactionsTask | WaiterTask

async function begin(task: Task): Promise<void> {
  const { run } = (await import(`./roles/${task.role}.js`)) as { run: Role<Task, unknown> }
  process.on('message', await run(task, (answer) => process.send?.(answer)))
}

process.once('message', (task: Task) => void begin(task))
// Who measures may have failed.
process.once('disconnect', () => process.exit())
