/*
 * How an outcome reaches a wait, whatever breaks on the way. README.md says which code each step stands for.
 *
 * One server emits one outcome; another one waits for it, twice, under the same id. Between them stand a store, a
 * broker and connections that may break anywhere. Every `atomic` of a server of ours is a turn of its event loop,
 * which nothing interrupts; between two turns anything may happen, and any time may pass.
 *
 * Spin visits every order in which all this can happen, within the bounds below.
 */

/* What is asked of the model. scripts/model.mjs says which combinations. */
#ifndef KEPT
#define KEPT 1 /* the outcome is stored and waits recall it; 0: a plain event */
#endif
#ifndef TIME
#define TIME 1 /* last looks and deadlines come at any moment; 0: only when nothing else can happen any more */
#endif
#ifndef SAME_PROCESS
#define SAME_PROCESS 0 /* the server that waits emits too, after its first wait; 0: another server, at any time */
#endif

/* Bounds: how often what goes wrong. */
#ifndef BREAKS
#define BREAKS 2 /* of the subscribing connection, each either seen by its client or not (half-open) */
#endif
#ifndef EMIT_BREAKS
#define EMIT_BREAKS 1 /* of the producer's connection */
#endif
#ifndef LOSSES
#define LOSSES 1 /* pushed messages that vanish on a connection that lives on */
#endif
#ifndef ERRORS
#define ERRORS 1 /* recalls that end with an error instead of an answer */
#endif
#ifndef REFUSALS
#define REFUSALS 1 /* SETs that the store refuses, out of memory for example */
#endif
#ifndef GIVES_UP
#define GIVES_UP 1 /* an emit may reject before it is answered, and take effect or not */
#endif

/* What "at rest" does not promise. Off: promised nevertheless, to see that the exception is needed. */
#ifndef EXCEPT_LOST
#define EXCEPT_LOST 1 /* a push that vanished on a connection that lives on */
#endif
#ifndef EXCEPT_UNPUBLISHED
#define EXCEPT_UNPUBLISHED 1 /* an emit that rejected, its SET executed and its PUBLISH lost */
#endif

/* The steps of the protocol, each of which can be switched off to see what it is for. */
#ifndef ACKNOWLEDGED
#define ACKNOWLEDGED 1 /* an emit resolves when the server has answered; off: when it is written */
#endif
#ifndef REFUSAL_READ
#define REFUSAL_READ 1 /* the reply to SET is looked at; off: only that to PUBLISH */
#endif
#ifndef STORE_FIRST
#define STORE_FIRST 1 /* SET goes before PUBLISH; off: after it */
#endif
#ifndef FROM_MASTER
#define FROM_MASTER 1 /* recalls are answered by the master; off: by a replica that follows in its own time */
#endif
#ifndef REPLY_AWAITED
#define REPLY_AWAITED 1 /* a subscription stands when the broker says so; off: when SUBSCRIBE is written */
#endif
#ifndef FIRST_RECALL
#define FIRST_RECALL 1 /* a wait recalls once its subscription stands */
#endif
#ifndef OWN_QUESTION
#define OWN_QUESTION 1 /* a later wait asks for itself; off: the answer to a question in flight serves it too */
#endif
#ifndef HEARTBEAT
#define HEARTBEAT 1 /* a half-open connection is found out */
#endif
#ifndef REPLY_TIMEOUT
#define REPLY_TIMEOUT 1 /* so is one on which SUBSCRIBE is not answered */
#endif
#ifndef RESUBSCRIBES
#define RESUBSCRIBES 1 /* a new connection restores the subscription */
#endif
#ifndef RESTORED_REPLY_AWAITED
#define RESTORED_REPLY_AWAITED 1 /* restored is what the broker has confirmed; off: what is written */
#endif
#ifndef RESTORED_RECALL
#define RESTORED_RECALL 1 /* after a restoration all waits recall again */
#endif
#ifndef ERROR_RETRIED
#define ERROR_RETRIED 1 /* an error is asked again; off: it is taken for "nothing there" */
#endif
#ifndef LAST_LOOK
#define LAST_LOOK 1 /* a wait recalls once more shortly before its deadline */
#endif
#ifndef SETTLED_REMOVED
#define SETTLED_REMOVED 1 /* a wait that has settled leaves the registry */
#endif
#ifndef HELD
#define HELD 1 /* an emit waits for a subscription of its own process that is in flight */
#endif

/* On the wires. */
mtype = { SUBSCRIBE, CONFIRMED, PUSH, SET, STORED, REFUSED, PUBLISH, PUBLISHED }

/* The subscribing connection as it is: none, whole, broken and its client is told, broken and nobody is told. */
mtype = { NONE, WHOLE, CUT, HALF_OPEN }
mtype wire = NONE
chan to_broker = [1] of { mtype }
chan to_waiter = [4] of { mtype }

