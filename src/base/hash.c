/* hash.c -- see hash.h. The library is used as a header, so that it brings no symbols along. */
#include "base/hash.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

uint64_t hash64(struct bytes b, uint64_t seed)
{
    return XXH3_64bits_withSeed(b.data == NULL ? (const uint8_t *)"" : b.data, b.size, seed);
}
