/** A change of one place. */
interface Edit {
  /** Below packages/core/src. */
  readonly file: string
  /** Stands there exactly once; else the mutant is refused, so that it cannot rot unnoticed. */
  readonly search: string
  readonly replace: string
}

/** A bug that somebody could write, planted in the engine. */
export interface Mutant {
  readonly name: string
  readonly edits: readonly Edit[]
}

const engine = 'engine/engine.ts'
const waits = 'waits/waits.ts'
const byId = 'registry/by-id.ts'
const recall = 'outcomes/recall.ts'
const once = 'outcomes/once.ts'
const subscription = 'registry/subscription.ts'
const emits = 'emits/emits.ts'
const deadlines = 'waits/deadlines.ts'
const heap = 'base/heap.ts'
const closing = 'engine/close.ts'

/** What shows the worth of the simulation: each must be found. */
export const mutants: readonly Mutant[] = [
  // Waits
  mutant(
    'settle twice',
    edit(waits, 'if (item.has(SETTLED)) return false', ''),
    edit(
      'engine/engine.ts',
      'this.waits.deliver(reading, waits, streams)',
      'for (let way = message.kind === "event" ? entry.listeners.size : 0; way >= 0; way--) this.waits.deliver(reading, waits, way === 0 ? streams : [])',
    ),
  ),
  mutant(
    'abort listener left',
    edit('waits/aborts.ts', "group.signal.removeEventListener('abort', group.listener)", ''),
  ),
  mutant('abort settles one wait of a signal', edit('waits/aborts.ts', '[...items]', '[...items].slice(0, 1)')),
  mutant('the second wait of an id hides the first', edit(byId, 'new Set([present, item])', 'new Set([item])')),
  mutant(
    'an event settles one wait of its id',
    edit(waits, 'dispatch.to(reading, waits,', 'dispatch.to(reading, waits.slice(0, 1),'),
  ),

  // Deadlines
  mutant(
    'early by the clock',
    edit(deadlines, 'if (early > 0) {', 'if (early > 1000) {'),
    edit(deadlines, 'next.due <= now;', 'next.due <= now + 1;'),
  ),
  mutant('a nearer deadline does not arm the timer', edit(deadlines, 'if (this.#target <= next.due) return', 'return')),
  mutant('the heap loses its order at a removal', edit(heap, '    this.#up(last)\n    this.#down(last)\n', '')),
  mutant('times out before it reads what has arrived', edit(deadlines, '> LATENESS', '> 1e9')),

  // Recall
  mutant(
    'recall before the subscription is confirmed',
    edit(waits, "if (item.has(RECALLS)) this.#recall?.ask(item, 'recall')", ''),
    edit(
      waits,
      'this.#deadlines.add(item)\n    const',
      "this.#deadlines.add(item)\n    if (item.has(RECALLS)) this.#recall?.ask(item, 'recall')\n    const",
    ),
  ),
  mutant(
    'a miss served to a later wait',
    edit(
      recall,
      'ask(item: NamePending, way: Way): void {\n',
      "ask(item: NamePending, way: Way): void {\n    if (way === 'recall' && this.#inFlight > 0) return\n",
    ),
  ),
  mutant('no recall after restoration', edit(waits, 'this.#recall?.restored(kept)', '')),
  mutant('no last look', edit(waits, "this.#recall?.ask(item, 'backstop')\n", '')),
  mutant(
    'the last look puts the deadline off',
    edit(waits, 'this.#deadlines.postpone(item, deadline)', 'this.#deadlines.postpone(item, deadline + 50)'),
  ),
  mutant('no backstop after the first', edit(recall, 'if (any) this.guardBy(pending)', '')),
  mutant(
    'a failed recall is not tried again',
    edit(recall, 'if (unanswered.length > 0) this.#again(unanswered)', 'if (unanswered.length > 0) this.#failures++'),
  ),
  mutant(
    'a failed recall is a miss',
    edit(
      recall,
      '(answer === undefined || isMessage(answer))',
      '(answer instanceof Error || answer === undefined || isMessage(answer))',
    ),
  ),
  mutant(
    'a kept outcome settles a wait that does not recall',
    edit(waits, 'return recall &&', 'return (recall || this.count > 0) &&'),
  ),
  mutant(
    'a recall that failed stays in flight',
    edit(recall, '    } catch {\n      answers = []\n', '    } catch {\n      return\n'),
  ),

  // Subscriptions
  mutant(
    'messages for listeners only are not wanted',
    edit('registry/name.ts', 'return this.listeners.size > 0 || this', 'return this'),
  ),
  mutant(
    'a timeout does not know how long it was disconnected',
    edit('observe/connection-health.ts', 'if (gap !== undefined) gap.to = now', 'void gap'),
  ),
  mutant(
    'linger unsubscribes a used topic',
    edit(subscription, 'if (this.#users > 0 || this.#state', 'if (this.#state'),
    edit(subscription, 'if (this.#usedSinceArmed) this.#arm()', 'if (false) this.#arm()'),
  ),
  mutant(
    'subscribes while it unsubscribes',
    edit(
      subscription,
      "if (this.#state === 'idle' && this.#host.isOpen())",
      "if (this.#state !== 'subscribing' && this.#state !== 'standing' && this.#host.isOpen())",
    ),
  ),
  mutant(
    'a wait during unsubscribing is forgotten',
    edit(
      subscription,
      'if (this.#users > 0) void this.#subscribe()\n    else this.#host.idle(this)',
      'this.#host.idle(this)',
    ),
  ),
  mutant('never unsubscribes', edit(waits, 'this.#host.subscriptions.of(item.entry, item.id).release()', '')),
  mutant(
    'a lost topic is taken to stand',
    edit(subscription, "if (this.#state === 'standing') this.#refused(error)\n    else", ''),
  ),
  mutant(
    'a loss before the confirmation is missed',
    edit(subscription, "else if (this.#state === 'subscribing') this.#lost = { error }", ''),
  ),
  mutant(
    'a refusal leaves waits pending',
    edit(
      waits,
      "for (const item of items) this.#reject(item, 'refused', () => fromTransport(error))",
      'if (items.some(({ slot }) => slot === -1)) throw error',
    ),
  ),
  mutant('a refused name with listeners is not tried again', edit(subscription, 'else this.#retryLater()', '')),

  // Homes
  mutant(
    'a home of others lingers',
    edit('registry/subscriptions.ts', ': { name: entry.name, home }, 0)', ': { name: entry.name, home }, LINGER)'),
  ),
  mutant(
    'a home covers one of its waits',
    edit(
      'registry/name.ts',
      '.filter(({ id }) => homeOf(id) === home)',
      '.filter(({ id }) => homeOf(id) === home).slice(0, 1)',
    ),
  ),
  mutant('an emit does not wait for a home in flight', edit('registry/name.ts', '[id, part, ALL_HOMES]', '[id]')),
  mutant(
    'option listen does not hold the home',
    edit(
      'registry/subscriptions.ts',
      'subscription.acquire()\n      return subscription',
      'subscription.ensure()\n      return subscription',
    ),
  ),

  // Emits
  mutant(
    'an emit does not wait for a subscription in flight',
    edit(emits, 'return defers ?', 'return defers && this.#queues(entry) ?'),
  ),
  mutant('a rejected emit is not told', edit(emits, 'if (error !== undefined) this.#host.rejected(error, emit)', '')),
  mutant('an emit overtakes those that are held', edit(emits, 'this.#queues(entry) || ', '')),
  mutant('what is held stays when the subscriptions are restored', edit(engine, 'this.emits.restored()', '')),
  mutant('an emit is held for ever', edit(emits, 'const LONGEST_HOLD = 5000', 'const LONGEST_HOLD = 500_000')),

  // The first outcome
  mutant('once is not asked of the keeper', edit(emits, 'keep, this.#host.onceOf(key.name, message))', 'keep)')),
  mutant(
    'what is kept once is published and not stored',
    edit(emits, 'return keep > 0 &&', 'return this.#host.onceOf(key.name, message) === undefined && keep > 0 &&'),
  ),
  mutant('another outcome is called the same', edit(once, "'same' : 'other'", "'same' : 'same'")),
  mutant(
    'the trace of a retry makes another outcome',
    edit(once, 'onceOf({ kind, body }', 'onceOf({ kind, body, headers }'),
    edit(once, 'held.kind === kind', 'held.kind === kind && JSON.stringify(held.headers) === JSON.stringify(headers)'),
  ),
  mutant(
    'a failure does not compete',
    edit(engine, 'options.isOnce(name) ?', "options.isOnce(name) && message.kind === 'event' ?"),
  ),

  // Closing
  mutant('the drain does not end early', edit(waits, 'if (this.count === 0) this.whenNothingPends?.()', '')),
  mutant(
    'close does not wait for outstanding emits',
    edit(closing, 'await atMost(OUTSTANDING_EMITS, engine.emits.idle())', ''),
  ),
  mutant(
    'close forgets the waits',
    edit(
      waits,
      "for (const item of [...this.#host.subscriptions.pending()]) this.#reject(item, 'closed', makeError)",
      'void makeError',
    ),
  ),
  mutant('a timer is left after close', edit(recall, 'clearTimeout(this.#sweep)\n', '')),
  mutant(
    'the process is held by a timer that nobody waits for',
    edit('engine/init.ts', 'clearTimeout(timer)', 'void timer'),
  ),

  // What the simulation found in the engine when both were new
  mutant(
    'linger outlives a lost topic',
    edit(
      subscription,
      "if (this.#state === 'idle') {\n      clearTimeout(this.#linger)\n",
      "if (this.#state === 'idle') {\n",
    ),
  ),
  mutant('a second close holds the process', edit(closing, 'this.#drain = 0\n', '')),
  mutant('an emit stays when what it queued behind has gone', edit(emits, 'if (!late) this.#advance(entry)\n', '')),
  mutant(
    'the store is asked for a wait that has settled',
    edit(recall, 'if (!item.has(SETTLED)) this.ask', 'if (item.entry.waits.has(item.id)) this.ask'),
    edit(recall, 'if (question.items.some(isPending)) batch.push(question)', 'batch.push(question)'),
  ),
]

function mutant(name: string, ...edits: Edit[]): Mutant {
  return { name, edits }
}

function edit(file: string, search: string, replace: string): Edit {
  return { file, search, replace }
}
