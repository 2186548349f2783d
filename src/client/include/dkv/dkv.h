/*
 * dkv.h -- libdkv, the C client of dkv.
 *
 * A client speaks to any node of a cluster and moves on to the next one when a node fails. Each
 * write carries the client's id and a number of its own, so that sending it again, to the same node
 * or to another one, never executes it twice; that is how a client moves on in the middle of a
 * write without asking anybody.
 *
 *     struct dkv_options options = {.endpoints = "localhost:5001,localhost:5002"};
 *     struct dkv_client *client;
 *     if (dkv_open(&options, &client) != DKV_OK) ...
 *     struct dkv_op op = {.kind = DKV_PUT, .key = ..., .value = ...};
 *     struct dkv_answer answer;
 *     dkv_execute(client, &op, &answer);
 *     if (answer.status == DKV_OK) ...
 *     dkv_answer_fini(&answer);
 *     dkv_close(client);
 *
 * Keys and values are bytes. Limits: key 1 to 511, value up to 1 MiB, client id 1 to 64.
 *
 * Threads. A client may be used by any number of threads at once. Callbacks run on the two threads
 * of its dkv_io, or within dkv_submit; they must not block, must not close anything, and may submit
 * further operations. No fork(2) while a dkv_io is open.
 */
#ifndef DKV_DKV_H
#define DKV_DKV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dkv_bytes {
    const void *data;
    size_t size;
};

enum dkv_status {
    DKV_OK = 0,
    DKV_INVALID,     /* The operation breaks a limit: nothing was done. */
    DKV_UNAVAILABLE, /* No node could do it in time. A write was certainly not applied. */
    DKV_UNKNOWN,     /* Time is up, and the write may have been applied. The same op with the
                        same client_id, op_id and born settles it, before any later op of this
                        client is answered. */
    DKV_BUSY,        /* Turned away: too much is under way, or the state is full. A write was
                        certainly not applied. */
    DKV_STALE,       /* The op_id is below the client's floor. */
    DKV_EXPIRED,     /* The cluster has forgotten this client; the op may have been executed. */
    DKV_MISMATCH,    /* Another operation was sent under this op_id before. */
    DKV_TOO_LARGE,   /* The append would pass the limit of a value: nothing changed. */
    DKV_DENIED,      /* The node does not allow it. */
    DKV_UNSUPPORTED, /* The node does not know it. */
    DKV_FAILED,      /* The node says that something is wrong with it. */
    DKV_NO_MEMORY,
};

/* A few words. Static. */
const char *dkv_status_text(enum dkv_status status);

/* ---- Threads ------------------------------------------------------------------------------- */

/* The connections' thread and the timers', to be shared by many clients. */
struct dkv_io;

/* Its threads take no signals. DKV_OK or DKV_NO_MEMORY. */
enum dkv_status dkv_io_open(struct dkv_io **out_io);

/* After all its clients. NULL is fine. */
void dkv_io_close(struct dkv_io *io);

/* ---- A client ------------------------------------------------------------------------------ */

struct dkv_client;

/* All zero is the default of each. Everything is copied. */
struct dkv_options {
    const char *endpoints;      /* "host:port,host:port,…"; needed. The first is tried first. */
    struct dkv_io *io;          /* NULL: one of its own. */
    struct dkv_bytes client_id; /* Empty: 16 random bytes. */
    bool no_session;      /* Writes carry no client id, and are never sent a second time unless
                             the first was certainly not applied. */
    bool calls_only;      /* A gRPC call for each operation. Else they share one stream to a node
                             (KV.Batch), on which a message carries all that is ready to go: less
                             work for both ends also when there is but one, and no other order, as
                             operations under way at the same time have none. A node without
                             Batch gets calls in any case. */
    uint64_t first_op_id; /* 0: 1. */
    uint64_t floor;       /* 0: the lowest op_id without an answer. Else sent as it is. */
    bool born_is_given;   /* What is sent repeats an earlier client's op: born is that of the first
                             time, and its outcome is open until a node tells it. */
    uint64_t born;        /* With born_is_given. Else asked for before the first write. */
    uint32_t timeout_ms;  /* Of an operation, all attempts together. 0: 10,000. */
    uint32_t attempt_timeout_ms; /* Of one attempt. 0: 2,000, and with several endpoints at most
                                    half of the operation's. */
};

