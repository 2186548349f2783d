/*
 * tally.h -- what a measurement counts: operations, their latencies, and how long nothing was done.
 *
 * A tally has a window, [begin, end). Operations that succeed within it are counted, and their
 * latencies; each belongs to the endpoint that its client calls home, which it may have left. The
 * longest one is also looked for among those that failed, and those that were under way at the end.
 *
 * A gap is a time without a success: from the beginning to the first, from one to the next, from
 * the last to the end. There is one for all clients, one for those of each home, and one for those
 * of all other homes: when a node dies, the last says whether anybody else noticed.
 *
 * Pure, with time as an argument (any clock, in ns). One thread at a time.
 */
#ifndef DKV_CLI_BENCH_TALLY_H
#define DKV_CLI_BENCH_TALLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/histogram.h"

#define TALLY_HOMES_MAX 16
#define TALLY_SECONDS_MAX (7 * 86400)

/* The longest time without a success. */
struct tally_gap {
    uint64_t last_ns; /* When there was one. */
    uint64_t longest_ns;
};

struct tally_home {
    uint64_t ops;
    uint64_t errors;
    uint64_t max_ns;
    struct tally_gap gap;        /* Of the clients at home here. */
    struct tally_gap others_gap; /* Of all other clients. */
};

/* One second of the window, or what is left of it at the end. */
struct tally_second {
    uint64_t ops;
    uint64_t errors;
    uint64_t p50_ns;
    uint64_t p99_ns;
    uint64_t max_ns;
    uint64_t gap_ns; /* The longest that ended in it. */
};

struct tally {
    uint64_t begin_ns;
    uint64_t end_ns;
    uint64_t ops;
    uint64_t errors;
    uint64_t not_found; /* Successful gets of a key that is not there. */
    uint64_t max_ns;
    struct tally_gap gap;
    uint32_t homes_count;
    struct tally_home homes[TALLY_HOMES_MAX];
    struct histogram latencies; /* Without those of the second that is not over. */

    size_t seconds_count; /* Those that are over. */
    size_t seconds_capacity;
    struct tally_second *seconds;
    struct tally_second second; /* The one that is not. */
    struct histogram second_latencies;
};

/* How an operation ended. */
struct tally_op {
    uint32_t home; /* < homes_count */
    uint64_t began_ns;
    uint64_t ended_ns; /* Of several threads: in any order, if nearly right. */
    bool failed;
    bool not_found;
};

/* begin < end, at most TALLY_SECONDS_MAX apart; 1 to TALLY_HOMES_MAX homes. ERR_NO_MEMORY. */
int tally_init(struct tally *t, uint64_t begin_ns, uint64_t end_ns, uint32_t homes) MUST_CHECK;
void tally_fini(struct tally *t);

/* Count it, if it is in the window. */
void tally_add(struct tally *t, const struct tally_op *op);

/* Some operation of this home took so long, or longer: it had not even ended. */
void tally_raise_max(struct tally *t, uint32_t home, uint64_t latency_ns);

/* Close the seconds that are over at now_ns. */
void tally_advance(struct tally *t, uint64_t now_ns);

/* The window is over: close everything. Only tally_add and tally_raise_max of what was under way,
 * and the reading of its fields, may follow. */
void tally_finish(struct tally *t);

#endif
