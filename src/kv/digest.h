/*
 * digest.h -- one hash over a few numbers: the canonical form of what the state hash counts.
 */
#ifndef DKV_KV_DIGEST_H
#define DKV_KV_DIGEST_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "base/be.h"
#include "base/bytes.h"
#include "base/hash.h"

#define DIGEST_NUMBERS_MAX 8

/* hash64 of the numbers as big-endian bytes: the same on every machine. */
static inline uint64_t digest_numbers(const uint64_t *numbers, size_t count, uint64_t seed)
{
    uint8_t raw[DIGEST_NUMBERS_MAX * 8];
    assert(count <= DIGEST_NUMBERS_MAX);
    for (size_t i = 0; i < count; i++)
        be64_store(raw + i * 8, numbers[i]);
    return hash64((struct bytes){.data = raw, .size = count * 8}, seed);
}

#endif
