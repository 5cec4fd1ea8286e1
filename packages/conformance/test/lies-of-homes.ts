import { homeOf } from 'server-events'
import type { EventKey, Message, Topic } from 'server-events'
import type { ToyClient } from '@server-events/testing'
import { turns } from '@server-events/testing'
import { HonestTransport } from './honest-transport'
import { liar } from './liars'
import type { Liar } from './liars'

const covers = 'homes: a home is all ids of its name that end with its label, and nothing else'
const overlap = 'homes: of a name, a home and an id that overlap each stands without the others, and delivers once'
const oneOfAll = 'homes: of all homes and one of them each stands without the other, and both deliver once'
const again = 'homes: after a home was unsubscribed nothing of it is delivered, and it can be subscribed again'
const back = 'homes: a home stands again after an interruption'
const order = 'homes: each home is heard in its order, and so are the ids without one'
const kept = 'homes: what is kept for an id of a home is heard by the home, and recalled'

class Housing extends HonestTransport {
  override readonly homes = true
}

export const liesOfHomes: readonly Liar[] = [
  liar(
    'takes a home for the whole name',
    covers,
    class extends Housing {
      protected override subject(topic: Topic): string {
        const { name, id, home } = topic
        return super.subject(home === undefined || id !== undefined ? topic : { name })
      }
    },
    [overlap, oneOfAll, again],
  ),
  liar(
    'does not look at the check of a label',
    covers,
    class extends Housing {
      protected override subject(topic: Topic): string {
        const [, label] = /~([-\w]{8})[-\w]{3}$/.exec(topic.id ?? '') ?? []
        return label === undefined ? super.subject(topic) : super.subject({ ...topic, home: `${label}rko` })
      }
      protected override heard(subject: string, payload: string): void {
        super.heard(subject.replace(/(~[-\w]{8})[-\w]{3}(?=\/)/, '$1rko'), payload)
      }
    },
    [overlap, oneOfAll, again, order],
  ),
  liar(
    'has ids of a home that the name does not cover',
    covers,
    class extends Housing {
      protected override covers(subject: string): boolean {
        const [name = '', ...ids] = subject.split('/')
        return super.covers(subject) && (ids.length === 1 || this.topics.has(`${name}/${ids[0]}/*`))
      }
    },
    [order, overlap, oneOfAll],
  ),
  liar(
    'delivers twice what the name and a home cover',
    overlap,
    class extends Housing {
      protected override heard(subject: string, payload: string): void {
        super.heard(subject, payload)
        const [name = '', home = '', id] = subject.split('/')
        if (id !== undefined && this.topics.has(`${name}/*`) && this.topics.has(`${name}/${home}/*`))
          super.heard(subject, payload)
      }
    },
    [oneOfAll],
  ),
  liar(
    'does not hear the others when one home is subscribed',
    oneOfAll,
    class extends Housing {
      protected override covers(subject: string): boolean {
        const [name = '', home = '', id] = subject.split('/')
        const [only, second] = [...this.topics].filter((topic) => topic.startsWith(`${name}/~`))
        const isOther = id !== undefined && second === undefined && only !== undefined && only !== `${name}/${home}/*`
        return super.covers(subject) && !isOther
      }
    },
  ),
  liar(
    'keeps a home while another one stands',
    again,
    class extends Housing {
      override async unsubscribe(topic: Topic): Promise<void> {
        const homes = [...this.topics].filter((subject) => subject.includes('/~') && subject.endsWith('/*'))
        if (topic.home === undefined || homes.length < 2) await super.unsubscribe(topic)
      }
    },
  ),
  liar(
    'forgets its homes when it is interrupted',
    back,
    class extends Housing {
      protected override told(up: boolean): void {
        if (!up) for (const topic of this.topics) if (topic.includes('/~')) this.topics.delete(topic)
        super.told(up)
      }
    },
  ),
  liar(
    'lets later events of a home overtake',
    order,
    class extends Housing {
      private held = false
      protected override async announce(key: EventKey, message: Message): Promise<void> {
        if (homeOf(key.id) === 'BBBB-b_9I1p' && (this.held = !this.held)) await turns(3)
        await super.announce(key, message)
      }
    },
  ),
  liar(
    'publishes what is kept past its home',
    kept,
    class extends Housing {
      private isKept = false
      constructor(client: ToyClient) {
        super(client)
        const { publish } = this.keeper
        this.keeper.publish = (...kept) => {
          this.isKept = true
          const published = publish(...kept)
          this.isKept = false
          return published
        }
      }
      protected override announce(key: EventKey, message: Message): Promise<void> {
        const [name, home, id] = this.subject(key).split('/')
        if (!this.isKept || id === undefined || home === undefined) return super.announce(key, message)
        return this.ours(this.client.publish(`${name}/${id}`, this.encode(message)))
      }
    },
  ),
]
