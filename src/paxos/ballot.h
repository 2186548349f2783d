/*
 * ballot.h -- the numbers that proposals bear.
 *
 * "Paxos Made Simple", section 2.2: each proposal has its own number, and the numbers are totally
 * ordered. Ours are (round, node, boot). boot grows at each start of a node and is durable before
 * the node sends anything, so that no ballot is ever used twice, crash or not.
 */
#ifndef DKV_PAXOS_BALLOT_H
#define DKV_PAXOS_BALLOT_H

#include <stdbool.h>
#include <stdint.h>

/* All zero is "none": lower than any ballot that is used. */
struct ballot {
    uint64_t round;
    uint32_t node; /* Id of the node that made it, > 0 in any ballot but none. */
    uint64_t boot; /* Which start of that node made it. */
};

/* Lexicographic: < 0, 0, > 0. */
static inline int ballot_cmp(struct ballot a, struct ballot b)
{
    if (a.round != b.round)
        return a.round < b.round ? -1 : 1;
    if (a.node != b.node)
        return a.node < b.node ? -1 : 1;
    return (a.boot > b.boot) - (a.boot < b.boot);
}

static inline bool ballot_is_none(struct ballot b)
{
    return b.round == 0 && b.node == 0 && b.boot == 0;
}

#endif
