/*
 * How long a home is listened to. README.md says which code each step stands for.
 *
 * A server makes three ids, each of which says where it is waited for: at the one home of this server. It waits for
 * them, one after the other or at the same time, and somebody else publishes one plain event for each, at any time
 * after its wait began. All share one subscription, which the first wait begins, which outlasts the last one for a
 * while, and is let go then; a later wait begins it anew. The connection may break anywhere. Nothing is stored, so
 * nothing but the subscription brings an event.
 *
 * Every `atomic` of the server is a turn of its event loop, which nothing interrupts.
 */

#ifndef BREAKS
#define BREAKS 2 /* of the connection: each is noticed, sooner or later */
#endif

/* The steps of the protocol, each of which can be switched off to see what it is for. */
#ifndef REPLY_AWAITED
#define REPLY_AWAITED 1 /* a subscription stands when the broker says so; off: when SUBSCRIBE is written */
#endif
#ifndef IN_USE_STAYS
#define IN_USE_STAYS 1 /* when its time is over, it is let go only if nobody waits; off: whoever waits by then */
#endif
#ifndef LEAVING_AWAITED
#define LEAVING_AWAITED 1 /* a wait on one that is being let go has it begun anew; off: it takes it to stand */
#endif
#ifndef USED_IS_BEGUN
#define USED_IS_BEGUN 1 /* one that was let go is begun at once if somebody waits by then; off: by the next wait */
#endif
#ifndef RESUBSCRIBES
#define RESUBSCRIBES 1 /* a new connection restores what is wanted */
#endif
#ifndef LEFT_FORGOTTEN
#define LEFT_FORGOTTEN 1 /* a new connection restores nothing that was being let go; off: all there was */
#endif
#ifndef BY_ID
#define BY_ID 1 /* an event settles the wait on its id; off: all waits at its home */
#endif
#ifndef LET_GO
#define LET_GO 1 /* a home that nobody waits at is let go in the end */
#endif

#define WAITS 3

mtype = { SUBSCRIBE, UNSUBSCRIBE, CONFIRMED, LEFT }

/* The connection as it is: none, whole, or broken and the server is going to notice. */
mtype = { NONE, WHOLE, BROKEN }
mtype wire = NONE
chan to_broker = [2] of { mtype }
chan to_server = [2] of { mtype }
/* What is pushed, in order with the replies: the ids of events. */
chan pushes = [WAITS] of { byte }
bool subscribed /* The broker pushes what comes for this home. */

/* What the server takes the subscription to be. Wanted: it is restored on a new connection. Up: it has been, on this. */
mtype = { IDLE, SUBSCRIBING, STANDING, LEAVING }
mtype subscription = IDLE
bool wanted, up

/* The one timer of a home that nobody waits at. */
bool armed

mtype = { UNBORN, PENDING, SETTLED }
mtype wait[WAITS] = UNBORN
byte users

/* Known to the assertions only. */
bool told[WAITS] /* the subscription was said to stand, and the connection has lived since */
bool published[WAITS]
bool owed[WAITS] /* published while told so */

inline note_told(w) {
  told[w] = told[w] || (wait[w] == PENDING && wire == WHOLE)
}

inline forget(w) {
  told[w] = false
  owed[w] = false
}

inline stands() {
  subscription = STANDING
  up = true
  note_told(0)
  note_told(1)
  note_told(2)
  armed = armed || users == 0
}

/* What is wanted is written on the connection that stands, or on the next one. */
inline begin() {
  subscription = SUBSCRIBING
  wanted = true
#if !REPLY_AWAITED
  stands()
#endif
}

inline end_wait(w) {
  if
  :: wait[w] == PENDING ->
    wait[w] = SETTLED
    forget(w)
    users--
    armed = armed || (users == 0 && subscription == STANDING)
  :: else
  fi
}

inline hear(w) {
  assert(wait[w] != PENDING || published[w])
  end_wait(w)
}

active proctype Broker() {
end:
  do
  :: atomic { to_broker?SUBSCRIBE -> printf("broker    confirms the subscription\n"); subscribed = true; to_server!CONFIRMED }
  :: atomic { to_broker?UNSUBSCRIBE -> printf("broker    ends the subscription\n"); subscribed = false; to_server!LEFT }
  od
}