/* The subscribing connection as the waiting server takes it to be, and the subscription of the one event name. */
mtype = { DOWN, ESTABLISHING, UP }
mtype link = DOWN
mtype = { IDLE, SUBSCRIBING, STANDING }
mtype subscription = IDLE
bool was_up /* matters to an emit of the same process only */

/* The producer's connection. */
chan to_store = [2] of { mtype }
chan to_producer = [2] of { mtype }
bool emit_cut
bool emit_over
byte refusals = REFUSALS, emit_breaks = EMIT_BREAKS

/* The server: what it keeps, what its replica keeps, and whether it pushes into the subscribing connection. */
bool stored
#if !FROM_MASTER
bool replica
#define READABLE replica
#else
#define READABLE stored
#endif
bool subscribed

/* Recalls: one is due; up to two are in flight, which are enough to overtake each other. */
mtype = { FREE, ASKED, HIT, MISS, FAILED }
bool recall_due
mtype question[2] = FREE
#define IN_FLIGHT (question[0] != FREE || question[1] != FREE)

/* The two waits. */
mtype = { UNBORN, PENDING, SETTLED }
mtype wait[2] = UNBORN
#if SETTLED_REMOVED
#define REGISTERED(w) (wait[w] == PENDING)
#else
#define REGISTERED(w) (wait[w] != UNBORN)
#endif

#define ALL_SETTLED (wait[0] == SETTLED && wait[1] == SETTLED)

/* Known to nobody but the assertions, and left alone where those do not ask: a bit doubles the states. */
byte settlings[2]
bool published
bool lost /* a push vanished on a live connection */
bool harmed /* that, or the subscribing connection broke at some time */
bool owed[2] /* published while the subscription stood, on a connection unharmed since */

inline note_publish() {
  published = !TIME
  owed[0] = !TIME && wait[0] == PENDING && subscription == STANDING && link == UP && wire == WHOLE
  owed[1] = !TIME && wait[1] == PENDING && subscription == STANDING && link == UP && wire == WHOLE
}

inline note_harm() {
  harmed = !TIME
  owed[0] = false
  owed[1] = false
}

inline settle(w) {
  if
  :: REGISTERED(w) ->
    wait[w] = SETTLED
    settlings[w]++
    assert(settlings[w] == 1)
  :: else
  fi
}

/* ---- The producer ---- */

inline write_emit() {
#if !KEPT
  to_store!PUBLISH
#elif STORE_FIRST
  to_store!SET; to_store!PUBLISH
#else
  to_store!PUBLISH; to_store!SET
#endif
}

inline resolve_emit() {
  printf("producer  emit resolves\n")
  /* Whoever emits may rely on it from here on. */
  assert(!KEPT || stored)
}

/* Nothing more can happen to the emit: what is forgotten here only saves states. */
inline forget_emit() {
  emit_over = true
  refusals = 0
  emit_breaks = 0
}

/* A cut producer sends what was not answered again, on a new connection, until its time is up. */
active proctype Emitter() {
  bool refused
#if SAME_PROCESS
  atomic {
    wait[0] != UNBORN && (!HELD || subscription != SUBSCRIBING || (was_up && link != UP)) ->
    printf("producer  emits, after the wait in the same process\n")
    write_emit()
  }
#else
  atomic {
    printf("producer  emits\n")
    write_emit()
  }
#endif
#if !ACKNOWLEDGED
  resolve_emit()
#endif
  do
  :: atomic {
      emit_cut ->
      printf("producer  connects again and sends again\n")
      emit_cut = false
      write_emit()
    }
  :: atomic {
      len(to_producer) == 1 + KEPT ->
      do
      :: to_producer?STORED
#if KEPT
      :: to_producer?REFUSED -> refused = REFUSAL_READ
#endif
      :: to_producer?PUBLISHED
      :: empty(to_producer) -> break
      od
      if
      :: !refused -> resolve_emit()
#if KEPT
      :: refused -> printf("producer  emit rejects: published, but not kept\n")
#endif
      fi
      forget_emit()
      refused = false
      break
    }
  /* What has left may still take effect later. */
  :: atomic {
      GIVES_UP ->
      printf("producer  emit rejects: no answer in time\n")
      emit_over = true
      emit_cut = false
      do
      :: to_producer?_
      :: empty(to_producer) -> break
      od
      if
      :: len(to_store) == 0 -> forget_emit()
      :: else
      fi
      break
    }
  od
}

/* ---- The server: store and broker ---- */

inline reply(how) {
  if
  :: !emit_over -> to_producer!how
  :: else
  fi
}

