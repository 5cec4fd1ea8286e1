import { setTimeout as delay } from 'node:timers/promises'
import type { Servers } from './servers'

/**
 * At random moments: cuts, one-way silence that ends in a cut, a server that stands still and, in one
 * recording of four, one that is killed and comes back.
 */
export async function strike(random: () => number, { nodes, proxies }: Servers, span: number): Promise<void> {
  const kills = random() < 0.25
  for (let fault = 0; fault < 5; fault++) {
    await delay(random() * span * 0.3)
    const [proxy, node] = [chosen(random, proxies), chosen(random, nodes)]
    const dice = random()
    if (kills && fault === 2) await node?.restart()
    else if (proxy && dice < 0.4) proxy.cut()
    else if (proxy && dice < 0.8) {
      proxy.blackhole(random() < 0.5 ? 'down' : 'both')
      await delay(random() * 150)
      proxy.heal()
      proxy.cut()
    } else if (node) {
      node.pause()
      await delay(random() * 200)
      node.resume()
    }
  }
}

function chosen<T>(random: () => number, all: readonly T[]): T | undefined {
  return all[Math.floor(random() * all.length)]
}
