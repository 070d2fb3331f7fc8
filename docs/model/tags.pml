/*
 * One tag on one node, among peers: the counter, the mark, the floor.
 *
 * Checked: no value from before an invalidation of its tag is served by a node that has heard of it, or made it itself and saw it
 * resolved; and while the node does not rely on its feed, none that L2 knew to be dead when the read began. This holds though L2
 * loses the mark or the counter at any time.
 *
 * The peers are one process that does its worst: the values that it stores carry the highest number that a node can know.
 * Read keys.pml first. -DNO_... takes one fence away; -DLOSS lets L2 lose marks and
 * counters, -DNO_PEERS leaves other nodes' loads out.
 */

#ifndef FLIGHTS
#define FLIGHTS 1
#endif
#ifndef INVALIDATIONS
#define INVALIDATIONS 2
#endif
/* For use within one step: no part of the state. (A search breadth-first, for the shortest trail, cannot have that.) */
#ifdef SHORTEST
#define SCRATCH
#else
#define SCRATCH hidden
#endif

#define NONE 255         /* no value */

/* L2. */
byte src = 0;            /* the source: how often it was updated */
byte must = 0;           /* ghost: the youngest invalidation that took effect */
byte l2 = NONE;
byte l2_gen = 0;         /* the entry's generation */
byte counter = 1;        /* 0: lost */
byte dead = 0;           /* the namespace's own mark, lost together with the counter */
byte mark = 1;           /* the tag's; 0: lost, or never made */
byte handed = 1;         /* the highest number that L2 ever gave out, which its clock is above */

/* The node (logical-time.ts, space.ts). */
byte l1 = NONE;
byte l1_gen = 0;
byte heard = 0;          /* ghost, as in keys.pml */
byte back = 0;           /* ghost: the youngest invalidation when the feed came back last */
byte gen = 0;            /* the highest generation that it has met */
byte known_dead = 0;
byte known = 0;          /* the tag's mark; 0: not in the map */
bool relied = false;     /* on the feed */
byte floor = 0;          /* up to which marks may exist, or have existed, that the node does not know */
bool deaf = true;
mtype = { NEVER, BEFORE, NOW };
mtype attached = NEVER;
bool lost = false;       /* something was lost since the marks were asked for */
chan feed = [INVALIDATIONS] of { byte, byte };       /* generation, number */

/* The node's flights. */
bool out[2] = false;
bool whole[2] = false;

SCRATCH byte g;
SCRATCH byte m;

#define MAX(a, b) ((a) > (b) -> (a) : (b))
#define UNKNOWN(stamp) (known == 0 && (stamp) < floor && (stamp) >= known_dead)
#define ALIVE(stamp) ((stamp) >= known_dead && (known == 0 -> relied && (stamp) >= floor : (stamp) >= known))
#define CHECK_L1 assert(l1 == NONE || !ALIVE(l1_gen) || l1 >= heard)

/* Every access to L2's logical time begins so: what is lost is made anew, above the caller's number and all others. */
inline count_from(shown) {
  if
  :: counter == 0 ->
#ifdef NO_SEED
     counter = (shown) + 1;
#else
     counter = MAX(shown, handed) + 1;
#endif
     dead = counter
  :: else -> counter = MAX(counter, shown)
  fi;
  handed = MAX(handed, counter)
}

/* An answer to the question for the tag's mark: `a_mark` as of the counter `a_count`. */
inline learned(a_count, a_dead, a_mark) {
  gen = MAX(gen, a_count);
  known_dead = MAX(known_dead, a_dead);
#ifdef MISSING_IS_ALIVE
  m = MAX(a_mark, 1);
#else
  m = (a_mark == 0 -> a_count : a_mark);
#endif
#ifndef NO_LIFT
  /* An answer from before the floor says nothing of marks that were forgotten since. */
  m = (a_count < floor -> MAX(m, floor) : m);
#endif
  known = MAX(known, m)
}

