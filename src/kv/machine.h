/*
 * machine.h -- the replicated state machine: what the commands in the log do.
 *
 * Deterministic: the same slots in the same order give the same keys, revisions, sessions and
 * hash on every node. No clock, no chance, and no order of a hash table shows in a result.
 *
 * All state is in memory. What changed since the last checkpoint is kept track of, and can be
 * frozen at any slot and written by another thread while commands go on being applied.
 *
 * One thread owns a machine. A frozen checkpoint belongs to whoever it was given to.
 */
#ifndef DKV_KV_MACHINE_H
#define DKV_KV_MACHINE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"
#include "kv/command.h"
#include "kv/entry.h"

/*
 * Constants of the protocol version, equal on all nodes, because what is evicted and what is
 * refused must be the same everywhere. The simulator uses smaller ones. What they bound, and in
 * which order a command is judged, is in sessions.h.
 */
struct machine_limits {
    uint32_t clients_max;       /* 65,536; at least 1 */
    uint64_t results_bytes_max; /* 256 MiB, of all sessions together: 64 bytes for each result, and
                                   the keys and values that it holds */
    uint32_t result_size_max;   /* 4 KiB, of the values in a result; of a longer one a repeat is
                                   told "OK, omitted" */
    uint32_t window;            /* 1024: op_ids in [floor, floor + window); at least 1 */
};

extern const struct machine_limits machine_limits_default;

enum result_code {
    RESULT_OK = 0,
    RESULT_STALE,           /* op_id below the client's floor: its answer was had already. */
    RESULT_SESSION_EXPIRED, /* No result of it, and it may have been executed before: born is below
                               evicted_to. Not executed. */
    RESULT_MISMATCH,        /* Another payload under a known op_id. Not executed. */
    RESULT_BEYOND_WINDOW,   /* op_id >= floor + window. Not executed. */
    RESULT_TOO_LARGE,       /* The append would pass VALUE_SIZE_MAX. Nothing changed. */
};

/* What a command did. Holds references: result_fini. All zero is an empty one. */
struct result {
    enum result_code code;
    bool applied;      /* The command took effect: false for a failed comparison or a delete of
                          nothing, and for every code but OK. */
    bool found;        /* The key was there before. */
    bool duplicate;    /* Suppressed: this is the answer of the first time. */
    bool omitted;      /* A repeat whose previous/output was too long to keep. */
    uint64_t revision; /* The store's revision after the command. A repeat tells the first one's. */
    uint64_t slot;     /* Where it was (first) applied, or refused. */
    struct entry *previous; /* want_previous, or a failed CAS: what was there before; or NULL. */
    struct entry *output;   /* APPEND: the entry that resulted; NULL if nothing changed. */
};

void result_fini(struct result *r);

struct machine;

/* An empty machine, nothing applied: applied is first_slot - 1. ERR_NO_MEMORY. */
int machine_open(const struct machine_limits *limits, uint64_t first_slot,
                 struct machine **out_machine) MUST_CHECK;

/* NULL is fine. */
void machine_close(struct machine *m);

/*
 * The seed of the machine's hash tables, 0 unless set here, right after machine_open. Nothing that
 * anybody sees may depend on it: the simulator gives every node another one to prove that.
 */
void machine_set_hash_seed(struct machine *m, uint64_t seed);

/*
 * Apply the batch (batch_check says it is one) chosen in `slot`, the one after the last applied.
 * results, when not NULL, has room for one of each command, in order; they are the caller's.
 *
 * The revision grows by one with each command that changes something: every put, every append
 * that is not TOO_LARGE, a compare-and-set that holds, a delete of a key that is there. A delete
 * is final: a key made again begins at version 1.
 *
 * ERR_NO_MEMORY leaves the machine fit for machine_close only, and holds nothing in results.
 */
int machine_apply(struct machine *m, uint64_t slot, struct bytes batch,
                  struct result *results) MUST_CHECK;

/* A slot that changes nothing (NOOP, BARRIER) was applied. */
void machine_apply_nothing(struct machine *m, uint64_t slot);

/* The entry of a key, or NULL. Borrowed until the next apply; entry_ref to keep it. */
struct entry *machine_get(const struct machine *m, struct bytes key);

uint64_t machine_applied(const struct machine *m);
uint64_t machine_revision(const struct machine *m);
uint64_t machine_evicted_to(const struct machine *m);
uint64_t machine_keys(const struct machine *m);
uint64_t machine_clients(const struct machine *m);

/* Memory held by keys, values and sessions, in bytes, near enough for a limit. */
uint64_t machine_bytes(const struct machine *m);

/*
 * Hash of keys, values, revisions and the dedup table. Kept incrementally, independent of the
 * order of insertion: equal states have equal hashes at equal applied slots.
 */
uint64_t machine_hash(const struct machine *m);

/*
 * Since machine_open or the end of restoring: writes executed, also those that changed nothing;
 * and repeats that were answered with their first result. Refusals are neither.
 */
uint64_t machine_executed(const struct machine *m);
uint64_t machine_suppressed(const struct machine *m);

#ifdef DKV_PLANTED
/* For PLANTED_DEDUP_AT_PROPOSE: was the op executed before? */
bool machine_knows_op(const struct machine *m, const struct command *c);
#endif

/* ---- Checkpoints --------------------------------------------------------------------------- */

struct checkpoint_key {
    struct entry *entry; /* NULL: the key is gone. One reference is the checkpoint's. */
    struct bytes key;    /* Of the checkpoint. */
};

struct checkpoint_session {
    struct bytes client_id; /* Of the checkpoint. */
    struct bytes session;   /* Encoded, opaque to all but the machine. Empty: it was evicted. */
};

/* The machine's own figures at the frozen slot. */
struct checkpoint_head {
    uint64_t applied;
    uint64_t revision;
    uint64_t evicted_to;
    uint64_t hash;
    uint64_t keys;
    uint64_t clients;
};

/* What changed between two freezes. Immutable; may be read by another thread. */
struct checkpoint {
    struct checkpoint_head head;
    struct checkpoint_key *keys; /* In no promised order; each key once. */
    size_t keys_count;
    size_t keys_capacity;
    struct checkpoint_session *sessions; /* In no promised order; each client once. */
    size_t sessions_count;
    struct buf arena; /* Behind the struct bytes above. */
};

/* How much has changed since the last freeze, in bytes to be written, near enough. */
uint64_t machine_dirty_bytes(const struct machine *m);

/* Freeze what has changed since the last freeze (or restore). ERR_NO_MEMORY: nothing changed. */
int machine_freeze(struct machine *m, struct checkpoint **out_checkpoint) MUST_CHECK;

/* Any thread. NULL is fine. */
void checkpoint_free(struct checkpoint *c);

/*
 * Into a machine just opened: every key, every session, then the head, which ends it.
 * ERR_CORRUPT: a key or a session is there twice, breaks a bound or does not parse; or revisions,
 * counts or hash are not the head's. ERR_NO_MEMORY. Both leave the machine fit for machine_close
 * only.
 */
int machine_restore_key(struct machine *m, struct bytes key, struct bytes value,
                        uint64_t create_revision, uint64_t mod_revision,
                        uint64_t version) MUST_CHECK;
int machine_restore_session(struct machine *m, struct bytes client_id,
                            struct bytes session) MUST_CHECK;
int machine_restore_head(struct machine *m, const struct checkpoint_head *head) MUST_CHECK;

/* ---- Walking ------------------------------------------------------------------------------- */

/* The first entry whose key is >= key, or NULL. Borrowed until the next apply. */
struct entry *machine_seek(const struct machine *m, struct bytes key);

#endif
