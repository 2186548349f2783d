/*
 * prng.h -- reproducible randomness: the same seed gives the same run.
 *
 * xoshiro256** by Blackman and Vigna, seeded through splitmix64. Not for secrets.
 */
#ifndef DKV_BASE_PRNG_H
#define DKV_BASE_PRNG_H

#include <stdbool.h>
#include <stdint.h>

struct prng {
    uint64_t state[4];
};

void prng_init(struct prng *p, uint64_t seed);

uint64_t prng_next(struct prng *p);

/* 0 .. bound-1, bound > 0. (The bias of the modulo is below 2^-32 for any bound used here.) */
uint64_t prng_below(struct prng *p, uint64_t bound);

/* low .. high, both included. */
uint64_t prng_between(struct prng *p, uint64_t low, uint64_t high);

/* True in `per_million` of a million cases. */
bool prng_chance(struct prng *p, uint32_t per_million);

#endif
