import type { Attributes } from '@opentelemetry/api'
import { attributes } from './names'

interface Instance {
  readonly instance: string | number
}

interface About extends Instance {
  readonly name: string
}

/** Only of one that was given a name: the number of another says nothing outside of its process. */
export function ofInstance({ instance }: Instance): Attributes {
  return typeof instance === 'string' ? { [attributes.instance]: instance } : {}
}

/** Of metrics: without the id, of which there are too many. */
export function about(event: About, operation: string, type: string, error?: string): Attributes {
  return {
    [attributes.system]: 'server_events',
    [attributes.destination]: event.name,
    [attributes.operation]: operation,
    [attributes.type]: type,
    ...ofInstance(event),
    ...(error !== undefined && { [attributes.error]: error }),
  }
}

/** Of spans: with it. */
export function ofSpan(event: About & { readonly id: string }, operation: string, type: string): Attributes {
  return { ...about(event, operation, type), [attributes.conversation]: event.id }
}

/** What a wait that ended so is an error by; `undefined` if an event came. */
export function errorOf(way: string): string | undefined {
  return ['event', 'recall', 'restored', 'backstop'].includes(way) ? undefined : way
}
