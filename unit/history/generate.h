/*
 * generate.h -- histories that are linearizable because they were made that way: clients talk to
 * one copy of the data, and each operation takes effect at one instant between call and return.
 */
#ifndef DKV_UNIT_HISTORY_GENERATE_H
#define DKV_UNIT_HISTORY_GENERATE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/prng.h"
#include "history/history.h"

struct generate {
    uint32_t clients;
    uint32_t keys;
    uint32_t ops;
    uint32_t unknown_per_million; /* No answer; half of them take effect, some of those late. */
    uint32_t fail_per_million;
    uint32_t told_per_million; /* Writes whose answers carry found and output. */
    uint32_t get_per_million;
    uint32_t append_per_million; /* Of the writes; the rest are puts, deletes and cas. */
    bool unique;                 /* Each write its own value; else they are often the same. */
    bool revisions;
    bool coarse_clock; /* Many events happen at the same time. */
};

/* Asserts that there is memory. */
void generate_history(struct history *h, const struct generate *g, struct prng *prng);

/* One operation, already over; answer fields as given. For histories written by hand. */
struct history_op generate_op(enum history_kind kind, const char *key, const char *value,
                              uint64_t call_ns, uint64_t return_ns);

#endif
