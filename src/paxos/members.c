/* members.c -- see members.h. */
#include "paxos/members.h"

#include <assert.h>

#include "base/planted.h"

bool members_is_valid(const struct members *m)
{
    if (m->count < 1 || m->count > MEMBERS_MAX)
        return false;
    for (uint32_t i = 0; i < m->count; i++) {
        if (m->ids[i] == 0 || (i > 0 && m->ids[i] <= m->ids[i - 1]))
            return false;
    }
    return true;
}

uint32_t members_index(const struct members *m, uint32_t id)
{
    for (uint32_t i = 0; i < m->count; i++) {
        if (m->ids[i] == id)
            return i;
    }
    return MEMBER_NONE;
}

uint32_t member_set_count(struct member_set s)
{
    uint32_t count = 0;
    for (unsigned bits = s.bits; bits != 0; bits &= bits - 1)
        count++;
    return count;
}

bool members_is_majority(const struct members *m, struct member_set s)
{
    assert(s.bits >> m->count == 0);
    uint32_t needed = m->count / 2 + 1;
    if (PLANTED(PLANTED_MINORITY_QUORUM) && m->count > 3)
        needed = m->count / 2;
    return member_set_count(s) >= needed;
}