/* News of an invalidation, or the answer to one. */
inline invalidated(number) {
  gen = MAX(gen, number);
#ifndef NO_LIFT_OF_NEWS
  /* News can be older than what the floor is from. */
  known = (known == 0 -> floor : known);
#endif
  known = MAX(known, number)
}

inline doom() {
  whole[0] = false;
  whole[1] = false
}

/* space.lose() */
inline lose() {
  if
#ifdef NO_LOSS_BEFORE_ATTACHED
  :: attached == NEVER
#endif
  :: else ->
     lost = true;
     if
     :: attached != NEVER -> attached = BEFORE
     :: else
     fi;
     doom();
#ifndef NO_DISTRUST
     relied = false
#endif
  fi
}

/* invalidate.ts, on this node or on a peer. */
byte begun = 0;          /* invalidators are alike, so they may as well begin in order */

proctype Invalidator(byte which) {
  byte number, mine;
  bool here;

  if
  :: atomic {
       begun == which ->
       begun++;
       if
       :: here = true
       :: here = false
       fi;
       d_step {
         src++; number = src; must = src;
         g = (here -> gen : 0);
         count_from(g);
         counter++;
         handed = MAX(handed, counter);
         mine = counter;
         if
         :: mark != 0 -> mark = counter
         :: else
         fi;
         if
         :: !deaf -> feed!mine, number
         :: else
         fi
       }
     }
  fi;
  if
  :: d_step { here ->
       invalidated(mine);
       heard = MAX(heard, number);
       CHECK_L1;
       number = 0; mine = 0; here = false
     }
  :: d_step { !here -> number = 0; mine = 0 }
  fi
}

/* space.attach() */
proctype Attach() {
  byte a_count, a_dead, a_must;
  bool asked;
end:
  do
  :: d_step {
       !asked && (attached == NEVER || (attached == BEFORE && !deaf)) ->
       count_from(gen);
       a_count = counter; a_dead = dead; a_must = must;
       lost = false; asked = true
     }
  :: d_step {
       asked ->
       gen = MAX(gen, a_count);
       known_dead = MAX(known_dead, a_dead);
       if
       :: !deaf && !lost ->
          /* relyFrom() */
#ifndef NO_FORGETTING
          known = (known <= a_count -> 0 : known);
#endif
#if defined(NO_FLOOR)
          skip;
#elif defined(FLOOR_FALLS)
          floor = a_count;
#else
          floor = MAX(floor, a_count);
#endif
          relied = true;
          attached = NOW;
          heard = MAX(heard, a_must);
          heard = MAX(heard, back)
       :: else ->
          attached = BEFORE
       fi;
       CHECK_L1;
       asked = false; a_count = 0; a_dead = 0; a_must = 0
     }
  od
}

/* Where a flight is. */
#define LANDED 0
#define LOOKED 1         /* L2 has been read: `value` */
#define ASKED 2          /* L2 has been asked for the mark, to judge by */
#define MARKED 3         /* L2 has been asked to have a mark, for a load */
#define LOADED 4
#define FILLED 5

inline land(f) {
  out[f] = false; whole[f] = false;
  at = LANDED; value = NONE; stamp = 0; need = 0; a_count = 0; a_dead = 0; a_mark = 0
}

inline keep(f) {
  if
  :: whole[f] && ALIVE(stamp) -> l1 = value; l1_gen = stamp
  :: else
  fi;
  CHECK_L1
}

