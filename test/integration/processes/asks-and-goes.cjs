// Asks whether somebody waits, on a connection that lets the process go: what asks must not hold it.
const { MemoryTransport } = require('@server-events/memory')
const { ServerEvents } = require('server-events')

const events = new ServerEvents(new MemoryTransport())
const wanted = events.wanted('report', 42, { every: 60_000, within: 30_000 })
setTimeout(() => {
  console.log(wanted.signal.aborted ? 'ABORTED' : 'ASKED')
}, 50)
