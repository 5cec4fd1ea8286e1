import { startRole } from './roles'
import type { Role } from './roles'

/** One server in a process of its own: `fork('child.js', [role])` with REDIS_URL in the environment. */
export type FromChild = { readonly port: number | undefined } | { readonly failed: string }

async function main(): Promise<void> {
  // Ctrl-C reaches every process of the terminal, but the order of stopping is the parent's.
  process.on('SIGINT', () => undefined)
  // The parent is gone, however it ended.
  process.on('disconnect', () => process.exit())
  const started = await startRole(process.argv[2] as Role, process.env['REDIS_URL'])
  process.once('SIGTERM', () => {
    void started.stop().finally(() => process.disconnect())
  })
  tell({ port: started.port })
}

function tell(message: FromChild): void {
  process.send?.(message)
}

main().catch((error: unknown) => {
  tell({ failed: (error as Error).message })
  process.exitCode = 1
  process.disconnect()
})
