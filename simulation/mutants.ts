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
const waiting = 'engine/waiting.ts'
const byId = 'engine/by-id.ts'
const recall = 'engine/recall.ts'
const subscription = 'engine/subscription.ts'
const outbox = 'engine/outbox.ts'
const deadlines = 'engine/deadlines.ts'
const closing = 'engine/closing.ts'

/** What shows the worth of the simulation: each must be found. */
export const mutants: readonly Mutant[] = [
  // Waits
  mutant(
    'settle twice',
    edit(waiting, 'if (item.has(SETTLED)) return false', ''),
    edit(
      waiting,
      'dispatch.to(key, message, name.waits.of(key.id), this.#waitsBy.event)',
      'const waits = name.waits.of(key.id)\n' +
        'for (let way = message.kind === "event" ? name.listeners.size : 0; way >= 0; way--) dispatch.to(key, message, waits, this.#waitsBy.event)',
    ),
  ),
  mutant(
    'abort listener left',
    edit('engine/aborts.ts', "group.signal.removeEventListener('abort', group.listener)", ''),
  ),
  mutant('abort settles one wait of a signal', edit('engine/aborts.ts', '[...items]', '[...items].slice(0, 1)')),
  mutant('the second wait of an id hides the first', edit(byId, 'new Set([present, item])', 'new Set([item])')),
  mutant(
    'an event settles one wait of its id',
    edit(waiting, 'message, name.waits.of(key.id),', 'message, name.waits.of(key.id).slice(0, 1),'),
  ),

  // Deadlines
  mutant(
    'early by the clock',
    edit(deadlines, 'if (early > 0) {', 'if (early > 1000) {'),
    edit(deadlines, 'next.due <= now;', 'next.due <= now + 1;'),
  ),
  mutant('a nearer deadline does not arm the timer', edit(deadlines, 'if (this.#target <= next.due) return', 'return')),
  mutant(
    'the heap loses its order at a removal',
    edit(deadlines, '      this.#up(last)\n      this.#down(last)\n', ''),
  ),
  mutant('times out before it reads what has arrived', edit(deadlines, '> lateness', '> 1e9')),

  // Recall
  mutant(
    'recall before the subscription is confirmed',
    edit(waiting, "if (item.has(RECALLS)) this.#recall?.ask(item, 'recall')", ''),
    edit(
      waiting,
      'item.register()\n',
      "item.register()\n    if (item.has(RECALLS)) this.#recall?.ask(item, 'recall')\n",
    ),
  ),
  mutant(
    'a miss served to a later wait',
    edit(
      recall,
      'ask(item: Pending, way: Way): void {\n',
      "ask(item: Pending, way: Way): void {\n    if (way === 'recall' && this.#inFlight > 0) return\n",
    ),
  ),
  mutant('no recall after restoration', edit(waiting, 'this.#recall?.restored(kept)', '')),
  mutant('no last look', edit(waiting, "this.#recall?.ask(item, 'backstop')\n", '')),
  mutant(
    'the last look puts the deadline off',
    edit(waiting, 'this.#deadlines.postpone(item, deadline)', 'this.#deadlines.postpone(item, deadline + 50)'),
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
    edit(waiting, 'return recall &&', 'return (recall || this.count > 0) &&'),
  ),
  mutant(
    'a recall that failed stays in flight',
    edit(recall, '    } catch {\n      answers = []\n', '    } catch {\n      return\n'),
  ),

  // Subscriptions
  mutant(
    'messages for listeners only are not wanted',
    edit('engine/names.ts', 'return this.listeners.size > 0 || this', 'return this'),
  ),
  mutant(
    'a timeout does not know how long it was disconnected',
    edit('engine/stores.ts', 'if (gap !== undefined) gap.to = now', 'void gap'),
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
  mutant('never unsubscribes', edit(waiting, 'this.#around.topics.of(item.name, item.id).release()', '')),
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
      waiting,
      "for (const item of items) this.#reject(item, 'refused', () => fromTransport(error))",
      'if (items.some(({ slot }) => slot === -1)) throw error',
    ),
  ),
  mutant('a refused name with listeners is not tried again', edit(subscription, 'else this.#retryLater()', '')),

  // Emits
  mutant(
    'an emit does not wait for a subscription in flight',
    edit(outbox, 'return holds ?', 'return holds && name.held.length > 0 ?'),
  ),
  mutant('a rejected emit is not told', edit(outbox, 'if (error !== undefined) this.#rejected(error)', '')),
  mutant('an emit overtakes those that are held', edit(outbox, 'name.held.length > 0 || ', '')),
  mutant(
    'what is held stays when the connection is lost',
    edit(engine, "if (store === 'outputStore') this.releaseHeld()", ''),
  ),
  mutant(
    'what is held stays when the first connection fails',
    edit(engine, 'this.#failing = true\n    this.releaseHeld()', ''),
  ),
  mutant('an emit is held for ever', edit(outbox, 'const longestHold = 5000', 'const longestHold = 500_000')),

  // Closing
  mutant('the drain does not end early', edit(waiting, 'if (this.count === 0) this.whenNothingPends?.()', '')),
  mutant(
    'close does not wait for outstanding emits',
    edit(closing, 'await atMost(outstandingEmits, engine.outbox.idle())', ''),
  ),
  mutant(
    'close forgets the waits',
    edit(
      waiting,
      "for (const item of [...this.#around.topics.pending()]) this.#reject(item, 'closed', makeError)",
      'void makeError',
    ),
  ),
  mutant('a timer is left after close', edit(recall, 'clearTimeout(this.#sweep)\n', '')),
  mutant(
    'the process is held by a timer that nobody waits for',
    edit('engine/starting.ts', 'clearTimeout(timer)', 'void timer'),
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
  mutant('an emit stays when what it queued behind has gone', edit(outbox, '      this.settled(name)\n', '')),
  mutant(
    'the store is asked for a wait that has settled',
    edit(recall, 'if (!item.has(SETTLED)) this.ask', 'if (item.name.waits.has(item.id)) this.ask'),
    edit(recall, 'return name.pendingFor(id).filter((item) => item.has(RECALLS))', 'return [...name.pendingFor(id)]'),
  ),
]

function mutant(name: string, ...edits: Edit[]): Mutant {
  return { name, edits }
}

function edit(file: string, search: string, replace: string): Edit {
  return { file, search, replace }
}
