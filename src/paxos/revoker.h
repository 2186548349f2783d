/*
 * revoker.h -- one attempt to get a whole run of slots decided at once.
 *
 * Phase 1 of "Paxos Made Simple", section 2.2, for many slots with one ballot, as in Mencius
 * (OSDI'08), "revocation". A majority says which of the slots it has voted in; what must be adopted
 * is adopted, and in all others NOOP may be proposed. It is nothing but single-decree Paxos in each
 * slot: the ballot, and so the promise, is merely the same for all of them.
 *
 * Votes are counted by each slot's learner, not here.
 */
#ifndef DKV_PAXOS_REVOKER_H
#define DKV_PAXOS_REVOKER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "paxos/ballot.h"
#include "paxos/interval.h"
#include "paxos/members.h"
#include "paxos/message.h"
#include "paxos/value.h"

/* What must be proposed in one slot, so far. */
struct adoption {
    struct ballot at;    /* The highest ballot reported, or none. */
    struct value *value; /* What was accepted there, or NULL. One reference. */
};

/* All zero is one that has not begun. */
struct revoker {
    struct interval interval;   /* Once prepared: what all of the quorum granted. */
    struct ballot ballot;       /* Fresh: no two attempts ever share one. */
    struct member_set promised; /* Who promised. */
    uint64_t granted_to;        /* The last slot that all of them granted. */
    bool prepared;              /* A majority has promised. */
    struct adoption *adoptions; /* One for each slot of the interval as it was asked for. */
    uint64_t adoptions_count;
};

/* ERR_NO_MEMORY. */
int revoker_begin(struct revoker *v, struct interval interval, struct ballot b) MUST_CHECK;

void revoker_fini(struct revoker *v);

/*
 * A promise of member `from` has come: it granted `granted`, which begins where the attempt does
 * and may end earlier. Reports without a ballot speak of slots that are decided: they are the
 * caller's business, before this. True once, when the majority has just been reached.
 */
bool revoker_on_promise(struct revoker *v, const struct members *m, uint32_t from, struct ballot b,
                        struct interval granted, const struct vote_reports *reports);

/* Phase 2a: what to propose in this slot of the interval, NOOP if nothing must be adopted. */
struct value *revoker_value(const struct revoker *v, uint64_t slot);

#endif
