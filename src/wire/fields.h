/*
 * fields.h -- protobuf by hand, for what a node spends its time on. Of wire/ only.
 *
 * A message whose fields are numbers, below 32, and at most one run of bytes is read in one pass
 * into an array that has a place for each number; nothing is allocated. What is written are the
 * very bytes that protobuf-c writes: fields ascending, zeros left out.
 */
#ifndef DKV_WIRE_FIELDS_H
#define DKV_WIRE_FIELDS_H

#include <stdbool.h>
#include <string.h>

#include "wire/wire.h"

#define VARINT_SIZE_MAX 10
#define FIELDS_MAX 32 /* Numbers of fields are below this. */

enum field_type {
    FIELD_VARINT = 0,
    FIELD_FIXED64 = 1,
    FIELD_BYTES = 2,
    FIELD_FIXED32 = 5,
};

/* A set of fields, one bit for each number. */
#define FIELD(number) (UINT32_C(1) << (number))

/* ---- Reading ------------------------------------------------------------------------------- */

/* What a message may have. Other fields are passed over: a later version knows them. */
struct fields_shape {
    uint32_t numbers;
    uint32_t bytes;    /* Singular. A message has one of these, at most. */
    uint32_t repeated; /* Also runs of bytes. */
};

struct fields {
    uint64_t numbers[FIELDS_MAX]; /* 0 if it is absent. */
    uint32_t has;       /* Which are there: numbers if they are not 0, bytes also when empty. */
    uint32_t repeated;  /* How often a repeated field is there. */
    struct bytes bytes; /* Of the last singular one; borrowed from what was read. */
};

/* ERR_INVALID: not well-formed, or a field is of another type. */
int fields_take(struct bytes in, const struct fields_shape *shape, struct fields *out_fields,
                struct wire_error *error) MUST_CHECK;

int varint_take_long(struct bytes *in, uint64_t *out) MUST_CHECK;

/* Take one off *in. ERR_INVALID: it does not end, or not in time. */
static inline int varint_take(struct bytes *in, uint64_t *out)
{
    if (in->size > 0 && in->data[0] < 0x80) {
        *out = in->data[0];
        in->data++;
        in->size--;
        return 0;
    }
    return varint_take_long(in, out);
}

/* ---- Writing: at `at`, where there is room; the result is the end of what was written ------- */

static inline uint8_t *varint_put(uint8_t *at, uint64_t v)
{
    while (v >= 0x80) {
        *at++ = (uint8_t)(v | 0x80);
        v >>= 7;
    }
    *at++ = (uint8_t)v;
    return at;
}

static inline size_t varint_size(uint64_t v)
{
    size_t size = 1;
    while (v >= 0x80) {
        v >>= 7;
        size++;
    }
    return size;
}

/* At most 2 + VARINT_SIZE_MAX bytes; none when v is 0. */
static inline uint8_t *field_put(uint8_t *at, uint32_t number, uint64_t v)
{
    if (v == 0)
        return at;
    return varint_put(varint_put(at, number << 3 | FIELD_VARINT), v);
}

/* The size of a field that is a run of `size` bytes, and such a field's bytes. */
static inline size_t field_bytes_size(uint32_t number, size_t size)
{
    return varint_size(number << 3) + varint_size(size) + size;
}

static inline uint8_t *field_bytes_put_head(uint8_t *at, uint32_t number, size_t size)
{
    return varint_put(varint_put(at, number << 3 | FIELD_BYTES), size);
}

static inline uint8_t *field_bytes_put(uint8_t *at, uint32_t number, struct bytes b)
{
    at = field_bytes_put_head(at, number, b.size);
    if (b.size > 0)
        memcpy(at, b.data, b.size);
    return at + b.size;
}

#endif