/* DKV_OK, DKV_INVALID (endpoints or client_id do not parse), DKV_NO_MEMORY. Dials nobody yet. */
enum dkv_status dkv_open(const struct dkv_options *options, struct dkv_client **out_client);

/*
 * Ends what is under way: their callbacks have run when this returns, with DKV_UNAVAILABLE or
 * DKV_UNKNOWN. Not from a callback. NULL is fine.
 */
void dkv_close(struct dkv_client *client);

/* The id in use; lives as long as the client. */
struct dkv_bytes dkv_client_id(const struct dkv_client *client);

/* ---- Operations ---------------------------------------------------------------------------- */

enum dkv_kind {
    DKV_GET = 1,
    DKV_PUT,
    DKV_APPEND,
    DKV_DELETE,
    DKV_CAS,
};

enum dkv_consistency {
    DKV_LINEARIZABLE = 0, /* Sees every write that was answered before the read began. */
    DKV_SEQUENTIAL,       /* What the node has; never older than this client has seen. */
    DKV_QUORUM,           /* As LINEARIZABLE, but a majority is asked and nothing enters the log:
                             no disk is waited for. */
};

enum dkv_expect {
    DKV_EXPECT_NOTHING = 0,
    DKV_EXPECT_ABSENT,   /* There is no such key. */
    DKV_EXPECT_VALUE,    /* The key's value is `expected`. */
    DKV_EXPECT_REVISION, /* The key was last modified at `expected_revision`. */
};

struct dkv_op {
    enum dkv_kind kind;
    struct dkv_bytes key;
    struct dkv_bytes value;           /* PUT, APPEND, CAS. */
    enum dkv_expect expect;           /* CAS. */
    struct dkv_bytes expected;        /* EXPECT_VALUE. */
    uint64_t expected_revision;       /* EXPECT_REVISION. */
    bool want_previous;               /* A write's answer is to carry what was there before. */
    enum dkv_consistency consistency; /* GET. */
    uint64_t op_id;      /* A write's; 0: the next one. The same one again is the same op again. */
    uint32_t timeout_ms; /* 0: the client's. */
};

struct dkv_answer {
    enum dkv_status status;
    char text[256]; /* What a person should know; empty when all is well. */
    bool applied;   /* A write took effect: false for a failed comparison or a delete of nothing. */
    bool found;     /* GET: there is such a key. A write: there was one before. */
    bool duplicate; /* This is the answer of the first time. */
    bool omitted;   /* A repeat whose values were too long to be kept, or too many answers at once:
                       what was done is known, `value` and `previous` are not. */
    uint64_t slot;  /* Where the write was applied; up to where the read looked. */
    uint64_t revision;        /* The store's, after the write or at the read. */
    uint64_t mod_revision;    /* GET: when the key was last modified; for EXPECT_REVISION. */
    uint64_t create_revision; /* GET */
    uint64_t version;         /* GET: writes to the key since it was made. */
    uint32_t node;            /* Id of the node that answered; 0: none. */
    uint32_t attempts;
    uint64_t op_id; /* Of a write with a session: what settles it. */
    uint64_t floor; /* As it was sent with it. */
    uint64_t born;
    bool has_value;            /* GET: the value. APPEND: the value that resulted. */
    struct dkv_bytes value;    /* Owned by the answer; its size stays as it is. */
    bool has_previous;         /* A write with want_previous, or a failed comparison. */
    struct dkv_bytes previous; /* The same. */
};

void dkv_answer_fini(struct dkv_answer *answer);

/* Writes of one client that may wait for their answers at the same time. */
#define DKV_WRITES_MAX 1024

/*
 * Begin an operation; everything in op is copied. on_answer comes exactly once if this returns
 * DKV_OK, and never otherwise; it may keep what the answer owns by zeroing `value` or `previous`.
 * Else *out_text (may be NULL), static, says why: DKV_INVALID: op breaks a limit; DKV_BUSY: its
 * op_id is DKV_WRITES_MAX or more above the lowest without an answer; DKV_UNAVAILABLE: the client
 * is being closed; DKV_NO_MEMORY.
 */
enum dkv_status dkv_submit(struct dkv_client *client, const struct dkv_op *op,
                           void (*on_answer)(void *context, struct dkv_answer *answer),
                           void *context, const char **out_text);

/* The same, waiting for the answer, which is always filled: dkv_answer_fini. Not from a callback.
 */
void dkv_execute(struct dkv_client *client, const struct dkv_op *op, struct dkv_answer *out_answer);

#endif
