/*
 * planted.h -- bugs planted on purpose, to prove that the simulator would find them.
 *
 * PLANTED(x) is the constant false in every build but the simulator's own (DKV_PLANTED), where it
 * tells whether bug x is switched on. The numbers below 100 are those of a list of well-known
 * mistakes; ours start at 100.
 */
#ifndef DKV_BASE_PLANTED_H
#define DKV_BASE_PLANTED_H

#include <stdbool.h>

enum planted {
    PLANTED_NONE = 0,
    PLANTED_COORDINATOR_AMNESIA = 1,     /* A restart uses reserved own slots again. */
    PLANTED_RESTART_SKIPS = 2,           /* A restart skips own slots it may have used. */
    PLANTED_SKIP_WATERMARK = 3,          /* An Accept skips all lower own slots. */
    PLANTED_BARRIER_IS_NOOP = 4,         /* A NOOP is taken for my barrier. */
    PLANTED_ANSWER_BEFORE_SYNC = 5,      /* A reply leaves before its record is durable. */
    PLANTED_RANGE_FORGOTTEN = 6,         /* A range promise misses slots touched later. */
    PLANTED_ACCEPT_NO_PROMISE = 7,       /* Accept does not raise promised. */
    PLANTED_ADOPT_NEWEST = 8,            /* The last value to arrive is adopted. */
    PLANTED_COUNT_REPLIES = 9,           /* Replies are counted, not their senders and ballots. */
    PLANTED_BALLOT_REUSED = 10,          /* boot does not grow at a restart. */
    PLANTED_SUCCESS_ANY_VALUE = 11,      /* Success is reported though another value won. */
    PLANTED_REQUEUE_REFUSED = 12,        /* A batch waits again as soon as it was refused. */
    PLANTED_LAST_OP_ID = 13,             /* Anything below the last op_id counts as a duplicate. */
    PLANTED_DEDUP_AT_PROPOSE = 14,       /* Duplicates are recognised when proposed only. */
    PLANTED_APPLY_BY_HASH = 15,          /* What apply does depends on the order of a hash table. */
    PLANTED_WIPED_DISK = 19,             /* An empty disk votes at once under its old id. */
    PLANTED_CLIENT_VALUE_LATE = 20,      /* A client's value enters at a round above 0. */
    PLANTED_READ_AT_CHOSEN = 21,         /* A quorum read asks what is chosen, not accepted. */
    PLANTED_TAIL_HOLE = 22,              /* A hole at the tail is nobody's business when idle. */
    PLANTED_REVOKERS_DUEL = 23,          /* Revokers wait for nobody. */
    PLANTED_SYNC_RETRIED = 24,           /* A failed commit is tried again. */
    PLANTED_LITTLE_ENDIAN = 25,          /* Slots are little-endian keys. */
    PLANTED_ACCEPT_IS_VOTE = 27,         /* Sending Accept counts as one's own vote. */
    PLANTED_ANY_VALUE_IS_CHOSEN = 28,    /* Whatever value is there is the one that was chosen. */
    PLANTED_NOOP_NOT_REPORTED = 29,      /* A range promise is silent about accepted NOOPs. */
    PLANTED_BALLOT_OVERLAPS = 30,        /* A range is renewed with the same ballot. */
    PLANTED_SKIP_UNRESERVED = 31,        /* A skip goes beyond what is reserved. */
    PLANTED_RECEIVER_OWNERSHIP = 32,     /* The receiver works out an interval's slots itself. */
    PLANTED_PROMISE_FROM_DISK = 33,      /* A promise reports what the disk shows. */
    PLANTED_IDLE_MOVES = 34,             /* An idle cluster uses slots. */
    PLANTED_EVICTED_AGAIN = 36,          /* An evicted client's op is executed again. */
    PLANTED_LINK_STARVES = 38,           /* One link down starves a healthy node. */
    PLANTED_SKIP_COVERS_USED = 39,       /* A skip covers a slot that was proposed in. */
    PLANTED_ANSWER_AT_CHOSEN = 40,       /* Answered when chosen, lower slots unresolved. */
    PLANTED_APPLY_TWICE_ON_REPLAY = 100, /* A restart applies the checkpoint's last slot again. */
    PLANTED_CHOSEN_TO_AHEAD = 101,       /* chosen_to is written without the values it covers. */
    PLANTED_REQUEUE_EARLY = 102,         /* A batch is queued again before its slot is resolved. */
    PLANTED_READ_JOINS_OLD_BATCH = 103,  /* A read rides on a batch sent before it arrived. */
    PLANTED_MINORITY_QUORUM = 104,       /* Half is taken for a majority of five. */
    PLANTED_FLOOR_IGNORED = 105,         /* An op below the floor is executed again. */
    PLANTED_RECORD_HIDES_NOOP = 129,     /* 29 too: a slot's own record hides a NOOP interval. */
    PLANTED_NOOP_COVERS_ADOPTED = 229,   /* 29 too: a NOOP interval covers an adopted slot. */
};

#ifdef DKV_PLANTED
extern enum planted planted_bug; /* Owned by the simulator, which has one thread a world. */
#define PLANTED(bug) (planted_bug == (bug))
#else
#define PLANTED(bug) ((void)(bug), false)
#endif

#endif
