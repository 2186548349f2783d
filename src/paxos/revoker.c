/* revoker.c -- see revoker.h. */
#include "paxos/revoker.h"

#include <assert.h>

#include "base/planted.h"
#include "base/pool.h"

int revoker_begin(struct revoker *v, struct interval interval, struct ballot b)
{
    assert(interval_is_valid(interval));
    assert(b.round > 0);
    uint64_t count = interval_count(interval);
    assert(count <= INTERVAL_SPAN_MAX);
    struct adoption *adoptions = pool_alloc_zero((size_t)count * sizeof(*adoptions));
    if (adoptions == NULL)
        return ERR_NO_MEMORY;
    *v = (struct revoker){
        .interval = interval,
        .ballot = b,
        .granted_to = interval.last,
        .adoptions = adoptions,
        .adoptions_count = count,
    };
    return 0;
}

void revoker_fini(struct revoker *v)
{
    for (uint64_t i = 0; i < v->adoptions_count; i++)
        value_unref(v->adoptions[i].value);
    pool_free(v->adoptions, (size_t)v->adoptions_count * sizeof(*v->adoptions));
    *v = (struct revoker){0};
}

static struct adoption *revoker_adoption(const struct revoker *v, uint64_t slot)
{
    uint64_t i = (slot - v->interval.first) / v->interval.stride;
    assert(i < v->adoptions_count);
    return &v->adoptions[i];
}

/* Of what was accepted, the highest ballot counts: only that can have been chosen. */
static void revoker_adopt(struct revoker *v, const struct vote_report *report)
{
    struct interval mine = interval_clip(report->interval, v->interval.first, v->interval.last);
    if (interval_is_none(mine) || ballot_is_none(report->ballot))
        return;
    for (uint64_t slot = mine.first; slot <= mine.last; slot += mine.stride) {
        if (!interval_has(v->interval, slot))
            continue;
        struct adoption *adoption = revoker_adoption(v, slot);
        if (ballot_cmp(report->ballot, adoption->at) <= 0 && !PLANTED(PLANTED_ADOPT_NEWEST))
            continue;
        value_unref(adoption->value);
        adoption->value = value_ref(report->value);
        adoption->at = report->ballot;
    }
}

bool revoker_on_promise(struct revoker *v, const struct members *m, uint32_t from, struct ballot b,
                        struct interval granted, const struct vote_reports *reports)
{
    assert(from < m->count);
    if (v->prepared || v->adoptions == NULL || ballot_cmp(b, v->ballot) != 0)
        return false;
    if (granted.first != v->interval.first || granted.last > v->interval.last)
        return false;
    for (uint32_t i = 0; reports != NULL && i < reports->count; i++)
        revoker_adopt(v, &reports->items[i]);
    if (granted.last < v->granted_to)
        v->granted_to = granted.last;
    member_set_add(&v->promised, from);
    if (!members_is_majority(m, v->promised))
        return false;
    v->prepared = true;
    v->interval = interval_clip(v->interval, v->interval.first, v->granted_to);
    return true;
}

struct value *revoker_value(const struct revoker *v, uint64_t slot)
{
    assert(v->prepared);
    assert(interval_has(v->interval, slot));
    struct value *value = revoker_adoption(v, slot)->value;
    return value != NULL ? value : value_noop();
}
