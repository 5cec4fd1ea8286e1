import { NatsTransport } from '@server-events/nats'
import type { NatsClientOptions, NatsTransportOptions } from '@server-events/nats'
import { Recorder } from '@server-events/testing'
import type { Recorded } from '@server-events/testing'

export { event, rejection, sentinel } from '@server-events/testing'

export type Open = Recorded<NatsTransport>

const opened: NatsTransport[] = []

/** A transport with its receiver; closed by `closeAll`. */
export function open(at: { readonly port: number }, options: NatsClientOptions & NatsTransportOptions = {}): Open {
  const transport = new NatsTransport({ servers: `127.0.0.1:${at.port}`, ...options })
  opened.push(transport)
  const receiver = new Recorder()
  transport.attach(receiver)
  return { transport, receiver }
}

export async function closeAll(): Promise<void> {
  await Promise.all(opened.splice(0).map((transport) => transport.close()))
}
