/*
 * target.h -- what is measured: a store, seen by clients that put and get.
 *
 * One generator drives every target, so that their figures can be compared. A target has clients;
 * each has connections of its own, as a program of its own would, and moves on to the next endpoint
 * when one fails or does not answer within attempt_timeout_ms.
 *
 * Threads. An operation may be submitted on any thread. on_done comes exactly once, on a thread of
 * the target, or from within target_submit if the operation cannot even begin; it may submit the
 * next one. No thread is made for a client.
 */
#ifndef DKV_CLI_BENCH_TARGET_H
#define DKV_CLI_BENCH_TARGET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"
#include "client/endpoints.h"

#define TARGET_TEXT_SIZE_MAX 256
#define TARGET_ATTEMPT_TIMEOUT_MS 2000 /* As libdkv. */

enum target_consistency {
    TARGET_LINEARIZABLE = 0, /* As the target does it by default. */
    TARGET_QUORUM,           /* dkv: linearizable, by asking a majority; nothing enters the log. */
    TARGET_SEQUENTIAL,       /* What the node has. */
};

struct target_options {
    const struct endpoints *endpoints; /* Borrowed while the target is open. */
    enum target_consistency consistency;
    uint32_t timeout_ms;         /* Of an operation, all attempts together. */
    uint32_t attempt_timeout_ms; /* Of one attempt; 0: the default of the target's kind. */
    bool calls_only; /* dkv: a gRPC call for each operation, instead of a stream for all of a
                        client. Others do what they do. */
};

/* How an operation ended. */
struct target_result {
    bool ok;
    bool found;       /* A get that is ok: there is such a key. */
    const char *text; /* Why it failed; borrowed for the callback. */
};

struct target_client;

/*
 * One operation; the owner's memory, which stays as it is, with what it points to, until on_done.
 */
struct target_op {
    bool is_put;
    struct bytes key;
    struct bytes value;
    void (*on_done)(struct target_op *op, const struct target_result *result);

    /* The target's own. */
    struct target_client *client;
    struct target_op *next;
    uint64_t deadline_ns;
    uint32_t endpoint;
    uint32_t failed_in_row;
};

struct target;

/* A kind of target. */
struct target_kind {
    const char *name;

    bool has_quorum_reads; /* Reads of the other kinds every target has. */

    /* Of one attempt, if none is given; 0: the target finds one itself. */
    uint32_t attempt_timeout_ms;

    /* The options as target_open has them. ERR_NO_MEMORY. */
    int (*open)(const struct target_options *options, struct target **out_target) MUST_CHECK;

    /* After all its clients. NULL is fine. */
    void (*close)(struct target *t);

    /* Its first endpoint is number `home`. Dials nobody yet. ERR_NO_MEMORY. */
    int (*client_open)(struct target *t, uint32_t home,
                       struct target_client **out_client) MUST_CHECK;

    /* When nothing is under way. Not from on_done. NULL is fine. */
    void (*client_close)(struct target_client *c);

    /* Begin it. ERR_BUSY: not now; nothing was begun, and on_done does not come. */
    int (*submit)(struct target_client *c, struct target_op *op) MUST_CHECK;

    /* To be called every few ms: pauses between attempts end here. */
    void (*tick)(struct target *t);
};

/* May it be asked for reads like that? */
bool target_supports(const struct target_kind *kind, enum target_consistency consistency);

/* Open it, with its own defaults for what the options leave open. ERR_NO_MEMORY. */
int target_open(const struct target_kind *kind, const struct target_options *options,
                struct target **out_target) MUST_CHECK;

extern const struct target_kind target_dkv;
extern const struct target_kind target_etcd;

/* NULL: there is none of that name. */
const struct target_kind *target_find(const char *name);

#endif
