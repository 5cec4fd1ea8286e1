import type { EventKey, Message, Topic } from 'server-events'
import { HonestTransport } from './honest-transport'
import { liar } from './liars'
import type { Liar } from './liars'

const reaches = 'questions: a question reaches whoever subscribed to what it is about, as it left'
const toOne = 'questions: an answer reaches the home that it is addressed to, and nobody else'
const unknown = 'questions: kinds that nobody knows yet travel as they are'

class Asking extends HonestTransport {
  override readonly questions = true
}

export const liesOfQuestions: readonly Liar[] = [
  liar(
    'drops questions',
    reaches,
    class extends Asking {
      protected override async announce(key: EventKey, message: Message): Promise<void> {
        if (message.kind !== 'question') await super.announce(key, message)
      }
    },
  ),
  liar(
    'takes a question for an event',
    reaches,
    class extends Asking {
      protected override decode(payload: string): Message {
        const message = super.decode(payload)
        return message.kind === 'question' ? { ...message, kind: 'event' } : message
      }
    },
  ),
  liar(
    'has answers for everybody who asks',
    toOne,
    class extends Asking {
      protected override subject(topic: Topic): string {
        return topic.name === '_answers' ? '_answers/~/*' : super.subject(topic)
      }
      protected override announce(key: EventKey, message: Message): Promise<void> {
        if (message.kind !== 'answer') return super.announce(key, message)
        return this.ours(this.client.publish(`_answers/~/${encodeURIComponent(key.id)}`, this.encode(message)))
      }
    },
  ),
  liar(
    'has answers for nobody',
    toOne,
    class extends Asking {
      override async subscribe(topic: Topic): Promise<void> {
        if (topic.home === undefined) await super.subscribe(topic)
        else await this.client.connect()
      }
    },
  ),
  liar(
    'carries no kinds that it does not know',
    unknown,
    class extends Asking {
      protected override async announce(key: EventKey, message: Message): Promise<void> {
        if (['event', 'failure', 'question', 'answer'].includes(message.kind)) await super.announce(key, message)
      }
    },
  ),
]