proctype Flight(byte f) {
  byte at = LANDED;
  byte value = NONE;
  byte stamp;                       /* the value's generation */
  byte need;                     /* ghost */
  byte a_count, a_dead, a_mark;  /* an answer on its way */
end:
  do
  :: d_step {
       at == LANDED && attached != NEVER && !(FLIGHTS > 1 && out[1 - f] && whole[1 - f]) ->
       out[f] = true; whole[f] = true;
       need = (deaf -> must : heard);
       value = l2; stamp = l2_gen; at = LOOKED
     }
  /* promote.ts: judged by what is known, or by marks that are asked for. */
  :: d_step {
       at == LOOKED && value != NONE && relied && !UNKNOWN(stamp) && ALIVE(stamp) ->
       keep(f);
       assert(value >= need && (!whole[f] || value >= heard));
       land(f)
     }
  :: d_step {
       at == LOOKED && value != NONE && !(relied && !UNKNOWN(stamp)) ->
       count_from(gen);
       a_count = counter; a_dead = dead; a_mark = mark; at = ASKED
     }
  :: d_step {
       at == ASKED ->
       learned(a_count, a_dead, a_mark);
       if
       :: ALIVE(stamp) ->
          keep(f);
          assert(value >= need && (!whole[f] || value >= heard));
          land(f)
       :: else -> value = NONE; stamp = 0; a_count = 0; a_dead = 0; a_mark = 0; at = LOOKED
       fi
     }

  /* load.ts: nothing of use, or a new value is wanted. The mark is made sure of before the load, or not (a tag that is named late). */
  :: d_step {
       at == LOOKED ->
       count_from(gen);
       mark = (mark == 0 -> counter : mark);
       a_count = counter; a_dead = dead; a_mark = mark;
       value = NONE; stamp = 0; at = MARKED
     }
  :: d_step {
       at == MARKED ->
       learned(a_count, a_dead, a_mark);
       a_count = 0; a_dead = 0; a_mark = 0;
       stamp = gen; value = src; at = LOADED
     }
  :: d_step { at == LOOKED -> stamp = gen; value = src; at = LOADED }
  :: d_step {
       at == LOADED ->
#ifdef NO_GENERATION_BEFORE
       stamp = gen;
#endif
       if
       :: whole[f] && stamp >= known_dead && (known == 0 || stamp >= known) -> l2 = value; l2_gen = stamp
       :: else
       fi;
       at = FILLED
     }
  :: d_step {
       at == FILLED ->
       keep(f);
       assert(value >= need);
       /* read.ts: a caller who joined a moment ago, knowing of a later generation, looks again if the value is dead. */
#ifndef NO_SECOND_LOOK
       assert(!whole[f] || (gen > stamp && !ALIVE(stamp)) || value >= heard);
#else
       assert(!whole[f] || value >= heard);
#endif
       land(f)
     }
  od
}

/* Other nodes' loads. */
proctype Peers() {
  byte value = NONE;
  byte stamp;
end:
  do
  :: d_step { value == NONE && counter != 0 -> value = src; stamp = counter; mark = (mark == 0 -> counter : mark) }
  :: d_step { value != NONE -> l2 = value; l2_gen = stamp; value = NONE; stamp = 0 }
  od
}

proctype Hear() {
end:
  do
  :: d_step {
       feed?g, m ->
       heard = MAX(heard, m);
       invalidated(g);
       CHECK_L1
     }
  /* The map of tags is bounded. */
  :: d_step {
       known != 0 ->
#ifndef NO_RAISED_FLOOR
       floor = MAX(floor, known);
#endif
       known = 0;
       CHECK_L1
     }
  :: d_step {
       !deaf ->
       do
       :: len(feed) > 0 -> feed?g, m
       :: len(feed) == 0 -> break
       od;
       lose();
       deaf = true
     }
  :: d_step { deaf -> lose(); l1 = NONE; l1_gen = 0; deaf = false; back = must }
  od
}

#ifdef LOSS
proctype Loss() {
  if
  :: d_step { counter != 0 -> counter = 0; dead = 0 }
  :: d_step { mark != 0 -> mark = 0 }
  :: d_step { counter != 0 -> counter = 0; dead = 0; mark = 0 }
  fi
}
#endif

init {
  byte k;
  atomic {
    for (k : 1 .. FLIGHTS) { run Flight(k - 1) }
    for (k : 1 .. INVALIDATIONS) { run Invalidator(k - 1) }
    run Attach();
#ifndef NO_PEERS
    run Peers();
#endif
    run Hear();
#ifdef LOSS
    run Loss()
#endif
  }
}
