/*
 * delays.h -- how long something has taken lately: the 99th percentile of the last 256 samples.
 */
#ifndef DKV_REPLICA_DELAYS_H
#define DKV_REPLICA_DELAYS_H

#include <stdint.h>

#define DELAYS_KEPT 256
#define DELAYS_NEEDED 32 /* Samples below which there is no talk of percentiles. */

struct delays {
    uint64_t guess_ns;
    uint64_t p99_ns; /* As of the last time it was worked out. */
    uint32_t count;  /* Of all samples, modulo nothing: saturates. */
    uint32_t next;
    uint64_t samples_ns[DELAYS_KEPT];
};

void delays_init(struct delays *d, uint64_t guess_ns);
void delays_add(struct delays *d, uint64_t sample_ns);

/*
 * Until DELAYS_NEEDED samples are known: the guess, or the longest of them if that is longer. (A
 * disk that is slow from the start must not look quick for its first 32 commits: whoever backs off
 * for less than a commit takes duels for slots, and none of them ends.) Worked out anew every 16
 * samples.
 */
uint64_t delays_p99(const struct delays *d);

/* The longest of the last few: how it goes now, also just after bad times. The guess before any. */
#define DELAYS_RECENT 4
uint64_t delays_recent(const struct delays *d);

#endif
