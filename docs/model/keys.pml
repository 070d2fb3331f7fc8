/*
 * One key on two nodes: leases, tokens, the feed.
 *
 * Checked: no node serves a value that was loaded before an invalidation which it has heard of, or has made itself and seen
 * resolved; and L2 never holds a value from before an invalidation that took effect there. README.md says what is left out.
 *
 * Each process below is one kind of actor; each d_step is one moment of one place: a step in L2, or a turn of a node's event loop.
 * Between two steps of one actor anything else may happen, which is how delay on the way is modelled.
 *
 * What is checked are ghosts: numbers that the code does not have. The source counts its updates, a value is the count that its
 * loader saw. `must` is the count that L2 may not fall below, `heard` the one that a node may not fall below.
 *
 * -DNO_... takes one fence away. -DDEAF, -DGIVE_UP, -DREFRESH add faults and calls.
 */

#ifndef FLIGHTS
#define FLIGHTS 3        /* 0 and 2 on node 0, 1 on node 1 */
#endif
#ifndef WRITES
#define WRITES 2         /* deletes and sets, at the same time or one after another, each on either node */
#endif
/* For use within one step: no part of the state. (A search breadth-first, for the shortest trail, cannot have that.) */
#ifdef SHORTEST
#define SCRATCH
#else
#define SCRATCH hidden
#endif

#define NONE 255         /* no value */
#define NODE(f) (f % 2)

byte src = 0;            /* the source: how often it was updated */

/* L2: one entry, one lease. */
byte l2 = NONE;
byte lease = 0;          /* the token in force; 0: none */
byte must = 0;           /* ghost: the youngest invalidation that took effect */

/* Nodes. */
byte l1[2] = { NONE, NONE };
byte heard[2] = { 0, 0 };    /* ghost: the youngest invalidation that the node heard of, or made and saw resolved */
bool deaf[2] = { false, false };
bool unsure[2] = { false, false };   /* a write of this node was given up: it may take effect later, so its own news counts */
chan feed[2] = [WRITES] of { byte, byte, byte };     /* origin, number; ghost: given up by its node */

/* Tokens of reads and loads: one a flight. */
bool out[FLIGHTS] = false;
bool whole[FLIGHTS] = false;
bool looking[FLIGHTS] = false;       /* it has seen what L2 had, and may ask for the lease */
bool changed[FLIGHTS] = false;       /* L2's version is not the one that it has seen any more */
byte need[FLIGHTS] = 0;              /* ghost: what the last caller that joined may expect */

/* Tokens of writes. */
bool w_out[WRITES] = false;
bool w_whole[WRITES] = false;
byte w_node[WRITES] = 0;
byte rival[WRITES] = 0;
byte begun = 0;          /* writers are alike, so they may as well begin in order */

/* A fill whose node waits no longer for the answer, while it is still on its way. */
byte stray = NONE;
byte stray_lease = 0;

SCRATCH byte i;
SCRATCH byte origin;
SCRATCH byte m;
SCRATCH byte late;

/* Where a flight is. */
#define LANDED 0         /* over, or not begun */
#define LOOKED 1         /* L2 has been read: `value` */
#define LOADED 2         /* the loader has looked at the source: `value`; with a lease if `token` is not 0 */
#define FILLED 3         /* L2 has done, or refused, the fill */

/* The fences that are expressions. */
#if defined(NO_LEASE_CHECK)
#define IN_FORCE(token) true
#elif defined(NO_LEASE_TOKEN)
#define IN_FORCE(token) (lease != 0)
#else
#define IN_FORCE(token) (lease == token)
#endif
#ifdef FILL_WHEN_DOOMED
#define MAY_FILL(f) true
#else
#define MAY_FILL(f) whole[f]
#endif
#ifdef REFRESH
#define WANTED true
#else
#define WANTED (value == NONE)
#endif

#define CHECK_L1(n) assert(l1[n] == NONE || l1[n] >= heard[n])
#define CHECK_L2 assert(l2 == NONE || l2 >= must)

/* A node has heard of invalidation number m. Callers that come from now on may join the flights that are still whole. */
inline hears(n, number) {
  heard[n] = (number > heard[n] -> number : heard[n]);
  for (i : 0 .. FLIGHTS - 1) {
    if
#ifdef NO_NEW_FLIGHT
    :: NODE(i) == n && out[i] -> need[i] = heard[n]
#else
    :: NODE(i) == n && out[i] && whole[i] -> need[i] = heard[n]
#endif
    :: else
    fi
  }
}

inline doom_reads(n) {
  for (i : 0 .. FLIGHTS - 1) {
    if
    :: NODE(i) == n -> whole[i] = false
    :: else
    fi
  }
}

