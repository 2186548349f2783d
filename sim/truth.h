/*
 * truth.h -- what must hold at every moment, watched from outside.
 *
 * The watcher sees what reaches each disk, what each node says, what it applies and what it
 * answers, and nothing of what a replica believes. From the disks alone it knows what is chosen: a
 * value is, once a majority holds votes for it at one ballot; and NOOP is, once the coordinator of
 * the slot has skipped it. Against that it checks, as they happen:
 *
 *   one value per (slot, ballot), in what is proposed and in what is voted for; a ballot is
 *   proposed by the node it names, at round >= 1 with a majority of promises on the disks;
 *   promises and votes never fall, over restarts too; nothing is promised, accepted or called
 *   chosen in a message before it is so on the disk;
 *   one value chosen per slot, for ever; what a node calls chosen, persists or applies is that;
 *   equal state hash at equal applied slot;
 *   an answered write is in the log, in the slot that the answer names, with all below it chosen.
 *
 * And in coordinated mode (docs/protocol.md, section 7):
 *
 *   round 0 is the coordinator's, once in all its lives, in a slot that its disk had reserved and
 *   that was not reserved before it started; so are skips, which never cover what was proposed in;
 *   at round >= 1 only NOOP is proposed, or what the coordinator proposed at round 0.
 *
 * What speaks of intervals is checked slot by slot. All else costs O(1) for each message, write,
 * apply and answer.
 */
#ifndef DKV_SIM_TRUTH_H
#define DKV_SIM_TRUTH_H

#include <stdbool.h>
#include <stdint.h>

#include "kv/machine.h"
#include "paxos/durable.h"
#include "paxos/members.h"
#include "paxos/message.h"
#include "replica/replica.h"

#define TRUTH_NODES_MAX 5

struct world;
struct sim_op;

/*
 * A ballot in one number that orders like it: 32 bits of round, 8 of node, 24 of boot. 0: none. No
 * run has ballots beyond that.
 */
uint64_t truth_pack(struct world *w, struct ballot b);
struct ballot truth_unpack(uint64_t packed);

/* A value at a ballot, in one slot. */
struct vote {
    uint64_t ballot;          /* Packed, as all ballots here are. */
    struct value *value;      /* One reference. */
    uint32_t next;            /* Place in truth.votes; 0: none. */
    struct member_set voters; /* Whose disk has held this vote at some time. */
};

/* What one node's disk holds of one slot: its VOTE record, and the intervals over it. */
struct holding {
    uint64_t promised;
    uint64_t accepted;
    uint64_t range_promised; /* The highest PROMISED_RANGE over it, */
    uint64_t range_accepted; /* and the highest VOTED_NOOP. */
};

struct slot_truth {
    struct value *chosen; /* One reference, or NULL. */
    uint64_t hash;        /* Of the state, once this slot is applied. */
    uint32_t votes;       /* Place of the first in truth.votes; 0: none. */
    bool has_hash;
    bool skipped;             /* By its coordinator. */
    struct member_set learnt; /* On whose disk it stands as learnt. */
};

/* The last attempt of one node at the slots of one coordinator. */
struct attempt {
    struct interval interval;
    struct ballot ballot; /* None: none was made. */
    uint64_t life;        /* In which the node made it, */
    uint64_t clock_ns;    /* and when, by its own clock. */
};

/* What is known of one node. */
struct node_truth {
    struct holding *holdings; /* As many as there are slots. */
    uint64_t durable_to;      /* Its chosen_to on disk, */
    uint64_t verified_to;     /* and up to where its values were found there. */
    uint64_t reserved_to;     /* On disk. */
    uint64_t unknown_to; /* What was reserved when it started: slots up to here it neither proposes
                            in at round 0 nor skips, unless it had skipped them. */
    uint64_t voted_to;   /* The highest slot in which its disk holds a vote for more than NOOP. */
    struct attempt attempts[TRUTH_NODES_MAX]; /* By coordinator. */
};

struct truth {
    struct slot_truth *slots; /* From first_slot on. */
    size_t count;
    size_t capacity;
    struct node_truth nodes[TRUTH_NODES_MAX];
    struct vote *votes; /* Of all slots; place 0 is not used. */
    size_t votes_count;
    size_t votes_capacity;
    uint64_t *reported; /* Scratch of truth_on_send. */
    size_t reported_capacity;
    uint64_t first;
    uint64_t chosen_to;  /* All slots up to here are chosen. */
    uint64_t touched_to; /* The highest slot that any disk holds a vote in; in coordinated mode one
                            for more than NOOP: above it nobody has to do anything. */
    uint64_t used;       /* Proposals, votes and skips so far, each slot and ballot once. */
};

void truth_init(struct world *w);
void truth_fini(struct truth *t);

/* A write reached the node's disk; a whole number of turns did; a checkpoint is to be written, and
   it was. */
void truth_on_durable(struct world *w, uint32_t node, const struct durable *d);
void truth_on_synced(struct world *w, uint32_t node);
void truth_on_freeze(struct world *w, uint32_t node, const struct checkpoint_head *head);
void truth_on_checkpoint(struct world *w, uint32_t node, const struct checkpoint_head *head);
void truth_on_wiped(struct world *w, uint32_t node);

/* The highest slot that every voter must have applied in the end. */
uint64_t truth_wanted_to(struct world *w);

/* The node says this. */
void truth_on_send(struct world *w, uint32_t node, const struct message *m);

/* The node has made a step in which it applied something. */
void truth_on_step(struct world *w, uint32_t node);

/* The node has made a turn, and said all that it had to say. */
void truth_on_turn(struct world *w, uint32_t node);

/* The node has started from its disk. */
void truth_on_start(struct world *w, uint32_t node);

/* The node answers a write with "done". */
void truth_on_done(struct world *w, uint32_t node, const struct sim_op *op, const struct result *r);

/* What is chosen in a slot, borrowed, or NULL. */
struct value *truth_chosen(const struct world *w, uint64_t slot);

#endif
