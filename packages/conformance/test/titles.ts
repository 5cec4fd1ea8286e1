/** Titles of cases that more than one lie is about. */

export const stopped =
  'outage: stopped: it is told, what is published settles in bounded time and is accepted by nobody, also later'
export const stoppedRecall = 'outage: stopped: recall answers Errors at once'
export const stoppedConnect =
  'outage: stopped: connect and subscribe pend, and each failed attempt is told; started, they settle'
export const stoppedClose = 'outage: stopped: close is bounded, whatever is pending'
export const frozen =
  'outage: frozen: what is asked settles in bounded time and is accepted by nobody; thawed, all is as it was'
export const frozenNoticed = 'outage: frozen: it is noticed, also by a subscription that nobody uses'
export const frozenConnect = 'outage: frozen: connect and subscribe pend; thawed, they settle'
export const frozenClose = 'outage: frozen: close is bounded, whatever is pending'

export const reentrant = 'delivery: deliver is never called inside publish or subscribe'
export const onlyOnce = 'interruption: what rejects with ConnectionError is never heard, and the rest in its order'
export const closedWhileDown = 'interruption: closed while it is down, it stays down and is silent'
export const keptAcross =
  'keeping: what is kept or forgotten across an interruption settles, and is neither heard nor kept if it was not sent'
export const mixedOrder = 'order: large and small, strings and bytes, events and failures do not overtake each other'
export const keptOrder = 'order: kept messages and plain ones do not overtake each other'
export const beforeClose = 'lifecycle: what is published just before close is accepted, or rejects'
export const asItIs = 'messages: it is taken as it is when publish is called'
export const lookalikes = 'messages: of two keys that look alike only the one that is subscribed is delivered'
export const apart = 'keeping: nasty names and ids are kept apart, and forgotten apart'
export const twoKeys = "keeping: ('a', 'b:c') and ('a:b', 'c') are kept apart"
export const recallable = 'keeping: whoever hears a kept message could already have recalled it'
export const intact = 'keeping: what is kept is heard and recalled as it left: kind, body, headers, kept'
export const anySize = 'keeping: any size is kept and heard whole, or is refused with PayloadTooLargeError'
export const oneTick = 'keeping: of those kept in one tick each is heard, equal ones too, and the last one wins'
export const inTime = 'keeping: what is kept does not go before its time, be it short or long'
export const expires = 'keeping: what is kept goes after its time, and no later one with it'
export const again =
  'keeping: kept again the time is the new one, also if it is shorter, or the old one has passed, or was forgotten'
export const hundreds = 'keeping: recall answers hundreds of keys at a time, each question with its own answers'
export const oneOnly = 'keeping: forget removes one, and only that; forgetting nothing is fine'
export const forbiddenStore =
  'refusal: a forbidden store: keeper.publish rejects, recall answers ForbiddenError, forget rejects'
export const holds =
  'keeping: once: the first one holds, another one rejects, and the one that holds is announced again as it is'
export const same = 'keeping: once: the same one again resolves, whatever its headers, and is announced again'
export const many =
  'keeping: once: of many at a time one wins, which is all that anybody hears, and could have recalled'
export const next =
  'keeping: once: when it was forgotten, or its time is over, the next one holds; and its time is not begun anew'
export const none = 'keeping: once: what is none is replaced, by one of those that find it'
