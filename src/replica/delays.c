/* delays.c -- see delays.h. */
#include "replica/delays.h"

#include <string.h>

void delays_init(struct delays *d, uint64_t guess_ns)
{
    memset(d, 0, sizeof(*d));
    d->guess_ns = guess_ns;
    d->p99_ns = guess_ns;
}

/* The value that one sample in a hundred passes: at most three of 256 are above it. */
static uint64_t delays_work_out(const struct delays *d)
{
    uint32_t known = d->count < DELAYS_KEPT ? d->count : DELAYS_KEPT;
    uint64_t top[3] = {0}; /* The three highest, descending. */
    for (uint32_t i = 0; i < known; i++) {
        uint64_t sample = d->samples_ns[i];
        for (int rank = 0; rank < 3; rank++) {
            if (sample > top[rank]) {
                uint64_t lower = top[rank];
                top[rank] = sample;
                sample = lower;
            }
        }
    }
    return top[known / 100];
}

void delays_add(struct delays *d, uint64_t sample_ns)
{
    d->samples_ns[d->next] = sample_ns;
    d->next = (d->next + 1) % DELAYS_KEPT;
    if (d->count < UINT32_MAX)
        d->count++;
    if (d->count < DELAYS_NEEDED)
        d->p99_ns = sample_ns > d->p99_ns ? sample_ns : d->p99_ns;
    else if (d->count == DELAYS_NEEDED || d->next % 16 == 0)
        d->p99_ns = delays_work_out(d);
}

uint64_t delays_p99(const struct delays *d)
{
    return d->p99_ns;
}

uint64_t delays_recent(const struct delays *d)
{
    uint64_t longest = 0;
    for (uint32_t i = 0; i < DELAYS_RECENT && i < d->count; i++) {
        uint64_t sample = d->samples_ns[(d->next + DELAYS_KEPT - 1 - i) % DELAYS_KEPT];
        longest = sample > longest ? sample : longest;
    }
    return d->count == 0 ? d->guess_ns : longest;
}
