/*
 * session.h -- one client's results: what its ops did, for the day they are repeated.
 *
 * After Lee et al., "Implementing Linearizability at Large Scale and Low Latency" (RIFL, SOSP'15):
 * a completion record per op, dropped once the client has said that it has the answer.
 */
#ifndef DKV_KV_SESSION_H
#define DKV_KV_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/list.h"
#include "kv/entry.h"
#include "kv/table.h"

/* What a result counts for against results_bytes_max, its keys and values aside. Protocol. */
#define STORED_BYTES 64

/* What is kept of one executed op. Entries are references. */
struct stored {
    uint64_t op_id;
    uint64_t fingerprint; /* command_fingerprint of the op. */
    uint64_t slot;
    uint64_t revision;
    uint64_t hash; /* Of this record; session_store sets it. */
    struct entry *previous;
    struct entry *output;
    uint8_t code; /* enum result_code: OK or TOO_LARGE. */
    bool applied;
    bool found;
    bool omitted; /* There were entries, too long to keep. */
};

/*
 * Invariants: results are in ascending order of op_id, all of them >= floor; results_hash and
 * results_bytes and encoded_size are those of the results there are.
 */
struct session {
    struct table_node node; /* By client_id. */
    struct list by_use;     /* Last used last. */
    struct list dirty;      /* In no list: as in the last checkpoint. */
    uint64_t floor;         /* What the client has said. Never falls. */
    uint64_t last_op_id;    /* The highest executed: a figure, which decides nothing. */
    uint64_t used_slot;     /* Of its last use, */
    uint32_t used_place;    /* and the command's place in the batch. */
    struct stored *results; /* [first, first + count) of capacity. */
    size_t first;
    size_t count;
    size_t capacity;
    uint64_t results_hash;
    uint64_t results_bytes; /* As results_bytes_max counts. */
    uint64_t encoded_size;
    uint64_t id_hash; /* Of client_id, the same on all nodes. */
    uint32_t id_size;
    uint8_t id[];
};

/* A client without results, in no table or list. client_id has 1 to CLIENT_ID_SIZE_MAX bytes. */
int session_new(struct bytes client_id, uint64_t floor, struct session **out_session) MUST_CHECK;

/* NULL is fine. */
void session_free(struct session *s);

/* Borrowed from s. */
struct bytes session_id(const struct session *s);

/* The result of an op, or NULL. Borrowed until the next change. */
const struct stored *session_find(const struct session *s, uint64_t op_id);

/*
 * Keep the result of an op that has none yet, and take over its references.
 * ERR_NO_MEMORY: nothing changed.
 */
int session_store(struct session *s, const struct stored *result) MUST_CHECK;

/* Drop the results below floor. A floor lower than what there is changes nothing. */
void session_raise_floor(struct session *s, uint64_t floor);

/* Of all of it, results included. */
uint64_t session_hash(const struct session *s);

/* Append s but for its client_id, encoded_size bytes. ERR_NO_MEMORY. */
int session_encode(const struct session *s, struct buf *out) MUST_CHECK;

/*
 * A session of what session_encode wrote, its op_ids within `window` of its floor.
 * ERR_CORRUPT: it did not write that. ERR_NO_MEMORY.
 */
int session_decode(struct bytes client_id, struct bytes in, uint32_t window,
                   struct session **out_session) MUST_CHECK;

#endif
