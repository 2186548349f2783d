/*
 * learner.h -- when is a slot's value chosen?
 *
 * "Paxos Made Simple", section 2.3: when a majority of distinct acceptors has accepted one ballot.
 * The learner counts who has, for the highest ballot that it has heard of: votes for lower ones
 * may complete a majority too, but whoever asked for the higher ballot will find that value, so
 * dropping them costs a little time and never safety.
 *
 * It counts ballots, not values: the value chosen is the one proposed AT THAT BALLOT. One that is
 * at hand from another ballot may be another one.
 */
#ifndef DKV_PAXOS_LEARNER_H
#define DKV_PAXOS_LEARNER_H

#include <stdbool.h>

#include "paxos/ballot.h"
#include "paxos/members.h"

/* All zero has heard nothing. */
struct learner {
    struct ballot ballot;     /* The highest one heard of. */
    struct member_set voters; /* Who accepted at it. */
};

/*
 * Phase 2b was heard from member `from`. True when a majority has accepted b: the value proposed
 * at b is chosen.
 */
bool learner_on_accepted(struct learner *l, const struct members *m, uint32_t from,
                         struct ballot b);

#endif
