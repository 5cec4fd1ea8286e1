import type { EventKey, Message } from 'server-events'
import type { Peer } from '../peer'
import { NotApplicable } from '../stage'
import type { Stage } from '../stage'
import { show } from './show'

export const MINUTE = 60_000

export async function keep(stage: Stage, peer: Peer, at: EventKey, message: Message, ms = MINUTE): Promise<void> {
  await stage.value(`keeper.publish(${show(at)})`, stage.keeperOf(peer).publish(at, message, ms))
}

export function isMessage(answer: unknown): answer is Message {
  return typeof answer === 'object' && answer !== null && 'body' in answer
}

/** The answers in short: bodies, 'nothing', 'Error'. */
export async function recalled(stage: Stage, peer: Peer, ...keys: EventKey[]): Promise<string[]> {
  const answers = await stage.recall(peer, ...keys)
  return answers.map((answer) => {
    if (answer === undefined) return 'nothing'
    return isMessage(answer) ? String(answer.body) : answer instanceof Error ? 'Error' : show(answer)
  })
}

/** That a message is kept at all is the matter of the first case: without it the others have nothing to say. */
export async function presuppose(stage: Stage, peer: Peer, at: EventKey): Promise<void> {
  const [answer] = await recalled(stage, peer, at)
  if (answer === 'nothing') throw new NotApplicable('presupposes that what is kept can be recalled')
}
