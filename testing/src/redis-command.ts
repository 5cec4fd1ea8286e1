import { connect } from 'node:net'
import { join } from 'node:path'
import type { RedisServer } from './redis-server'

/** The answer to a command without spaces in its words, as text: for what is not an array. Rejects with an error of the server. */
export function command({ directory }: Pick<RedisServer, 'directory'>, ...words: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(join(directory, 'socket'), () => socket.write(`${words.join(' ')}\r\n`))
    let answer = ''
    socket.setTimeout(5_000, () => socket.destroy(new Error(`no answer to ${words.join(' ')}`)))
    socket.on('data', (chunk: Buffer) => {
      answer += chunk.toString()
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
