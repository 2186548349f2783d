/* learner.c -- see learner.h. */
#include "paxos/learner.h"

#include <assert.h>

#include "base/planted.h"

bool learner_on_accepted(struct learner *l, const struct members *m, uint32_t from, struct ballot b)
{
    assert(from < m->count);
    assert(!ballot_is_none(b));

    int order = ballot_cmp(b, l->ballot);
    if (PLANTED(PLANTED_COUNT_REPLIES) && order != 0 && !ballot_is_none(l->ballot)) {
        l->ballot = b; /* The voters for another ballot are kept. */
        order = 0;
    }
    if (order < 0)
        return false;
    if (order > 0)
        *l = (struct learner){.ballot = b};
    member_set_add(&l->voters, from);
    return members_is_majority(m, l->voters);
}
