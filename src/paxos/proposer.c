/* proposer.c -- see proposer.h. */
#include "paxos/proposer.h"

#include <assert.h>
#include <stddef.h>

#include "base/planted.h"

static void proposer_forget(struct proposer *p)
{
    value_unref(p->adopted);
    value_unref(p->proposed);
    p->adopted = NULL;
    p->proposed = NULL;
    p->adopted_at = (struct ballot){0};
    p->promised = (struct member_set){0};
}

void proposer_fini(struct proposer *p)
{
    proposer_forget(p);
    *p = (struct proposer){0};
}

void proposer_begin(struct proposer *p, struct ballot b)
{
    assert(ballot_cmp(b, p->ballot) > 0);
    proposer_forget(p);
    p->ballot = b;
    p->phase = PROPOSER_PREPARING;
    if (ballot_cmp(b, p->highest) > 0)
        p->highest = b;
}

bool proposer_on_promise(struct proposer *p, const struct members *m, uint32_t from,
                         struct ballot b, struct ballot accepted, struct value *v)
{
    assert(from < m->count);
    assert((v == NULL) == ballot_is_none(accepted));

    bool is_mine = ballot_cmp(b, p->ballot) == 0;
    if (PLANTED(PLANTED_COUNT_REPLIES))
        is_mine = true;
    if (p->phase != PROPOSER_PREPARING || !is_mine)
        return false;
    /* Of what was accepted, the highest ballot counts: only that can have been chosen. */
    bool is_higher = v != NULL && ballot_cmp(accepted, p->adopted_at) > 0;
    if (PLANTED(PLANTED_ADOPT_NEWEST))
        is_higher = v != NULL;
    if (is_higher) {
        value_unref(p->adopted);
        p->adopted = value_ref(v);
        p->adopted_at = accepted;
    }
    member_set_add(&p->promised, from);
    if (!members_is_majority(m, p->promised))
        return false;
    p->phase = PROPOSER_PREPARED;
    return true;
}

void proposer_propose(struct proposer *p, struct value *v)
{
    assert(p->phase == PROPOSER_PREPARED);
    assert(p->adopted == NULL || value_equal(p->adopted, v));
    assert(p->proposed == NULL);
    p->proposed = value_ref(v);
    p->phase = PROPOSER_ACCEPTING;
}

bool proposer_on_refused(struct proposer *p, struct ballot b, struct ballot higher)
{
    if (ballot_cmp(higher, p->highest) > 0)
        p->highest = higher;
    if (p->phase == PROPOSER_IDLE || ballot_cmp(b, p->ballot) != 0 ||
        ballot_cmp(higher, p->ballot) <= 0)
        return false;
    proposer_forget(p);
    p->phase = PROPOSER_IDLE;
    return true;
}
