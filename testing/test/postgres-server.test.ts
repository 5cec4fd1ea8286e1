import { existsSync } from 'node:fs'
import { connect } from 'node:net'
import { startPgbouncer, startPostgres } from '../src'

/** Whether whoever is at the port answers an SSLRequest, as every PostgreSQL and pgbouncer does: `N`, unless it has TLS. */
function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(Buffer.from([0, 0, 0, 8, 4, 210, 22, 47])))
    socket.setTimeout(2_000, () => socket.destroy())
    socket.once('data', (reply) => {
      resolve(reply.toString() === 'N')
      socket.destroy()
    })
    socket.once('error', () => resolve(false))
    socket.once('close', () => resolve(false))
  })
}

test('starts a server of its own, which can be frozen, killed and brought back, and leaves nothing behind', async () => {
  const postgres = await startPostgres()
  expect(postgres.port).not.toBe(5432)
  expect(await answers(postgres.port)).toBe(true)
  postgres.pause()
  expect(await answers(postgres.port)).toBe(false)
  postgres.resume()
  expect(await answers(postgres.port)).toBe(true)
  await postgres.kill()
  expect(await answers(postgres.port)).toBe(false)
  await postgres.restart()
  expect(await answers(postgres.port)).toBe(true)
  const bouncer = await startPgbouncer(postgres, 'transaction')
  expect(await answers(bouncer.port)).toBe(true)
  await bouncer.stop()
  expect(await answers(bouncer.port)).toBe(false)
  await postgres.stop()
  await postgres.stop()
  expect(existsSync(postgres.directory)).toBe(false)
})

test('what is wrong with its settings is told', async () => {
  await expect(startPostgres({ settings: { no_such_setting: '1' } })).rejects.toThrow(/no_such_setting/)
})