inline doom_writes(n) {
  for (i : 0 .. WRITES - 1) {
    if
    :: w_node[i] == n -> w_whole[i] = false
    :: else
    fi
  }
}

/* space.invalidate() */
inline invalidate(n) {
  doom_reads(n);
  doom_writes(n);
  l1[n] = NONE
}

/* L2 stores something: its version is none that anyone has seen. */
inline new_version() {
  for (i : 0 .. FLIGHTS - 1) {
    changed[i] = looking[i]
  }
}

inline publish(by, number) {
  for (i : 0 .. 1) {
    if
    :: !deaf[i] -> feed[i]!by, number, given_up
    :: else
    fi
  }
}

inline choose() {
  begun == w ->
  begun++;
  if
  :: n = 0
#if FLIGHTS != 2
  :: n = 1
#else
  :: w > 0 -> n = 1      /* Nodes are alike then, so the first write may as well be of node 0. */
#endif
  fi;
  if
  :: is_set = true
  :: is_set = false
  fi
}

/* What `set` and `delete` do to L2, in one step with the news. */
inline take_effect(n) {
  /* The source is updated at the last moment, which is the worst one: all that was loaded a moment earlier is old. */
  src++;
  mine = src;
  must = src;
  l2 = (is_set -> src : NONE);
#ifndef NO_REVOKE
  lease = 0;
#endif
  new_version();
  publish(n, mine);
  CHECK_L2
}

/* The write is over. */
inline settle(w) {
  w_out[w] = false; w_whole[w] = false; w_node[w] = 0; rival[w] = 0; n = 0; mine = 0; is_set = false; given_up = false
}

/* write.ts: update the source, tell L2, then this node. */
proctype Writer(byte w) {
  byte n, mine;
  bool is_set, given_up;

  if
  :: atomic {
       choose();
       d_step { w_node[w] = n; w_out[w] = true; w_whole[w] = true; take_effect(n) }
     }
#ifdef GIVE_UP
  /* The time limit is over while the write is on its way to L2: it rejects, and takes effect later, or never. */
  :: atomic {
       choose();
       d_step { given_up = true; unsure[n] = true; invalidate(n) }
     };
     d_step { true -> take_effect(n) }
#endif
  fi;

  if
  :: d_step { given_up -> settle(w) }
#ifdef GIVE_UP
  /* The answer is lost. */
  :: d_step { !given_up -> unsure[n] = true; invalidate(n); settle(w) }
#endif
  :: d_step {
       !given_up && is_set ->
#ifndef NO_DOOM_ON_WRITE
       doom_reads(n);
#endif
       if
#ifndef NO_RIVALS
       :: mine < rival[w]
#endif
       :: else ->
          l1[n] = NONE;
          if
#ifndef NO_WRITE_TOKEN
          :: !w_whole[w]
#endif
          :: else -> l1[n] = mine
          fi;
          for (i : 0 .. WRITES - 1) {
            if
            :: i != w && w_out[i] && w_node[i] == n && rival[i] < mine -> rival[i] = mine
            :: else
            fi
          }
       fi;
       hears(n, mine);
       CHECK_L1(n);
       settle(w)
     }
  :: d_step {                                            /* a deletion */
       !given_up && !is_set ->
#ifndef NO_DOOM_ON_WRITE
       doom_reads(n);
#endif
       doom_writes(n);
       l1[n] = NONE;
       hears(n, mine);
       CHECK_L1(n);
       settle(w)
     }
  fi
}

/* The flight is over. */
inline land(f) {
  out[f] = false; whole[f] = false; looking[f] = false; changed[f] = false; need[f] = 0;
  at = LANDED; value = NONE; token = 0
}

/* space.fill(), and the answer to those who wait */
inline finish(f, found) {
  if
#ifndef NO_TOKEN_L1
  :: !whole[f]
#endif
  :: else -> l1[NODE(f)] = found
  fi;
  CHECK_L1(NODE(f));
  assert(found >= need[f]);
  land(f)
}

/* L2 has nothing but what the flight has seen and cannot use. */
#define MAY_LOAD (l2 == NONE || (value != NONE && !changed[f]))

