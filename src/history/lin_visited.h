/*
 * lin_visited.h -- where a search for a linearization has been, so that it goes nowhere twice.
 *
 * A configuration is what decides how a search can go on: which operations stand already, and
 * the state. Of the operations that must stand somewhere (known) exactly the same ones must be
 * placed for two configurations to be alike; of those that may stand somewhere or nowhere it is
 * enough that the earlier visitor had used a part of the later one's: whatever the later could
 * do, the earlier could do as well.
 */
#ifndef DKV_HISTORY_LIN_VISITED_H
#define DKV_HISTORY_LIN_VISITED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/*
 * Borrowed for the call. Known operations are numbered by call: `first` is the lowest that does
 * not stand; `known` are bits from word first / 64 on; `open` are bits of the others, from 0 on.
 * Both end with a word that is not 0, if they have any: equal sets are equal words.
 */
struct lin_config {
    uint64_t state;
    uint32_t first;
    const uint64_t *known;
    size_t known_words;
    const uint64_t *open;
    size_t open_words;
};

/* All zero is an empty one. */
struct lin_visited {
    uint64_t *words; /* Entries one behind the other; word 0 belongs to none. */
    size_t size;
    size_t capacity;
    uint64_t *buckets;   /* Position in `words` of the first entry, or 0. */
    size_t bucket_count; /* A power of two, or 0. */
    size_t entry_count;
};

/*
 * Remember c, unless one was remembered that can do all that c can: *out_is_new tells.
 * *steps grows by the work done. ERR_FULL: it would take more than memory_max bytes.
 * ERR_NO_MEMORY. After an error it remembers what it did before.
 */
int lin_visited_add(struct lin_visited *v, const struct lin_config *c, size_t memory_max,
                    uint64_t *steps, bool *out_is_new) MUST_CHECK;

void lin_visited_fini(struct lin_visited *v);

#endif
