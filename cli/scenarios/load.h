/*
 * load.h -- many clients at once, each asking again as soon as it has its answer (closed loop).
 *
 * All clients live on the two threads of one dkv_io: the generator shares its processors with the
 * servers, and a thread for each client would cost more than their operations do.
 */
#ifndef DKV_CLI_SCENARIOS_LOAD_H
#define DKV_CLI_SCENARIOS_LOAD_H

#include <stdint.h>

#include "base/histogram.h"
#include "cli/scenarios/journal.h"
#include "dkv/dkv.h"

#define LOAD_CLIENTS_MAX 256
#define LOAD_KEY_SIZE 16
#define LOAD_VALUE_SIZE 128

enum load_mix {
    LOAD_FILL, /* Puts, each key once. */
    LOAD_PUTS,
    LOAD_GETS,  /* Linearizable. */
    LOAD_MIXED, /* Half and half. */
    LOAD_ALL,   /* Everything there is, with short values of their own: for a journal. */
};

struct load_options {
    struct dkv_io *io;
    const char *const *endpoints; /* "host:port" of each node: client i asks node i % count. */
    uint32_t endpoints_count;
    uint32_t clients; /* 1 to LOAD_CLIENTS_MAX */
    enum load_mix mix;
    uint32_t timeout_ms; /* Of an operation; 0: the client's default. */
    uint32_t keys;
    char prefix[LOAD_KEY_SIZE + 1]; /* 8 bytes at most; the key's number is the rest. */
    uint64_t warm_up_ns;
    uint64_t duration_ns;    /* Measured after the warm-up; LOAD_FILL: at most so long. */
    struct journal *journal; /* What they see; NULL: nobody writes it down. */
    uint32_t journal_client; /* Number of the first of them there. */
    uint64_t seed;
};

struct load;

/* What has happened so far, or in the end. */
struct load_result {
    uint64_t done;       /* Operations answered with OK, from the beginning, warm-up and all. */
    uint64_t failed;     /* Others. A client that has met one asks no more. */
    uint64_t measured;   /* Answered with OK within the measured time. */
    uint64_t slowest_ns; /* Of all that were answered. */
    char error[256];     /* What the first that failed was told. */
};

/* Begin. DKV_INVALID (endpoints), DKV_NO_MEMORY. */
enum dkv_status load_start(const struct load_options *options, struct load **out_load);

/* CLOCK_MONOTONIC (moment.h): when the measured time begins and ends. */
uint64_t load_begin_ns(const struct load *l);
uint64_t load_end_ns(const struct load *l);

/* Any thread, at any time. */
void load_get(struct load *l, struct load_result *out_result);

/* Latencies of what was measured; lives as long as the load. */
const struct histogram *load_latencies(const struct load *l);

/* Have all clients stopped: at the end, or because of failures? Waits for at most timeout_ms. */
bool load_wait(struct load *l, uint32_t timeout_ms);

/* End what is under way, and free. NULL is fine. */
void load_stop(struct load *l);

#endif
