/*
 * How one outcome of an id comes to hold, whoever else emits another one. README.md says which code each step
 * stands for.
 *
 * Two servers emit one outcome each, under one id that is kept once; two others wait for it. Connections break
 * anywhere, what was not answered is sent again, and a server that emits may die. Every `atomic` of a server of
 * ours is a turn of its event loop; between two turns anything may happen, and any time may pass.
 */

/* Bounds: how often what goes wrong. */
#ifndef EMIT_BREAKS
#define EMIT_BREAKS 1 /* of the connection of one of those that emit */
#endif
#ifndef WAIT_BREAKS
#define WAIT_BREAKS 1 /* of the connection of one of those that wait */
#endif
#ifndef DEATHS
#define DEATHS 1 /* of a server that emits; what has left it takes effect or not */
#endif
#ifndef REFUSALS
#define REFUSALS 1 /* of the store to store an outcome, out of memory for example */
#endif

/* The steps, each of which can be switched off to see what it is for. */
#ifndef STORE_DECIDES
#define STORE_DECIDES 1 /* SET NX; off: SET, so that the last one is kept */
#endif
#ifndef IN_ONE_STEP
#define IN_ONE_STEP 1 /* looks and stores at once; off: GET, and SET if nothing was there */
#endif
#ifndef AFTER_DECISION
#define AFTER_DECISION 1 /* PUBLISH leaves when the store has answered; off: beside SET NX */
#endif
#ifndef HOLDER_TOLD
#define HOLDER_TOLD 1 /* who comes second publishes as well; off: it only rejects */
#endif
#ifndef HOLDER_READ
#define HOLDER_READ 1 /* what it publishes is what holds; off: its own */
#endif
#ifndef COMPARED
#define COMPARED 1 /* the same outcome is not refused; off: whatever is there already refuses */
#endif
#ifndef REFUSAL_ENDS
#define REFUSAL_ENDS 1 /* what could not be stored is not published; off: it is, as without once */
#endif

/* On the wires, each with an outcome: 1 or 2, after who emits it; 0 is none. */
mtype = { ADD, SET, GET, PUBLISH, ADDED, THERE, VALUE, REFUSED, PUBLISHED }

byte held
byte refusals = REFUSALS

/* Those that emit. */
chan to_server[2] = [2] of { mtype, byte }
chan to_emitter[2] = [2] of { mtype, byte }
bool cut[2], dead[2], over[2]
bool answered /* an emit has resolved, or was refused because another outcome holds */

/* Those that wait. At first their subscriptions do not stand yet: they may begin late. */
mtype = { PENDING, SETTLED }
chan to_waiter[2] = [4] of { byte }
mtype wait[2] = PENDING
byte heard[2]
bool standing[2], recall_due[2], asked[2], told[2]
byte answer[2]
#define ALL_SETTLED (wait[0] == SETTLED && wait[1] == SETTLED)

inline settle(w, value) {
  if
  :: wait[w] == PENDING ->
    wait[w] = SETTLED
    heard[w] = value
    /* No two waits settle differently, and none with what does not hold. */
    assert(heard[1 - w] == 0 || heard[1 - w] == value)
    assert(held == value)
  :: else
  fi
}

/* ---- Those that emit ---- */

inline ask_store(e) {
#if STORE_DECIDES && IN_ONE_STEP
  to_server[e]!ADD, e + 1
#elif STORE_DECIDES
  to_server[e]!GET, 0
#else
  to_server[e]!SET, e + 1
#endif
#if !AFTER_DECISION
  to_server[e]!PUBLISH, e + 1
#endif
}

inline end_emit(e) {
  over[e] = true
  answered = true
  if
  :: holder == e + 1 && (added || COMPARED) -> printf("producer  %d resolves\n", e + 1); assert(held == e + 1)
  :: else -> printf("producer  %d is refused: another outcome holds\n", e + 1); assert(held != 0 && held != e + 1)
  fi
}

proctype Emitter(byte e) {
  mtype what
  byte holder, value
  bool added
  atomic { printf("producer  %d asks the store to keep its outcome\n", e + 1); ask_store(e) }
end:
  do
  :: atomic { dead[e] || over[e] -> holder = 0; added = false; value = 0; break }
  :: atomic { cut[e] && !dead[e] && !over[e] ->
      printf("producer  %d connects again and asks again\n", e + 1)
      cut[e] = false
      holder = 0
      added = false
      ask_store(e)
    }
  :: atomic { !dead[e] && !over[e] && nempty(to_emitter[e]) ->
      to_emitter[e]?what, value
      if
      :: what == ADDED ->
        holder = e + 1
        added = true
#if AFTER_DECISION
        to_server[e]!PUBLISH, holder
#endif
      :: what == THERE -> to_server[e]!GET, 0
#if !IN_ONE_STEP
      :: what == VALUE && value == 0 -> to_server[e]!SET, e + 1
#endif
      :: what == VALUE && value != 0 ->
        holder = value
#if HOLDER_TOLD && HOLDER_READ
        to_server[e]!PUBLISH, holder
#elif HOLDER_TOLD
        to_server[e]!PUBLISH, e + 1
#else
        end_emit(e)
#endif
#if REFUSAL_ENDS
      :: what == REFUSED ->
        printf("producer  %d rejects: not stored, and not published\n", e + 1)
        over[e] = true
#else
      :: what == REFUSED -> to_server[e]!PUBLISH, e + 1
#endif
      :: what == PUBLISHED && holder != 0 -> end_emit(e)
#if !AFTER_DECISION || !REFUSAL_ENDS
      :: what == PUBLISHED && holder == 0
#endif
      fi
      value = 0
    }
  od
}

