/*
 * generator.h -- clients that put and get, and what comes of it.
 *
 * Closed loop: each client has `pipeline` operations under way, and begins the next when one is
 * done. Open loop (rate_per_s > 0): operations are due at fixed times, spread evenly over the
 * clients, and their latency counts from then, not from when the client came to send them: a stall
 * shows in all operations that it held up. A client still has at most `pipeline` under way; what is
 * due meanwhile waits.
 *
 * All of it runs on the thread that calls generator_run, and on those of the target: there is no
 * thread for a client, because the generator may share its processors with the servers. An
 * operation allocates nothing here.
 */
#ifndef DKV_CLI_BENCH_GENERATOR_H
#define DKV_CLI_BENCH_GENERATOR_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/bench/cpu.h"
#include "cli/bench/tally.h"
#include "cli/bench/target.h"

#define GENERATOR_CLIENTS_MAX 10000
#define GENERATOR_PIPELINE_MAX 1000
#define GENERATOR_RATE_MAX 10000000
#define GENERATOR_KEY_SIZE_MAX 511
#define GENERATOR_VALUE_SIZE_MAX (1024 * 1024)

struct generator_options {
    const struct target_kind *kind;
    struct target_options target;
    int pin; /* Number of the endpoint that is every client's home; -1: client i's is i modulo n. */
    uint32_t clients;
    uint32_t pipeline;
    bool fill; /* Put each key once, in a closed loop, and then end; the window does not count. */
    uint32_t puts;
    uint32_t gets; /* So many gets to so many puts; one of them is above 0. */
    uint32_t keys;
    uint32_t key_size;   /* At least generator_key_size_min(keys). */
    uint32_t value_size; /* May be 0. */
    uint64_t rate_per_s; /* 0: closed loop. */
    uint64_t warm_up_ns;
    uint64_t duration_ns;
    uint64_t seed;
    const struct cpu_pids *servers;
};

/* How it stands, once a second. */
struct generator_progress {
    uint64_t done;                   /* Keys, when filling; else operations in the window. */
    int64_t window_ns;               /* Since the window began; < 0: it has not. */
    const struct tally_second *last; /* The last second that is over; NULL: none is. */
};

struct generator_result {
    struct tally tally; /* tally_fini */
    uint64_t server_cpu_ns;
    pid_t
        server_gone; /* One of the servers that has ended: what they took is not known. 0: none. */
    uint64_t client_cpu_ns;
    uint64_t backlog; /* Open loop: operations due in the window that were never sent. */
    uint64_t home_clients[TALLY_HOMES_MAX];
    uint64_t failed;                  /* Operations, of the warm-up too. */
    char error[TARGET_TEXT_SIZE_MAX]; /* What the first of them was told. */
};

/* Digits that the number of any of so many keys takes. */
uint32_t generator_key_size_min(uint32_t keys);

/*
 * Run it from beginning to end. on_progress (may be NULL) is called once a second. ERR_NO_MEMORY
 * (also: no thread); ERR_NOT_FOUND: *out_missing, one of the servers, was not there at the
 * beginning.
 */
int generator_run(const struct generator_options *options,
                  void (*on_progress)(void *context, const struct generator_progress *progress),
                  void *context, struct generator_result *out_result,
                  pid_t *out_missing) MUST_CHECK;

#endif
