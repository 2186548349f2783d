/*
 * sweep.h -- many seeds, in processes of their own, on all cores.
 *
 * A seed that trips an assert ends only its worker: what it was doing stands in memory that the
 * workers share with us. Workers take the next seed each from one counter; the first failure, in
 * the order of seeds, is the one reported.
 */
#ifndef DKV_SIM_SWEEP_H
#define DKV_SIM_SWEEP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/planted.h"
#include "paxos/message.h"

struct sweep_options {
    uint64_t seed_first;
    uint64_t seed_last;
    uint64_t events; /* Of each run. */
    enum mode mode;  /* 0: each seed chooses; so with the next two. */
    uint32_t nodes;
    uint64_t first_slot;
    uint32_t jobs; /* Workers: 1 to SWEEP_JOBS_MAX. */
    enum planted bug;
};

#define SWEEP_JOBS_MAX 64

struct sweep_result {
    bool failed;
    uint64_t seed;   /* That failed, */
    uint64_t events; /* after so many of its events, */
    char what[512];  /* because of this. */
    uint64_t seeds_done;
    uint64_t events_done;
    uint64_t ops_ok;
    uint64_t slots;
    uint64_t undecided; /* Histories too hard to check in a reasonable time. */
    uint64_t digest;    /* Of all runs, whatever their order. */
    double seconds;
};

/* ERR_IO: no processes or memory to be had. */
int sweep_run(const struct sweep_options *options, struct sweep_result *out_result);

#endif
