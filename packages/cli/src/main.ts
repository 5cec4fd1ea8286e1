#!/usr/bin/env node
import { note } from './output'
import { run } from './program'

// What ioredis has to say it writes with this, once per connection.
const warned = new Set<string>()
Object.assign(console, {
  warn(text: string) {
    if (!warned.has(text)) note(text)
    warned.add(text)
  },
})

// `server-events tail … | head` ends well.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit()
  throw error
})

void run(process.argv.slice(2)).then((code) => {
  process.exitCode = code
})
