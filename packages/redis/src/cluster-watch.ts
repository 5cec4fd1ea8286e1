import { discard } from './client'
import type { Client } from './client'
import type { Address, ClusterMap } from './cluster-map'
import { Timer } from './timer'

interface Nodes {
  readonly map: ClusterMap
  dialNode(address: Address): Promise<Client>
  ask(client: Client): Promise<boolean>
}

/**
 * Sees to it that the nodes we are connected to are still members. One that left, or that the
 * others have given up, answers every PING, and hears and tells nothing: so another one is asked.
 */
export class ClusterWatch {
  private readonly watched = new Map<Client, Address>()
  private readonly timer = new Timer(() => void this.look())
  /** Of the node that is asked. */
  private asked: Client | undefined
  private readonly askTimer = new Timer(() => this.hangUp())

  /** Both in ms; `interval` 0 for never, `timeout` for a node to connect and to answer. */
  constructor(
    private readonly nodes: Nodes,
    private readonly interval: number,
    private readonly timeout: number,
  ) {}

  /** Until it closes. */
  add(client: Client, address: Address): void {
    if (this.interval === 0) return
    this.watched.set(client, address)
    client.on('close', () => {
      this.watched.delete(client)
      if (this.watched.size === 0) this.timer.clear()
    })
    if (!this.timer.armed) this.arm()
  }

  close(): void {
    this.watched.clear()
    this.timer.clear()
    this.hangUp()
  }

  private hangUp(): void {
    this.askTimer.clear()
    if (this.asked) void discard(this.asked)
    this.asked = undefined
  }

  private arm(): void {
    this.timer.arm(Math.round(this.interval * (0.85 + Math.random() * 0.3)), false)
  }

  private async look(): Promise<void> {
    const { map } = this.nodes
    // Best none of theirs.
    const address = map.pick(new Set(this.watched.values()))
    try {
      const client = await this.nodes.dialNode(address)
      this.asked = client
      this.askTimer.arm(this.timeout, false)
      if (this.watched.size > 0) await ready(client)
      if (await this.nodes.ask(client))
        for (const [one, at] of [...this.watched]) if (!map.isMember(at)) one.disconnect()
    } catch {
      // It says nothing of those that are watched; the next time another one is asked.
    }
    this.hangUp()
    if (this.watched.size > 0) this.arm()
  }
}

function ready(client: Client): Promise<void> {
  return new Promise((resolve, reject) => {
    client.on('error', () => undefined)
    client.on('ready', resolve)
    client.on('close', () => reject(new Error('closed')))
  })
}
