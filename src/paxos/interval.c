/* interval.c -- see interval.h. */
#include "paxos/interval.h"

#include <assert.h>

struct interval interval_clip(struct interval i, uint64_t from, uint64_t to)
{
    struct interval none = {0};
    if (interval_is_none(i))
        return none;
    assert(interval_is_valid(i));
    if (from > i.last || to < i.first)
        return none;
    if (from > i.first)
        i.first += (from - i.first + i.stride - 1) / i.stride * i.stride;
    if (i.first > i.last || to < i.first)
        return none;
    if (to < i.last)
        i.last = i.first + (to - i.first) / i.stride * i.stride;
    return i;
}

struct interval interval_take_block(struct interval *i)
{
    assert(interval_is_valid(*i));
    uint64_t end = (i->first / INTERVAL_BLOCK + 1) * INTERVAL_BLOCK;
    struct interval part = interval_clip(*i, i->first, end - 1);
    *i = interval_clip(*i, end, i->last);
    return part;
}

bool interval_extend(struct interval *run, uint64_t slot, uint32_t stride)
{
    assert(stride > 0);
    if (interval_is_none(*run)) {
        *run = (struct interval){.first = slot, .last = slot, .stride = stride};
        return true;
    }
    if (run->stride != stride || slot != run->last + stride ||
        slot - run->first >= INTERVAL_SPAN_MAX)
        return false;
    run->last = slot;
    return true;
}

struct interval interval_push(struct interval *run, uint64_t slot, uint32_t stride)
{
    struct interval ended = {0};
    if (!interval_extend(run, slot, stride)) {
        ended = *run;
        *run = (struct interval){.first = slot, .last = slot, .stride = stride};
    }
    return ended;
}
