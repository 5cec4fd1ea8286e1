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
    edit(engine, 'if (wait.has(SETTLED)) return false', ''),
    edit(
      engine,
      'this.#dispatch.toWaits(key, message, entry.waitsFor(key.id), this.#settling.event)',
      'const waits = entry.waitsFor(key.id)\n' +
        'for (let way = message.kind === "event" ? entry.listeners.size : 0; way >= 0; way--) this.#dispatch.toWaits(key, message, waits, this.#settling.event)',
    ),
  ),
  mutant(
    'abort listener left',
    edit('engine/aborts.ts', "group.signal.removeEventListener('abort', group.listener)", ''),
  ),
  mutant('abort settles one wait of a signal', edit('engine/aborts.ts', '[...waits]', '[...waits].slice(0, 1)')),
  mutant(
    'the second wait of an id hides the first',
    edit('engine/names.ts', 'new Set([present, wait])', 'new Set([wait])'),
  ),
  mutant(
    'an event settles one wait of its id',
    edit(engine, 'message, entry.waitsFor(key.id),', 'message, entry.waitsFor(key.id).slice(0, 1),'),
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
    edit(engine, "if (wait.has(RECALLS)) this.#recall?.ask(wait, 'recall')", ''),
    edit(engine, 'this.#pending++\n', "this.#pending++\n    if (recalls) this.#recall?.ask(wait, 'recall')\n"),
  ),
  mutant(
    'a miss served to a later wait',
    edit(
      recall,
      'ask(wait: Wait, way: Way): void {\n',
      "ask(wait: Wait, way: Way): void {\n    if (way === 'recall' && this.#inFlight > 0) return\n",
    ),
  ),
  mutant('no recall after restoration', edit(engine, 'this.#recall?.restored(kept)', '')),
  mutant('no last look', edit(engine, "this.#recall?.ask(wait, 'backstop')\n", '')),
  mutant(
    'the last look puts the deadline off',
    edit(engine, 'this.#deadlines.postpone(wait, deadline)', 'this.#deadlines.postpone(wait, deadline + 50)'),
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
    edit(engine, 'const recalls = recall &&', 'const recalls = (recall || this.#pending > 1) &&'),
  ),
  mutant(
    'a recall that failed stays in flight',
    edit(recall, '    } catch {\n      answers = []\n', '    } catch {\n      return\n'),
  ),

  // Subscriptions
  mutant(
    'messages for listeners only are not wanted',
    edit(
      engine,
      'entry !== undefined && (entry.listeners.size > 0 || entry.waits.has(id))',
      'entry !== undefined && entry.waits.has(id)',
    ),
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
  mutant('never unsubscribes', edit(engine, 'this.topics.of(wait.name, wait.id).release()', '')),
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
      engine,
      "this.#reject(wait, 'refused', () => fromTransport(error))\n      },\n      withdrawn",
      'if (wait.slot === -1) throw error\n      },\n      withdrawn',
    ),
  ),
  mutant('a refused name with listeners is not tried again', edit(subscription, 'else this.#retryLater()', '')),

  // Emits
  mutant(
    'an emit does not wait for a subscription in flight',
    edit(outbox, 'if (holds) this', 'if (holds && name.held.length > 0) this'),
  ),
  mutant('a rejected emit is not told', edit(outbox, 'this.#rejected(makeError())', '')),
  mutant('an emit overtakes those that are held', edit(outbox, 'name.held.length > 0 || ', '')),
  mutant(
    'what is held stays when the connection is lost',
    edit(engine, "if (store === 'outputStore') this.releaseHeld()", ''),
  ),
  mutant('an emit is held for ever', edit(outbox, 'const longestHold = 5000', 'const longestHold = 500_000')),

  // Closing
  mutant('the drain does not end early', edit(engine, 'if (this.#pending === 0) this.whenNothingPends?.()', '')),
  mutant(
    'close does not wait for outstanding emits',
    edit(closing, 'await atMost(outstandingEmits, engine.outbox.idle())', ''),
  ),
  mutant(
    'close forgets the waits',
    edit(engine, "for (const wait of [...this.topics.waits()]) this.#reject(wait, 'closed', closed)", 'void closed'),
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
    edit(recall, 'if (!wait.has(SETTLED)) this.ask', 'if (wait.name.waits.has(wait.id)) this.ask'),
    edit(recall, 'return name.waitsFor(id).filter((wait) => wait.has(RECALLS))', 'return [...name.waitsFor(id)]'),
  ),
]

function mutant(name: string, ...edits: Edit[]): Mutant {
  return { name, edits }
}

function edit(file: string, search: string, replace: string): Edit {
  return { file, search, replace }
}
