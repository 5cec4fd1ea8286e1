import { channels, type Telling } from '../observe/diagnostics'
import type { Messages } from '../messages/messages'
import type { RecallHost } from '../outcomes/recall'
import type { Way } from '../observe/stats'
import type { NamePending, NameStream, NameWait } from '../registry/name'
import type { Subscriptions } from '../registry/subscriptions'
import { RECALLS } from '../pending/pending'
import type { Dispatch, Recipient } from './dispatch'

interface Host {
  readonly telling: Telling
  readonly subscriptions: Subscriptions
  readonly dispatch: Dispatch
  readonly messages: Messages
}

interface Recipients {
  readonly waits: Readonly<Record<Way, Recipient<NameWait>>>
  readonly streams: Recipient<NameStream>
  refused(items: readonly NamePending[], error: unknown): void
}

/** Brings what the store answers to those that look for it by now: an entry may have gone and come again meanwhile. */
export function recalled({ telling, subscriptions, dispatch, messages }: Host, recipients: Recipients): RecallHost {
  return {
    hit: (key, message, way, asked) => {
      const entry = subscriptions.find(key.name)
      if (entry === undefined) return
      const waits = entry.waits.of(key.id).filter(recalls)
      const streams = entry.streams.of(key.id).filter((stream) => recalls(stream) && stream.lacks(message, asked))
      for (const stream of streams) stream.saw(message, asked)
      if (channels.receive.hasSubscribers) {
        telling.received(key, message, way, { waits: waits.length, streams: streams.length, listeners: 0 })
      }
      const reading = messages.reading(key, message, waits.length + streams.length > 1)
      dispatch.to(reading, waits, recipients.waits[way])
      dispatch.to(reading, streams, recipients.streams)
    },
    forbidden: (key, error) => {
      recipients.refused((subscriptions.find(key.name)?.pendingFor(key.id) ?? []).filter(recalls), error)
    },
  }
}

function recalls(item: NamePending): boolean {
  return item.has(RECALLS)
}