inline publish() {
  if
  :: subscribed -> assert(nfull(to_waiter)); to_waiter!PUSH
  :: else
  fi
  note_publish()
  reply(PUBLISHED)
  if
  :: emit_over && len(to_store) == 0 -> forget_emit()
  :: else
  fi
}

inline answer(q) {
  atomic {
    question[q] == ASKED ->
    if
    :: READABLE -> printf("store     reads the outcome\n"); question[q] = HIT
    :: else -> printf("store     reads that nothing is there\n"); question[q] = MISS
    fi
  }
}

/* SET and PUBLISH are two commands: others' commands may come between them. */
active proctype Server() {
end:
  do
#if KEPT
  :: atomic {
      to_store?SET ->
      if
      :: printf("store     stores the outcome\n"); stored = true; reply(STORED)
      :: refusals > 0 -> printf("store     refuses to store the outcome\n"); refusals--; reply(REFUSED)
      fi
    }
  :: answer(0)
  :: answer(1)
#endif
#if !FROM_MASTER
  :: atomic { replica != stored -> printf("store     the replica follows\n"); replica = stored }
#endif
  :: atomic {
      to_store?PUBLISH ->
      if
      :: subscribed -> printf("broker    pushes the event\n")
      :: else -> printf("broker    has nobody to push the event to\n")
      fi
      publish()
    }
  :: atomic {
      to_broker?SUBSCRIBE ->
      printf("broker    confirms the subscription\n")
      subscribed = true
      to_waiter!CONFIRMED
    }
  od
}

/* ---- What goes wrong ---- */

inline break_wire(how) {
  wire = how
  subscribed = false
  note_harm()
  do
  :: to_broker?_
  :: to_waiter?_
  :: empty(to_broker) && empty(to_waiter) -> break
  od
}

inline fail_recall(q) {
  atomic {
    errors > 0 && !ALL_SETTLED && question[q] != FREE && question[q] != FAILED ->
    printf("fault     a recall fails\n")
    errors--
    question[q] = FAILED
  }
}

/* Once both waits have settled, nothing is left that it could harm. */
active proctype Faults() {
  byte breaks = BREAKS, losses = LOSSES, errors = ERRORS
end:
  do
  :: atomic { breaks > 0 && !ALL_SETTLED && wire == WHOLE ->
      breaks--
      if
      :: printf("fault     the subscribing connection is cut\n"); break_wire(CUT)
      :: printf("fault     the subscribing connection is half-open\n"); break_wire(HALF_OPEN)
      fi
    }
  :: atomic { losses > 0 && !ALL_SETTLED && to_waiter??[PUSH] ->
      to_waiter??PUSH
      printf("fault     a pushed message vanishes on a live connection\n")
      losses--
      lost = !TIME
      note_harm()
    }
#if KEPT
  :: fail_recall(0)
  :: fail_recall(1)
#endif
  /* Commands that were not executed and replies that were not read are gone. */
  :: atomic { emit_breaks > 0 && !ALL_SETTLED && !emit_cut && (nempty(to_store) || nempty(to_producer)) ->
      printf("fault     the producer's connection is cut\n")
      emit_breaks--
      do
      :: to_store?_
      :: to_producer?_
      :: empty(to_store) && empty(to_producer) -> break
      od
      if
      :: emit_over -> forget_emit()
      :: else -> emit_cut = true
      fi
    }
  /* Enough has gone wrong. */
  :: atomic {
      (breaks > 0 || emit_breaks > 0 || losses > 0 || errors > 0) ->
      breaks = 0
      emit_breaks = 0
      losses = 0
      errors = 0
    }
  od
}

/* ---- The server that waits ---- */

inline recall(step) {
  recall_due = recall_due || (KEPT && step)
}

inline rises() {
  link = UP
  was_up = SAME_PROCESS
}

/* The subscription stands on this connection: from here on a miss means that the outcome is still to come. */
inline stands() {
  if
  :: subscription == SUBSCRIBING -> subscription = STANDING; recall(FIRST_RECALL)
  :: else -> recall(RESTORED_RECALL)
  fi
  rises()
}

inline subscribe() {
  if
  :: wire == WHOLE -> to_broker!SUBSCRIBE
  :: else
  fi
#if !REPLY_AWAITED
  if
  :: subscription == SUBSCRIBING -> stands()
  :: else
  fi
#endif
#if !RESTORED_REPLY_AWAITED
  if
  :: subscription == STANDING -> stands()
  :: else
  fi
#endif
}

inline drop() {
  wire = NONE
  link = DOWN
}

