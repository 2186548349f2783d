/*
 * value.h -- what a slot can hold: a batch of commands, a read barrier, or nothing at all.
 *
 * Agreement does not look inside: a value is opaque bytes with a tag. Tags make values comparable
 * without comparing bytes, and tell a proposer whether what was chosen is its own: every batch
 * and every barrier has a tag that nothing else ever has; all NOOPs are one and the same value.
 *
 * Values are immutable and counted. The count is atomic, so that a thread that sends or writes a
 * value may hold it while the loop goes on.
 */
#ifndef DKV_PAXOS_VALUE_H
#define DKV_PAXOS_VALUE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"

/* A value's bytes: one op of the largest size, or one batch. */
#define VALUE_BYTES_MAX ((size_t)3 << 19)

enum value_kind {
    VALUE_NOOP = 1,    /* Nothing; fills a hole. No tag, no bytes. */
    VALUE_BARRIER = 2, /* Nothing, but somebody reads once it is applied. No bytes. */
    VALUE_BATCH = 3,   /* One or more commands. */
};

/* All zero is "none", the tag of NOOP. */
struct tag {
    uint32_t node;
    uint64_t boot;
    uint64_t sequence; /* > 0; never twice in one boot of one node. */
};

struct value {
    atomic_uint refs;
    enum value_kind kind;
    struct tag tag;
    size_t size;
    uint8_t data[];
};

bool tag_equal(struct tag a, struct tag b);
bool tag_is_none(struct tag t);

/*
 * A value with one reference, the caller's. The bytes are copied.
 * ERR_NO_MEMORY. kind is BARRIER or BATCH; bytes.size <= VALUE_BYTES_MAX.
 */
int value_new(enum value_kind kind, struct tag tag, struct bytes bytes,
              struct value **out_value) MUST_CHECK;

/* The same, of so many bytes, which the caller writes to data before anybody else sees it. */
int value_new_unwritten(enum value_kind kind, struct tag tag, size_t size,
                        struct value **out_value) MUST_CHECK;

/* The one NOOP. Counting it is allowed and does nothing. */
struct value *value_noop(void);

/* One more reference; returns v. NULL gives NULL. */
struct value *value_ref(struct value *v);

/* One reference less; the last one frees. NULL is fine. */
void value_unref(struct value *v);

/* The content, borrowed from v. */
struct bytes value_bytes(const struct value *v);

/* The same value: both NOOP, or the same tag. */
bool value_equal(const struct value *a, const struct value *b);

#endif
