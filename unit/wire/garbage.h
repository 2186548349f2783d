/*
 * garbage.h -- bytes that nobody sent: random ones, and valid messages with a few bits wrong.
 *
 * Nothing crashes (this runs under the sanitizers), and whatever a decoder lets through keeps the
 * rules and, encoded again, is decoded to the same.
 */
#ifndef DKV_UNIT_WIRE_GARBAGE_H
#define DKV_UNIT_WIRE_GARBAGE_H

#include "samples.h"

struct decoder {
    const char *name;
    uint64_t seed; /* Of its inputs. */
    /* Append a valid message; which of them, `choice` says. */
    void (*sample)(struct buf *out, uint64_t choice);
    /* 0: it was let through, was checked, and is in *again once more; else ERR_INVALID. */
    int (*decode)(struct bytes in, struct wire_arena *arena, struct buf *again);
};

/* Garbage for each of them; ends the test at what is wrong. */
void garbage_check(const struct decoder *decoders, size_t count);

/* What must be encoded is. */
static inline void add(int err)
{
    assert_int_equal(err, 0);
}

#endif
