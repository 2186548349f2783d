/*
 * batch_wire.h -- KV.Batch as bytes: operations and answers, many in one message.
 *
 * A message is a wire_list on its way out. On its way in it is walked element by element; each
 * operation and each answer in it is, in bytes, what the call of its own would carry, so that
 * kv_wire.h makes it and takes it apart: one bad operation spoils none of the others.
 *
 * Order: any. Several answers may bear a number that their operation does not know any more, and
 * are to be dropped.
 */
#ifndef DKV_WIRE_BATCH_WIRE_H
#define DKV_WIRE_BATCH_WIRE_H

#include <stdbool.h>
#include <stdint.h>

#include "kv/command.h"
#include "wire/kv_wire.h"
#include "wire/wire.h"

#define WIRE_KV_BATCH "/dkv.v1.KV/Batch"

#define WIRE_BATCH_OPS_MAX 1024      /* In one message. */
#define WIRE_BATCH_TEXT_SIZE_MAX 511 /* Of an error's message. */
#define WIRE_BATCH_REASON_SIZE_MAX 63

/* ---- Operations ---------------------------------------------------------------------------- */

/*
 * Append one; timeout_ms 0: none. ERR_FULL: WIRE_BATCH_OPS_MAX or the bounds of a wire_list are
 * reached, and the list is as it was; the first one always fits.
 */
int wire_batch_add_get(struct wire_list *list, uint64_t number, uint32_t timeout_ms,
                       const struct wire_get *get) MUST_CHECK;
int wire_batch_add_write(struct wire_list *list, uint64_t number, uint32_t timeout_ms,
                         const struct command *c) MUST_CHECK;

/*
 * Say that nothing else will be sent on the stream before what is in the list was answered. Last.
 * ERR_NO_MEMORY: it was not said, which costs time only.
 */
int wire_batch_add_alone(struct wire_list *list) MUST_CHECK;

struct wire_batch_op {
    uint64_t number;
    uint32_t timeout_ms; /* 0: none. */
    bool is_known;       /* Else an operation of a newer client, and the next three mean nothing. */
    bool is_get;
    enum command_kind kind; /* Of a write. */
    struct bytes body;      /* For wire_decode_get or wire_decode_write. Borrowed from the input. */
};

/* What a message says as a whole. */
struct wire_batch_head {
    uint32_t count; /* Of its operations. */
    bool alone;     /* Its client sends no more before these are answered. */
};

/* Walk a whole message before anything is done with it: its bounds, and its head. */
int wire_batch_begin(struct bytes in, struct wire_batch_head *out_head,
                     struct wire_error *error) MUST_CHECK;

/* Take the next operation off *rest. ERR_NOT_FOUND: there is no more. */
int wire_batch_next_op(struct bytes *rest, struct wire_batch_op *out_op,
                       struct wire_error *error) MUST_CHECK;

/* ---- Answers ------------------------------------------------------------------------------- */

/* How an operation failed, as a call of its own would have. Texts are borrowed. */
struct wire_batch_error {
    uint32_t code;      /* 1 to 16. */
    const char *text;   /* NULL: none. */
    const char *reason; /* NULL: none. */
    uint32_t retry_after_ms;
};

/* Append one. ERR_FULL as above. */
int wire_batch_add_get_answer(struct wire_list *list, uint64_t number,
                              const struct wire_get_answer *a) MUST_CHECK;
int wire_batch_add_write_answer(struct wire_list *list, uint64_t number,
                                const struct wire_write_answer *a) MUST_CHECK;
int wire_batch_add_error(struct wire_list *list, uint64_t number,
                         const struct wire_batch_error *e) MUST_CHECK;

struct wire_batch_answer {
    uint64_t number;
    bool is_get;
    struct bytes body; /* code 0: for wire_decode_get_answer or wire_decode_write_answer. */
    uint32_t code;
    char text[WIRE_BATCH_TEXT_SIZE_MAX + 1]; /* Of an error; "" otherwise, as reason. */
    char reason[WIRE_BATCH_REASON_SIZE_MAX + 1];
    uint32_t retry_after_ms;
};

/* Take the next answer off *rest. ERR_NOT_FOUND: there is no more. */
int wire_batch_next_answer(struct bytes *rest, struct wire_batch_answer *out_answer,
                           struct wire_error *error) MUST_CHECK;

#endif
