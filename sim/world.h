/*
 * world.h -- one run: nodes, network, disks, clocks, clients and faults, all from one seed.
 *
 * The world drives the very replica that dkv-node drives, compiled a second time with the planted
 * bugs in it. Everything that happens is a task of the schedule or a turn of a node, in one order
 * that the seed decides; no clock and no randomness of the machine is used. An event is one
 * replica_step.
 *
 * Memory: a world ends the process when there is none. One thread; one world at a time, because
 * the switch of the planted bugs is the process's.
 */
#ifndef DKV_SIM_WORLD_H
#define DKV_SIM_WORLD_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/prng.h"
#include "bounds.h"
#include "clients.h"
#include "faults.h"
#include "mix.h"
#include "net.h"
#include "node.h"
#include "schedule.h"
#include "truth.h"

#define NS_PER_US UINT64_C(1000)
#define NS_PER_MS UINT64_C(1000000)
#define NS_PER_S UINT64_C(1000000000)

struct world_options {
    uint64_t seed;
    enum mode mode;      /* 0: the seed chooses. */
    uint64_t events;     /* Then faults and clients stop, and the run is brought to its end. */
    uint32_t nodes;      /* 3 or 5; 0: the seed chooses. */
    uint64_t first_slot; /* 0: the seed chooses. */
    FILE *trace;         /* NULL: none. */
};

struct world {
    struct world_options options;
    struct prng prng;
    struct mix mix;
    uint64_t now_ns;
    uint64_t events;
    uint64_t digest; /* Of everything that happened: equal for equal runs. */
    struct schedule schedule;
    struct node nodes[MEMBERS_MAX];
    struct net net;
    struct clients clients;
    struct faults faults;
    struct truth truth;
    struct bounds bounds;
    bool failed;
    char failure[512]; /* What broke, for a person. */
};

/* What a run came to. */
struct world_result {
    bool failed;
    char failure[512];
    uint64_t events;
    uint64_t digest;
    uint64_t now_ns;
    uint64_t ops;     /* Clients' operations, */
    uint64_t ops_ok;  /* and how many were answered OK. */
    uint64_t slots;   /* Chosen. */
    uint64_t checked; /* Operations in the history that was checked. */
    uint64_t faults;
    bool undecided; /* The history was too hard to check in a reasonable time. */
};

/* All nodes started, clients and faults to come; options->events says nothing here. */
void world_open(const struct world_options *options, struct world **out_world);

/* The next thing that happens, or a turn of a node. */
void world_advance(struct world *w);

void world_close(struct world *w);

/* Makes the whole run. *progress_events, when not NULL, is kept at the events made so far. */
void world_run(const struct world_options *options, volatile uint64_t *progress_events,
               struct world_result *out_result);

/* Something that must not be was seen: the run ends. The first one counts. */
void world_fail(struct world *w, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Stir something that happened into the digest. */
static inline void world_note(struct world *w, uint64_t what)
{
    w->digest = (w->digest ^ what) * UINT64_C(0x9e3779b97f4a7c15);
    w->digest ^= w->digest >> 29;
}

/* A line of the trace: time, who, what. Costs nothing when there is no trace. */
#define WORLD_TRACE(w, ...)                \
    do {                                   \
        if ((w)->options.trace != NULL)    \
            world_trace((w), __VA_ARGS__); \
    } while (0)
void world_trace(struct world *w, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Up to `most`, few of them near it: halves once or more. 0 gives 0. */
uint64_t world_draw_ns(struct world *w, uint64_t most);

#endif