active proctype Faults() {
  byte breaks = BREAKS
end:
  do
  :: atomic { breaks > 0 && wire == WHOLE ->
      printf("fault     the connection breaks\n")
      breaks--
      wire = BROKEN
      subscribed = false
      forget(0)
      forget(1)
      forget(2)
      do
      :: to_broker?_
      :: to_server?_
      :: pushes?_
      :: empty(to_broker) && empty(to_server) && empty(pushes) -> break
      od
    }
  /* Enough has gone wrong. */
  :: atomic { breaks > 0 -> breaks = 0 }
  od
}

active proctype Server() {
  byte id
end:
  do
  :: atomic { wire == NONE ->
      printf("waiter    connects\n")
      wire = WHOLE
      if
      :: wanted && RESUBSCRIBES -> to_broker!SUBSCRIBE
      :: else
      fi
    }
  :: atomic { wire == BROKEN ->
      printf("waiter    sees that the connection is broken\n")
      wire = NONE
      up = false
      if
      :: subscription == LEAVING ->
        subscription = IDLE
        if
        :: users > 0 && USED_IS_BEGUN -> begin()
        :: else
        fi
      :: else
      fi
    }
  :: atomic { to_server?CONFIRMED ->
      printf("waiter    hears that its home stands\n")
      if
      :: subscription == SUBSCRIBING || subscription == STANDING -> stands()
      :: else
      fi
    }
  :: atomic { to_server?LEFT ->
      printf("waiter    hears that its home is let go\n")
      subscription = IDLE
      if
      :: users > 0 && USED_IS_BEGUN -> begin(); to_broker!SUBSCRIBE
      :: else
      fi
    }
  :: atomic { pushes?id ->
      printf("waiter    hears event %d\n", id + 1)
#if BY_ID
      hear(id)
#else
      hear(0)
      hear(1)
      hear(2)
#endif
      id = 0
    }
  /* At any moment after nobody waited. */
  :: atomic { LET_GO && armed ->
      armed = false
      if
      :: subscription == STANDING && (users == 0 || !IN_USE_STAYS) ->
        printf("waiter    lets its home go\n")
        wanted = !LEFT_FORGOTTEN
        up = false
        subscription = LEAVING
        if
        :: wire == WHOLE -> to_broker!UNSUBSCRIBE
        :: wire == NONE ->
          subscription = IDLE
#if !IN_USE_STAYS
          if
          :: users > 0 -> begin()
          :: else
          fi
#endif
        :: else
        fi
      :: else
      fi
    }
  od
}

proctype Wait(byte w) {
  bool patient
  atomic {
    w == 0 || wait[w - 1] != UNBORN ->
    printf("waiter    wait %d begins\n", w + 1)
    wait[w] = PENDING
    users++
    if
    :: subscription == IDLE ->
      begin()
      if
      :: wire == WHOLE -> to_broker!SUBSCRIBE
      :: else
      fi
    :: subscription == STANDING && up -> note_told(w)
#if !LEAVING_AWAITED
    :: subscription == LEAVING -> note_told(w)
#endif
    :: else
    fi
    if
    :: patient = true
    :: patient = false
    fi
  }
end:
  if
  :: atomic { !patient && wait[w] == PENDING -> printf("waiter    wait %d times out\n", w + 1); end_wait(w) }
  :: atomic { wait[w] == SETTLED -> patient = false }
  fi
}

proctype Emitter(byte w) {
  atomic {
    wait[w] != UNBORN ->
    printf("producer  emits event %d\n", w + 1)
    published[w] = true
    owed[w] = told[w]
    if
    :: subscribed -> printf("broker    pushes event %d\n", w + 1); pushes!w
    :: else -> printf("broker    has nobody to push event %d to\n", w + 1)
    fi
  }
}

init {
  atomic { run Wait(0); run Wait(1); run Wait(2); run Emitter(0); run Emitter(1); run Emitter(2) }
}

/* When nothing can happen any more. */
active proctype Rest() {
  atomic {
    timeout ->
    printf("          and nothing more happens\n")
    assert(!owed[0] && !owed[1] && !owed[2])
    /* The home is listened to as long as somebody waits there, and no longer. */
    assert(subscribed == (users > 0))
  }
}
