/*
 * hash.h -- 64-bit XXH3: checksums of records, fingerprints, hash tables.
 *
 * Not for secrets: it finds accidents, not attackers.
 */
#ifndef DKV_BASE_HASH_H
#define DKV_BASE_HASH_H

#include <stdint.h>

#include "base/bytes.h"

/* The same on every machine and in every version of dkv: it is written to disk. */
uint64_t hash64(struct bytes b, uint64_t seed);

#endif
