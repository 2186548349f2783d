/* acceptor.c -- see acceptor.h. */
#include "paxos/acceptor.h"

#include <assert.h>
#include <stddef.h>

#include "base/planted.h"

bool acceptor_is_valid(const struct acceptor *a)
{
    if ((a->value == NULL) != ballot_is_none(a->accepted))
        return false;
    return ballot_cmp(a->accepted, a->promised) <= 0 || PLANTED(PLANTED_ACCEPT_NO_PROMISE);
}

void acceptor_fini(struct acceptor *a)
{
    value_unref(a->value);
    *a = (struct acceptor){0};
}

bool acceptor_on_prepare(struct acceptor *a, struct ballot b, bool *out_granted)
{
    assert(!ballot_is_none(b));
    assert(acceptor_is_valid(a));

    int order = ballot_cmp(b, a->promised);
    *out_granted = order >= 0;
    if (order <= 0)
        return false;
    a->promised = b;
    assert(acceptor_is_valid(a));
    return true;
}

bool acceptor_on_accept(struct acceptor *a, struct ballot b, struct value *v, bool *out_granted)
{
    assert(!ballot_is_none(b));
    assert(v != NULL);
    assert(acceptor_is_valid(a));

    *out_granted = ballot_cmp(b, a->promised) >= 0;
    if (!*out_granted)
        return false;
    if (ballot_cmp(b, a->accepted) == 0) {
        /* A planted bug that lets two values out at one ballot is the simulator's to report. */
        assert(value_equal(v, a->value) || PLANTED(PLANTED_BALLOT_REUSED) ||
               PLANTED(PLANTED_BALLOT_OVERLAPS) || PLANTED(PLANTED_WIPED_DISK) ||
               PLANTED(PLANTED_SYNC_RETRIED));
        return false;
    }
    /* Accepting raises the promise too: what is below b must not get this vote any more. */
    if (!PLANTED(PLANTED_ACCEPT_NO_PROMISE))
        a->promised = b;
    struct value *old = a->value;
    a->accepted = b;
    a->value = value_ref(v);
    value_unref(old);
    assert(acceptor_is_valid(a));
    return true;
}
