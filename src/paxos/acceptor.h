/*
 * acceptor.h -- what one slot has promised, and what it has accepted.
 *
 * One acceptor per slot, after "Paxos Made Simple", section 2.2. It answers two questions: may
 * this ballot proceed (phase 1), and does it get our vote (phase 2). It only decides; the
 * simulator runs this very code.
 *
 * Durability. A function that returns true changed the acceptor. The reply may leave this node
 * only when that change AND every earlier one is durable: a repeated request returns false, yet is
 * answered from a promise that may still be on its way to disk.
 *
 * A slot that is known to be chosen is never asked: its caller answers with what was chosen.
 */
#ifndef DKV_PAXOS_ACCEPTOR_H
#define DKV_PAXOS_ACCEPTOR_H

#include <stdbool.h>

#include "paxos/ballot.h"
#include "paxos/value.h"

/*
 * All zero is a slot nobody has touched.
 * Invariant: accepted <= promised; value is NULL exactly while accepted is none.
 */
struct acceptor {
    struct ballot promised; /* Nothing below may proceed. Never falls. */
    struct ballot accepted; /* Ballot of our vote, or none. */
    struct value *value;    /* Our vote; one reference is the acceptor's. */
};

bool acceptor_is_valid(const struct acceptor *a);

/* Drop the reference to the value; a is untouched afterwards. */
void acceptor_fini(struct acceptor *a);

/*
 * Phase 1b: promise b, unless a higher ballot was promised. *out_granted tells which; the promise
 * to send is the acceptor itself. Equal means that the request was repeated: so is the promise.
 */
bool acceptor_on_prepare(struct acceptor *a, struct ballot b, bool *out_granted);

/*
 * Phase 2b: accept v at b, unless a higher ballot was promised. Takes a reference of its own when
 * it keeps v. One ballot never proposes two values in one slot, which is asserted where it shows.
 */
bool acceptor_on_accept(struct acceptor *a, struct ballot b, struct value *v, bool *out_granted);

#endif
