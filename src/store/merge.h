/*
 * merge.h -- from the journal into the tables of the acceptor.
 *
 * Private to store/. What was committed is moved into LMDB a part at a time, off the critical path:
 * sorted, so that each page is touched once and new slots are appended; and of several records
 * under one key only the last is written. Every part is a transaction with a sync of its own,
 * together with the position that it reaches (META's record `journal`): after a crash the journal
 * is read from there.
 */
#ifndef DKV_STORE_MERGE_H
#define DKV_STORE_MERGE_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"
#include "store/env.h"
#include "store/journal.h"

struct merge_record {
    enum record_table table;
    struct bytes key; /* In the journal's file, both. */
    struct bytes value;
};

/* All zero is ready to use. Keeps its memory from one part to the next. */
struct merge {
    struct merge_record *records; /* In the order in which they were committed. */
    size_t count;
    size_t capacity;
    struct merge_record **sorted;
    size_t sorted_capacity;
    struct buf key;
    struct buf value;
};

void merge_fini(struct merge *m);

/*
 * Merge frames of about bytes_max bytes, at least one if there is any that is synced.
 * *out_chosen_to is the highest DURABLE_CHOSEN_TO among them, untouched without one; good once this
 * returned 0. ERR_CORRUPT: the journal is not what was written. ERR_NO_MEMORY, ERR_FULL, ERR_IO.
 */
int merge_part(struct merge *m, struct env *env, struct journal *j, uint64_t bytes_max,
               uint64_t *out_chosen_to, struct store_error *error) MUST_CHECK;

#endif
