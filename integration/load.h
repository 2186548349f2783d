/*
 * load.h -- what the clients of history-load have in common: what is asked of them, how long they
 * go on, and what they saw.
 *
 * Nothing here returns an error: what cannot go on ends the program, with words on stderr.
 */
#ifndef DKV_INTEGRATION_LOAD_H
#define DKV_INTEGRATION_LOAD_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "dkv/dkv.h"
#include "history/history.h"

#define LOAD_CLIENTS_MAX 256 /* With the reader of the end. */
#define LOAD_NODES_MAX 10    /* Ids 1 to 9; 0 stands for the cluster as a whole. */
#define LOAD_ENDPOINTS_MAX 9
#define LOAD_PERIOD_MS 2000
#define LOAD_KEY_SIZE 48
#define MS_NS UINT64_C(1000000)

/* Exit codes; see history_load.c. */
#define EXIT_ERROR 1
#define EXIT_USAGE 2
#define EXIT_UNAVAILABLE 4
#define EXIT_WRONG 8

struct load_options {
    const char *endpoints;
    const char *history;
    uint32_t seconds;
    uint32_t clients;
    uint32_t keys;
    uint32_t pause_us; /* Between two operations of a client, on average. */
    uint32_t timeout_ms;
    bool pin;
    uint64_t seed;
};

/* When answers came from one place. */
struct load_watch {
    uint64_t answers;
    uint64_t last_ns;
    uint64_t gap_ns; /* Longest time without one, from begin to end. */
};

struct load {
    struct load_options options;
    char *endpoints[LOAD_ENDPOINTS_MAX];
    uint32_t endpoints_count;
    struct dkv_io *io;
    uint64_t run; /* Makes the keys fresh. */
    uint64_t begin_ns;
    _Atomic uint64_t end_ns; /* A signal may bring it forward. */

    pthread_mutex_t lock; /* Of what follows. */
    struct history history;
    struct load_watch watches[LOAD_NODES_MAX];
    uint64_t outcomes[3];  /* By enum history_outcome. */
    uint64_t barrier_gets; /* Those that ended OK. */
    uint64_t quorum_gets;
    uint64_t surprises; /* Answers that nothing here explains. */
};

/* Of the monotonic clock. */
uint64_t load_now_ns(void);

/* Say what, and end with EXIT_ERROR. */
_Noreturn void load_die(const char *what);

/* Which period it is, from 0 on. */
uint64_t load_period(const struct load *load);

/* Key `number` of a period: one of those that are only appended to, or of the rest. */
void load_key(const struct load *load, uint64_t period, bool appends_only, uint64_t number,
              char out[LOAD_KEY_SIZE]);

/*
 * Client `client`, whose session is client_id, did op between the two times. Kept in the history,
 * and counted. Any thread.
 */
void load_note(struct load *load, uint32_t client, struct dkv_bytes client_id,
               const struct dkv_op *op, const struct dkv_answer *answer, uint64_t call_ns,
               uint64_t return_ns);

/* The load, and with it the first gap of each watch, begins now; the last one ends at end_ns. */
void load_watch_begin(struct load *load);
void load_watch_end(struct load *load);

static inline struct bytes load_bytes(struct dkv_bytes b)
{
    return (struct bytes){.data = b.data, .size = b.size};
}

static inline struct dkv_bytes load_text(const char *text)
{
    return (struct dkv_bytes){.data = text, .size = strlen(text)};
}

#endif
