/*
 * random_ops.h -- random commands of a few clients on a few keys: repeats, reorderings, late
 * floors, old borns and changed payloads among them.
 */
#ifndef DKV_UNIT_RANDOM_OPS_H
#define DKV_UNIT_RANDOM_OPS_H

#include "base/bytes.h"
#include "base/prng.h"
#include "kv/command.h"

/* What makes evictions, omissions and full windows common. */
extern const struct machine_limits random_limits;

#define RANDOM_BATCH_MAX 4

struct random_batch {
    struct command commands[RANDOM_BATCH_MAX];
    uint32_t count;
    struct buf bytes;                      /* Encoded. */
    uint8_t text[RANDOM_BATCH_MAX][3][32]; /* Behind the commands. */
};

/* The next batch, for the slot after `applied`. b is to be all zero, or filled by this. */
void random_batch(struct prng *p, uint64_t applied, struct random_batch *b);

#endif