/* ---- The server: store and broker ---- */

inline reply(e, what, value) {
  if
  :: !dead[e] && !over[e] -> to_emitter[e]!what, value
  :: else
  fi
}

inline push(w, value) {
  if
  :: standing[w] && wait[w] == PENDING -> assert(nfull(to_waiter[w])); to_waiter[w]!value
  :: else
  fi
}

inline serve(e) {
  atomic {
    to_server[e]?command, outcome ->
    if
    :: command == ADD && held == 0 -> printf("store     keeps outcome %d\n", outcome); held = outcome; reply(e, ADDED, 0)
    :: command == ADD && held != 0 -> printf("store     has an outcome already, and tells %d\n", e + 1); reply(e, THERE, 0)
    :: command == ADD && refusals > 0 -> printf("store     refuses to store outcome %d\n", outcome); refusals--; reply(e, REFUSED, 0)
#if !STORE_DECIDES || !IN_ONE_STEP
    :: command == SET -> printf("store     keeps outcome %d\n", outcome); held = outcome; reply(e, ADDED, 0)
#endif
    :: command == GET -> printf("store     tells %d what it has: %d\n", e + 1, held); reply(e, VALUE, held)
    :: command == PUBLISH -> printf("broker    pushes outcome %d\n", outcome); push(0, outcome); push(1, outcome); reply(e, PUBLISHED, 0)
    fi
    outcome = 0
  }
}

inline read(w) {
  atomic { asked[w] -> printf("store     tells wait %d what it has: %d\n", w + 1, held); asked[w] = false; told[w] = true; answer[w] = held }
}

active proctype Server() {
  mtype command
  byte outcome
end:
  do
  :: serve(0)
  :: serve(1)
  :: read(0)
  :: read(1)
  od
}

/* ---- What goes wrong ---- */

inline drain(e) {
  do
  :: to_emitter[e]?_, _
  :: empty(to_emitter[e]) -> break
  od
}

/* Commands that were not executed and replies that were not read are gone. */
inline cut_emitter(e) {
  atomic {
    emit_breaks > 0 && !over[e] && !cut[e] && (nempty(to_server[e]) || nempty(to_emitter[e])) ->
    printf("fault     the connection of producer %d is cut\n", e + 1)
    emit_breaks--
    cut[e] = !dead[e]
    drain(e)
    do
    :: to_server[e]?_, _
    :: empty(to_server[e]) -> break
    od
  }
}

inline kill_emitter(e) {
  atomic { deaths > 0 && !over[e] -> printf("fault     producer %d dies\n", e + 1); deaths--; dead[e] = true; cut[e] = false; drain(e) }
}

inline cut_waiter(w) {
  atomic {
    wait_breaks > 0 && standing[w] && wait[w] == PENDING ->
    printf("fault     the connection of wait %d is cut\n", w + 1)
    wait_breaks--
    standing[w] = false
    asked[w] = false
    told[w] = false
    recall_due[w] = false
    do
    :: to_waiter[w]?_
    :: empty(to_waiter[w]) -> break
    od
  }
}

active proctype Faults() {
  byte emit_breaks = EMIT_BREAKS, wait_breaks = WAIT_BREAKS, deaths = DEATHS
end:
  do
  :: cut_emitter(0)
  :: cut_emitter(1)
  :: kill_emitter(0)
  :: kill_emitter(1)
  :: cut_waiter(0)
  :: cut_waiter(1)
  od
}

/* ---- Those that wait ---- */

proctype Waiter(byte w) {
  byte value
end:
  do
  :: atomic { !standing[w] && wait[w] == PENDING -> printf("waiter    wait %d is subscribed\n", w + 1); standing[w] = true; recall_due[w] = true }
  :: atomic { recall_due[w] && wait[w] == PENDING -> recall_due[w] = false; asked[w] = true }
  :: atomic { told[w] ->
      told[w] = false
      if
      :: answer[w] != 0 -> printf("waiter    wait %d recalls outcome %d\n", w + 1, answer[w]); settle(w, answer[w])
      :: else
      fi
      answer[w] = 0
    }
  :: atomic { to_waiter[w]?value -> printf("waiter    wait %d hears outcome %d\n", w + 1, value); settle(w, value); value = 0 }
  od
}


init {
  atomic { run Emitter(0); run Emitter(1); run Waiter(0); run Waiter(1) }
}

/* When nothing can happen any more. */
active proctype Rest() {
  atomic {
    timeout ->
    printf("          and nothing more happens\n")
    /* What an emit was told that it holds was told to those who wait, without the help of last looks. */
    assert(!answered || ALL_SETTLED)
  }
}
