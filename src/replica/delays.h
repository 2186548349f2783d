/*
 * delays.h -- how long something has taken lately: the 99th percentile of the last 256 samples.
 */
#ifndef DKV_REPLICA_DELAYS_H
#define DKV_REPLICA_DELAYS_H

#include <stdint.h>

#define DELAYS_KEPT 256
#define DELAYS_NEEDED 32 /* Samples below which the guess is used. */

/* All zero with a guess has no samples. */
struct delays {
    uint64_t guess_ns;
    uint64_t p99_ns; /* As of the last time it was worked out; of no use before DELAYS_NEEDED. */
    uint32_t count;  /* Of all samples, modulo nothing: saturates. */
    uint32_t next;
    uint64_t samples_ns[DELAYS_KEPT];
};

void delays_init(struct delays *d, uint64_t guess_ns);
void delays_add(struct delays *d, uint64_t sample_ns);

/* The guess until DELAYS_NEEDED samples are known. Worked out anew every 16 samples. */
uint64_t delays_p99(const struct delays *d);

#endif
