/*
 * proposer.h -- one node's attempts to get one slot decided.
 *
 * "Paxos Made Simple", section 2.2: phase 1 learns what may already have been chosen, phase 2 asks
 * for votes. An attempt has a ballot of its own; the next attempt in the same slot takes a fresh,
 * higher one. Votes are counted by the learner.
 */
#ifndef DKV_PAXOS_PROPOSER_H
#define DKV_PAXOS_PROPOSER_H

#include <stdbool.h>

#include "paxos/ballot.h"
#include "paxos/members.h"
#include "paxos/value.h"

enum proposer_phase {
    PROPOSER_IDLE = 0,  /* No attempt under way: none yet, or the last one was refused. */
    PROPOSER_PREPARING, /* Prepare is out, no majority of promises yet. */
    PROPOSER_PREPARED,  /* A majority has promised; the value is the caller's to choose. */
    PROPOSER_ACCEPTING, /* Accept is out. */
};

/* All zero is a proposer that has not begun. */
struct proposer {
    enum proposer_phase phase;
    struct ballot ballot;       /* Of the current or last attempt. */
    struct member_set promised; /* Who promised that ballot. */
    struct ballot adopted_at;   /* Highest accepted ballot among the promises, or none. */
    struct value *adopted;      /* The value accepted there, or NULL. One reference. */
    struct value *proposed;     /* What Accept carries, while ACCEPTING. One reference. */
    struct ballot highest;      /* Highest ballot heard of in this slot, own or not. */
};

void proposer_fini(struct proposer *p);

/* Begin an attempt at b, which is above every ballot that this proposer has used. */
void proposer_begin(struct proposer *p, struct ballot b);

/*
 * Phase 1b arrived from member `from`: it promised b, having accepted v at accepted (or none and
 * NULL). True once, when the majority has just been reached; the phase is PREPARED then. Replies
 * to other attempts, and repeated ones, change nothing.
 */
bool proposer_on_promise(struct proposer *p, const struct members *m, uint32_t from,
                         struct ballot b, struct ballot accepted, struct value *v);

/*
 * Phase 2a: propose v, which is the adopted value if there is one (only then is it safe). The
 * phase is ACCEPTING afterwards.
 */
void proposer_propose(struct proposer *p, struct value *v);

/*
 * Somebody has promised `higher`. True when that ends the attempt at b: the phase is IDLE then.
 */
bool proposer_on_refused(struct proposer *p, struct ballot b, struct ballot higher);

#endif
