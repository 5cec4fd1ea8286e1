import { connect } from 'node:net'
import { join } from 'node:path'
import type { RedisServer } from './redis-server'

/** Who is asked, over the socket in its directory. */
export interface Asked extends Pick<RedisServer, 'directory'> {
  readonly password?: string | undefined
}

/** The answer to a command without spaces in its words, as text: for what is not an array. Rejects with an error of the server. */
export async function command({ directory, password }: Asked, ...words: readonly string[]): Promise<string> {
  const path = join(directory, 'socket')
  if (password === undefined) return answer(path, [words])
  return answer(path, [['AUTH', password], words])
}

function answer(path: string, commands: readonly (readonly string[])[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const words = commands.at(-1) as readonly string[]
    const socket = connect(path, () => socket.write(commands.map((one) => `${one.join(' ')}\r\n`).join('')))
    // Of AUTH only whether it was accepted is of interest.
    let granted = commands.length === 1
    let answer = ''
    socket.setTimeout(5_000, () => socket.destroy(new Error(`no answer to ${words.join(' ')}`)))
    socket.on('data', (chunk: Buffer) => {
      answer += chunk.toString()
      if (!granted && answer.startsWith('+OK\r\n')) {
        granted = true
        answer = answer.slice(5)
      }
      const [head = '', ...rest] = answer.split('\r\n')
      if (rest.length === 0) return
      const length = head.startsWith('$') ? Number(head.slice(1)) : -1
      if (answer.length < head.length + 2 + (length < 0 ? 0 : length + 2)) return
      if (head.startsWith('-')) reject(new Error(`${words.join(' ')}: ${head.slice(1)}`))
      else resolve(length < 0 ? head.slice(1) : answer.slice(head.length + 2, head.length + 2 + length))
      socket.destroy()
    })
    socket.once('error', reject)
    socket.once('close', () => reject(new Error(`closed before it answered ${words.join(' ')}`)))
  })
}
