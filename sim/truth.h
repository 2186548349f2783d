/*
 * truth.h -- what must hold at every moment, watched from outside.
 *
 * The watcher sees what reaches each disk, what each node says, what it applies and what it
 * answers, and nothing of what a replica believes. From the disks alone it knows what is chosen:
 * a value is, once a majority holds votes for it at one ballot. Against that it checks, as they
 * happen:
 *
 *   one value per (slot, ballot), in what is proposed and in what is voted for;
 *   promises and votes never fall, over restarts too; nothing is promised, accepted or called
 *   chosen in a message before it is so on the disk;
 *   one value chosen per slot, for ever; what a node calls chosen, persists or applies is that;
 *   equal state hash at equal applied slot;
 *   an answered write is in the log, in the slot that the answer names, with all below it chosen.
 *
 * All of it costs O(1) for each message, write, apply and answer.
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

struct world;
struct sim_op;

/* A value at a ballot, in one slot. */
struct vote {
    struct vote *next;
    struct ballot ballot;
    struct value *value;      /* One reference. */
    struct member_set voters; /* Whose disk has held this vote at some time. */
};

/* What one node's disk holds of one slot. */
struct holding {
    struct ballot promised;
    struct ballot accepted;
    bool learnt;
};

struct slot_truth {
    struct vote *votes;
    struct value *chosen; /* One reference, or NULL. */
    bool has_hash;
    uint64_t hash; /* Of the state, once this slot is applied. */
    struct holding holdings[5];
};

struct truth {
    struct slot_truth *slots; /* From first_slot on. */
    size_t count;
    size_t capacity;
    uint64_t first;
    uint64_t chosen_to;      /* All slots up to here are chosen. */
    uint64_t touched_to;     /* The highest slot that any disk holds a vote in. */
    uint64_t durable_to[5];  /* Each node's chosen_to on disk, */
    uint64_t verified_to[5]; /* and up to where its values were found there. */
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

/* The node says this. */
void truth_on_send(struct world *w, uint32_t node, const struct message *m);

/* The node has made a step. */
void truth_on_step(struct world *w, uint32_t node);

/* The node has started from its disk. */
void truth_on_start(struct world *w, uint32_t node);

/* The node answers a write with "done". */
void truth_on_done(struct world *w, uint32_t node, const struct sim_op *op, const struct result *r);

/* What is chosen in a slot, borrowed, or NULL. */
struct value *truth_chosen(const struct world *w, uint64_t slot);

#endif