active proctype Subscriber() {
end:
  do
  /* Other names may need the connection before ours does. What is desired is restored before it counts as up. */
  :: atomic { wire == NONE ->
      printf("waiter    connects\n")
      wire = WHOLE
      if
      :: subscription == IDLE -> rises()
      :: subscription == SUBSCRIBING || (subscription == STANDING && RESUBSCRIBES) -> link = ESTABLISHING; subscribe()
#if !RESUBSCRIBES
      :: subscription == STANDING -> stands()
#endif
      fi
    }
  :: atomic { to_waiter?CONFIRMED ->
      printf("waiter    hears that the subscription stands\n")
#if REPLY_AWAITED && RESTORED_REPLY_AWAITED
      stands()
#else
      if
      :: link == UP && subscription == STANDING /* It was taken to stand long ago. */
      :: else -> stands()
      fi
#endif
    }
  :: atomic { to_waiter?PUSH -> printf("waiter    hears the event\n"); settle(0); settle(1) }
  :: atomic { wire == CUT -> printf("waiter    sees that the connection is cut\n"); drop() }
  :: atomic { HEARTBEAT && wire == HALF_OPEN && link == UP -> printf("waiter    hears no heartbeat\n"); drop() }
  :: atomic { REPLY_TIMEOUT && wire == HALF_OPEN && (link == ESTABLISHING || subscription == SUBSCRIBING) ->
      printf("waiter    hears no reply to SUBSCRIBE\n")
      drop()
    }
  od
}

#if KEPT

inline ask(q) {
  atomic {
    recall_due && question[q] == FREE && (q == 0 || question[0] != FREE) ->
    recall_due = false
    if
    :: wait[0] == PENDING || wait[1] == PENDING -> printf("waiter    sends a recall\n"); question[q] = ASKED
    :: else
    fi
  }
}

/* A hit serves every wait. A miss serves nobody: a wait that came after the store was read asks for itself. */
inline hear(q) {
  atomic {
    question[q] == HIT ->
    printf("waiter    recalls the outcome\n")
    question[q] = FREE
    settle(0)
    settle(1)
  }
}

inline hear_nothing(q) {
  atomic { question[q] == MISS -> printf("waiter    hears that nothing is there\n"); question[q] = FREE }
}

inline hear_error(q) {
  atomic {
    question[q] == FAILED ->
    printf("waiter    hears of an error\n")
    question[q] = FREE
    recall(ERROR_RETRIED)
  }
}

active proctype Recall() {
end:
  do
  :: ask(0)
  :: ask(1)
  :: hear(0)
  :: hear(1)
  :: hear_nothing(0)
  :: hear_nothing(1)
  :: hear_error(0)
  :: hear_error(1)
  od
}

#endif

proctype Wait(byte w) {
#if TIME
  bool looked_last, stored_at_last_look
#endif
  /* Both are alike, so let the first be the earlier one. */
  atomic {
    w == 0 || wait[0] != UNBORN ->
    printf("waiter    wait %d begins\n", w + 1)
    wait[w] = PENDING
    if
    :: subscription == IDLE ->
      subscription = SUBSCRIBING
      if
      :: link == UP -> subscribe()
      :: else
      fi
    :: subscription == STANDING && link == UP -> recall(FIRST_RECALL && (OWN_QUESTION || !IN_FLIGHT))
    /* What will stand, or stand again, recalls for all that are registered by then. */
    :: else
    fi
  }
#if TIME
  do
  :: atomic { wait[w] == PENDING && !looked_last ->
      printf("waiter    wait %d looks for the last time\n", w + 1)
      looked_last = true
      stored_at_last_look = stored
      recall(LAST_LOOK)
    }
  :: atomic { wait[w] == PENDING && looked_last ->
      printf("waiter    wait %d times out\n", w + 1)
      /* A timeout means that there was nothing to find, or that the store has not answered. */
      assert(!stored_at_last_look || recall_due || IN_FLIGHT)
      settle(w)
    }
  :: atomic { wait[w] == SETTLED -> looked_last = false; stored_at_last_look = false; break }
  od
#endif
}

init {
  atomic { run Wait(0); run Wait(1) }
}

/* When nothing can happen any more. */
active proctype Rest() {
  atomic {
    timeout ->
    printf("          and nothing more happens\n")
#if TIME
    assert(settlings[0] == 1 && settlings[1] == 1)
#elif KEPT
    /* What is stored has been found without the help of last looks. */
    assert(!stored || (lost && EXCEPT_LOST) || (!published && EXCEPT_UNPUBLISHED) || ALL_SETTLED)
#else
    /* The subscription stands in truth, and what was published while it stood before has arrived. */
    assert(subscribed)
    assert(!owed[0] || wait[0] == SETTLED)
    assert(!owed[1] || wait[1] == SETTLED)
#endif
#if SAME_PROCESS
    assert(!published || harmed || wait[0] == SETTLED)
#endif
  }
}
