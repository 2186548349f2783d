/*
 * durable.h -- what a node must not forget, as the protocol sees it.
 *
 * The replica says which of these are to be written; `record/` gives them bytes, `store/` a disk.
 * Writing one again replaces the earlier one of the same kind and slot (or peer).
 */
#ifndef DKV_PAXOS_DURABLE_H
#define DKV_PAXOS_DURABLE_H

#include <stdint.h>

#include "paxos/ballot.h"
#include "paxos/interval.h"
#include "paxos/members.h"
#include "paxos/message.h"
#include "paxos/value.h"

enum durable_kind {
    DURABLE_VOTE = 1,  /* An acceptor. Uses: slot, promised, accepted, value (NULL: no vote). */
    DURABLE_LEARNT,    /* A chosen value that the own vote does not hold. Uses: slot, value. */
    DURABLE_CHOSEN_TO, /* All slots up to here are chosen, and the value of each is the one of its
                          LEARNT record (or NOOP, if a LEARNT_NOOP covers it), else what its own
                          vote is, VOTE or VOTED_NOOP, whichever has the higher ballot. Uses: slot.
                        */
    DURABLE_PEER,      /* The disk that votes under a peer's id, for ever. Uses: peer, disk_id. */
    DURABLE_ADMITTED,  /* This disk may vote: enough peers have recorded it. */

    /* Coordinated mode only. An interval lies within one block (INTERVAL_BLOCK), and is what
       identifies the record: the same one again, at a higher ballot, replaces it. */
    DURABLE_RESERVED,       /* Own slots up to here may be used. Uses: slot. */
    DURABLE_PROMISED_RANGE, /* Each slot has promised at least that. Uses: interval, promised. */
    DURABLE_VOTED_NOOP,     /* Each slot has accepted NOOP at that ballot, unless it has accepted
                               something at a higher one. Uses: interval, accepted. */
    DURABLE_LEARNT_NOOP,    /* NOOP is chosen in each slot. Uses: interval. */
};

struct durable {
    enum durable_kind kind;
    uint64_t slot;
    struct interval interval;
    struct ballot promised;
    struct ballot accepted;
    struct value *value; /* One reference is the record's. */
    uint32_t peer;       /* Id, not index. */
    uint8_t disk_id[DISK_ID_SIZE];
};

/*
 * What identifies a data directory. Written when it is new; compared at every start; never changed.
 */
struct identity {
    char cluster[CLUSTER_NAME_SIZE_MAX + 1];
    enum mode mode;
    struct members members;
    uint32_t id;
    uint8_t disk_id[DISK_ID_SIZE];
};

#endif
