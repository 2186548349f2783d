/*
 * node.h -- one node: what dkv-node does around a replica, in simulated time.
 *
 * A turn takes all letters that have arrived, steps the replica with each, ends with the tick, and
 * carries out what follows. The node's clock starts anywhere and runs a little wrong. A life is
 * one run of the process: letters and tasks of another life do nothing.
 */
#ifndef DKV_SIM_NODE_H
#define DKV_SIM_NODE_H

#include <stdbool.h>
#include <stdint.h>

#include "disk.h"
#include "net.h"
#include "replica/replica.h"

struct world;
struct task;

/* Where in its next turn that writes and sends the process ends. */
enum ending {
    ENDING_NONE = 0,
    ENDING_SENT,      /* All is sent, and the commit has begun. */
    ENDING_SENT_PART, /* Only some of it is sent. */
    ENDING_WROTE,     /* The commit has begun, and nothing is sent or answered. */
};

struct node {
    uint32_t id;
    bool running;
    bool paused;
    bool wiped; /* It lost its disk at some time: its peers refuse it for ever. */
    enum ending ending;
    bool ends_proposing; /* Not before it proposes at a round above 0. */
    uint64_t life;
    uint64_t boot;
    struct replica *replica; /* While running. */
    struct effects effects;
    struct disk disk;
    struct identity identity;
    struct letter *inbox; /* In order of arrival. */
    struct letter **inbox_end;
    struct member_set behind; /* To whom its stream is jammed, as it was told last. */
    uint64_t turn_ns;         /* When the next turn begins, or UINT64_MAX. */
    uint64_t busy_ns;         /* The last turn takes until then. */
    uint64_t clock_rate;      /* Of 2^16. */
    uint64_t clock_base;      /* What the clock showed at time 0. */
    uint64_t applied;         /* As seen after the last step. */
    uint64_t resume_ns;
    uint64_t ops_taken; /* In this life, */
    uint64_t ops_answered;
};

void node_init(struct world *w, uint32_t node);
void node_fini(struct world *w, uint32_t node);

/* The letter moves into the node's inbox; dropped when it is for another life. */
void node_give(struct world *w, struct letter *l);

/* Its turn has come. */
void node_turn(struct world *w, uint32_t node);

/* The process begins: from the disk to memory, then streams. */
void node_start(struct world *w, uint32_t node);

/* The process ends, now; it starts again later. */
void node_crash(struct world *w, uint32_t node, const char *why);

void node_pause(struct world *w, uint32_t node, uint64_t length_ns);
void node_on_resume(struct world *w, const struct task *t);

/* Its disk is replaced by an empty one; it is not running. */
void node_wipe(struct world *w, uint32_t node);

/* What its clock shows now, and when it will show `local_ns`. */
uint64_t node_clock(const struct world *w, uint32_t node);

/* fetch.c: answer a FETCH from its disk, as the call FetchChosen does. */
void node_on_fetch(struct world *w, struct letter *l);

/* restore.c: fill the replica from the disk. An error is the world's failure. */
bool node_restore(struct world *w, uint32_t node);

#endif
