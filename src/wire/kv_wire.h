/*
 * kv_wire.h -- the KV service as bytes, for the node that answers and the client that asks.
 *
 * A write is a struct command in both directions: what wire_decode_write lets through passes
 * command_check, and its encoding fits into a value of the log.
 */
#ifndef DKV_WIRE_KV_WIRE_H
#define DKV_WIRE_KV_WIRE_H

#include <stdbool.h>
#include <stdint.h>

#include "kv/command.h"
#include "kv/machine.h"
#include "wire/wire.h"

#define WIRE_KV_HELLO "/dkv.v1.KV/Hello"
#define WIRE_KV_GET "/dkv.v1.KV/Get"
#define WIRE_KV_PUT "/dkv.v1.KV/Put"
#define WIRE_KV_APPEND "/dkv.v1.KV/Append"
#define WIRE_KV_DELETE "/dkv.v1.KV/Delete"
#define WIRE_KV_COMPARE_AND_SET "/dkv.v1.KV/CompareAndSet"

/* The trailing metadata that says why a write was refused, with FAILED_PRECONDITION. */
#define WIRE_REASON_KEY "dkv-reason"

/*
 * The same key with UNAVAILABLE: the write was never proposed and never will be. UNAVAILABLE
 * without it leaves the outcome open: a connection that broke says UNAVAILABLE too.
 */
#define WIRE_REASON_NOT_APPLIED "NOT_APPLIED"

/* "STALE", "SESSION_EXPIRED", "MISMATCH"; NULL for any other code. Static. */
const char *wire_reason_of(enum result_code code);

/* The code of a reason, or RESULT_OK for what is none. */
enum result_code wire_reason_parse(struct bytes reason);

/* ---- Hello (the request is empty) ---------------------------------------------------------- */

struct wire_kv_hello {
    uint32_t node;
    const char *cluster;
    uint64_t applied; /* What a new client gives as born. */
    uint32_t key_size_max;
    uint32_t value_size_max;
    uint32_t client_id_size_max;
    uint32_t op_window;
    const char *version;
};

int wire_encode_kv_hello(const struct wire_kv_hello *h, struct buf *out) MUST_CHECK;
int wire_decode_kv_hello(struct bytes in, struct wire_arena *arena, struct wire_kv_hello *out_hello,
                         struct wire_error *error) MUST_CHECK;

/* ---- Get ----------------------------------------------------------------------------------- */

enum wire_consistency {
    WIRE_BARRIER = 0, /* Linearizable, behind a barrier in the log. */
    WIRE_SEQUENTIAL,  /* What the node has applied. */
    WIRE_QUORUM,      /* Linearizable, by asking a majority. */
};

struct wire_get {
    struct bytes key;
    enum wire_consistency consistency;
    uint64_t min_slot; /* Of a sequential read: the answer is at least that new. */
};

int wire_encode_get(const struct wire_get *g, struct buf *out) MUST_CHECK;
int wire_decode_get(struct bytes in, struct wire_arena *arena, struct wire_get *out_get,
                    struct wire_error *error) MUST_CHECK;

struct wire_get_answer {
    uint64_t slot;     /* Applied when the key was read. */
    uint64_t revision; /* The store's, then. */
    uint32_t node;
    bool found;         /* What follows says something only if it was. */
    struct bytes value; /* Borrowed when encoding. */
    uint64_t create_revision;
    uint64_t mod_revision;
    uint64_t version;
};

int wire_encode_get_answer(const struct wire_get_answer *a, struct buf *out) MUST_CHECK;
int wire_decode_get_answer(struct bytes in, struct wire_arena *arena,
                           struct wire_get_answer *out_answer, struct wire_error *error) MUST_CHECK;

/* ---- Put, Append, Delete, CompareAndSet ---------------------------------------------------- */

/* The method that carries this kind of command. Static. */
const char *wire_write_method(enum command_kind kind);

int wire_encode_write(const struct command *c, struct buf *out) MUST_CHECK;
int wire_decode_write(enum command_kind kind, struct bytes in, struct wire_arena *arena,
                      struct command *out_command, struct wire_error *error) MUST_CHECK;

struct wire_write_answer {
    uint64_t slot;     /* Where it was first applied. */
    uint64_t revision; /* The store's, after it. */
    uint32_t node;
    bool applied;
    bool found;
    bool duplicate;
    bool omitted;
    bool has_previous;
    bool has_output;
    struct bytes previous; /* Borrowed when encoding, as output. */
    struct bytes output;
};

/* The answer to a command whose code is OK. Borrows from r. */
struct wire_write_answer wire_write_answer_of(const struct result *r, uint32_t node);

int wire_encode_write_answer(const struct wire_write_answer *a, struct buf *out) MUST_CHECK;
int wire_decode_write_answer(struct bytes in, struct wire_arena *arena,
                             struct wire_write_answer *out_answer,
                             struct wire_error *error) MUST_CHECK;

#endif
