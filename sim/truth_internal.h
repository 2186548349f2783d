/*
 * truth_internal.h -- the watcher from inside: shared by truth.c, truth_disk.c, truth_words.c and
 * truth_rules.c only.
 */
#ifndef DKV_SIM_TRUTH_INTERNAL_H
#define DKV_SIM_TRUTH_INTERNAL_H

#include "truth.h"
#include "world.h"

/* Round 0 is the coordinator's. */
static inline bool truth_is_round_0(uint64_t packed)
{
    return packed >> 32 == 0;
}

static inline uint64_t truth_max(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* What the disk has promised in the slot, and accepted there. */
static inline uint64_t holding_promised(const struct holding *h)
{
    return truth_max(truth_max(h->promised, h->range_promised), h->range_accepted);
}

static inline uint64_t holding_accepted(const struct holding *h)
{
    return truth_max(h->accepted, h->range_accepted);
}

/* The slot's row; NULL, and the run has failed: there can be no such slot. */
struct slot_truth *truth_slot(struct world *w, uint64_t slot);

/* What the node's disk holds of a slot that has a row. */
struct holding *truth_holding(struct world *w, uint32_t node, uint64_t slot);

/* The vote at this ballot, until the next one is made; or NULL. */
struct vote *truth_find(struct world *w, const struct slot_truth *s, uint64_t ballot);

/*
 * `node` shows that v is proposed at this ballot. The vote, made if need be, until the next one is
 * made. NULL, and the run has failed: it must not be.
 */
struct vote *truth_propose(struct world *w, uint32_t node, uint64_t slot, uint64_t ballot,
                           struct value *v);

/* v is chosen; `how` says why, for the trace. */
void truth_choose(struct world *w, uint64_t slot, struct value *v, const char *how);

/* The node takes v (NULL: whatever it is) for chosen in this slot: it is, or the run fails. */
void truth_claim(struct world *w, uint32_t node, uint64_t slot, const struct value *v,
                 const char *does);

/* The node takes all slots up to this one for chosen. */
void truth_claim_to(struct world *w, uint32_t node, uint64_t to, const char *does);

/* truth_rules.c: may this be proposed, for the first time? False, and the run has failed. */
bool truth_may_propose(struct world *w, uint32_t node, uint64_t slot, uint64_t ballot,
                       const struct value *v);

/* The node begins, or goes on with, an attempt to take these slots over. */
void truth_on_attempt(struct world *w, uint32_t node, struct interval i, struct ballot b);

/* The node skips its own slot, or hands on that it was skipped. */
void truth_skip(struct world *w, uint32_t node, uint64_t slot);

/* Coordinated mode, and the slot is this node's. */
bool truth_is_own(const struct world *w, uint32_t node, uint64_t slot);

#endif