/* read.ts, lease.ts, load.ts, promote.ts: one look into L2, and after it perhaps one load. */
proctype Flight(byte f) {
  byte at = LANDED;
  byte value = NONE;
  byte token = 0;

end:
  do
  /* The token is taken, and L2 answers. Where another flight of this node is whole, callers join that one: see `hears`. */
  :: d_step {
       at == LANDED && !(FLIGHTS > 2 && f != 1 && out[2 - f] && whole[2 - f]) ->
       out[f] = true; whole[f] = true; need[f] = heard[NODE(f)];
       value = l2; looking[f] = true; at = LOOKED
     }

  /* L2's answer is here, and of use. */
  :: d_step { at == LOOKED && value != NONE -> finish(f, value) }

  /* Else, or if a new value is wanted all the same, the lease is asked for. There is something new in L2 … */
  :: d_step { at == LOOKED && WANTED && !MAY_LOAD -> value = l2; changed[f] = false }
  /* … or it is granted, and the loader looks at the source at once, which is the worst … */
  :: d_step {
       at == LOOKED && WANTED && MAY_LOAD && lease == 0 ->
       token = f + 1;
       if
       :: stray_lease == token -> token = token + FLIGHTS   /* no two grants have one token */
       :: else
       fi;
       lease = token;
       value = src; looking[f] = false; changed[f] = false; at = LOADED
     }
  /* … or L2 does not answer, or the wait is over: load alone … */
  :: d_step { at == LOOKED && WANTED -> value = src; looking[f] = false; changed[f] = false; at = LOADED }
  /* … or something was heard while it waited: look again. */
  :: d_step { at == LOOKED && WANTED && !whole[f] -> land(f) }

  /* The load is done, and the fill arrives in L2 … */
  :: d_step {
       at == LOADED && token != 0 && MAY_FILL(f) ->
       if
       :: IN_FORCE(token) -> l2 = value; lease = 0; new_version(); CHECK_L2
       :: else ->
#ifndef NO_DOOM_ON_REFUSAL
          whole[f] = false
#else
          skip
#endif
       fi;
       at = FILLED
     }
#ifdef GIVE_UP
  /* … or is still on its way there when the node gives up waiting for the answer. */
  :: d_step { at == LOADED && token != 0 && MAY_FILL(f) && stray_lease == 0 -> stray = value; stray_lease = token; at = FILLED }
#endif
  /* Not to be stored in L2. A lease is given back: see `World`, where leases end at any time. */
  :: d_step { at == LOADED && (token == 0 || !whole[f]) -> finish(f, value) }
  :: d_step { at == FILLED -> finish(f, value) }
  od
}

/* feed.ts */
proctype Hear(byte n) {
end:
  do
  :: d_step {
       feed[n]?origin, m, late ->
       if
#ifdef NO_OWN_NEWS_WHEN_UNSURE
       :: origin == n
#else
       :: origin == n && !unsure[n]
#endif
       :: else ->
#ifndef NO_DOOM_ON_NEWS
          doom_reads(n);
          doom_writes(n);
#endif
#ifndef NO_DROP_ON_NEWS
          l1[n] = NONE;
#endif
       fi;
       if
       :: origin == n && !late
       :: else -> hears(n, m)
       fi;
#ifdef UNSURE_ONCE
       unsure[n] = (origin == n -> false : unsure[n]);
#endif
       CHECK_L1(n)
     }
  /* Anything else that ends what a node holds: its own L1's bound, news of a fill, a touch, an eviction. */
  :: d_step { l1[n] != NONE -> invalidate(n) }
#ifdef DEAF
  :: d_step {
       !deaf[n] ->
       do
       :: len(feed[n]) > 0 -> feed[n]?origin, m, late
       :: len(feed[n]) == 0 -> break
       od;
#ifndef NO_EPOCH
       doom_reads(n);
       doom_writes(n);
#endif
       deaf[n] = true
     }
  :: d_step {
       deaf[n] ->
       deaf[n] = false;
#ifndef NO_EPOCH
       doom_reads(n);
       doom_writes(n);
#endif
#ifndef NO_DROP_ON_RETURN
       l1[n] = NONE;
#endif
       /* From here on, all that happened in between has to be respected. */
       hears(n, must);
       CHECK_L1(n)
     }
#endif
  od
}

/* What happens to L2 by itself. */
proctype World() {
end:
  do
  :: d_step { lease != 0 -> lease = 0 }                  /* a lease runs out, or its holder has died */
  :: d_step { l2 != NONE -> l2 = NONE }                  /* an entry's life is over, or it is evicted */
#ifdef GIVE_UP
  :: d_step {                                            /* a late fill */
       stray_lease != 0 ->
       if
       :: IN_FORCE(stray_lease) -> l2 = stray; lease = 0; new_version(); CHECK_L2
       :: else
       fi;
       stray = NONE; stray_lease = 0
     }
#endif
  od
}

init {
  byte k;
  atomic {
    for (k : 0 .. FLIGHTS - 1) { run Flight(k) }
    for (k : 0 .. WRITES - 1) { run Writer(k) }
    run Hear(0);
    run Hear(1);
    run World()
  }
}
