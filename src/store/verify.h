/*
 * verify.h -- is every record in a data directory what was written? `dkv-node --verify DIR`.
 *
 * Changes nothing. The node must not be running. Beyond each record by itself: every slot up to
 * chosen_to has a value, what is in the journal was all written so, the counts of the checkpoint
 * are those of its tables (of one that was cut off: once it is undone), and both halves of the
 * directory are one node's.
 *
 * Damage to the pages of LMDB itself, which have no checksums, shows as an error of LMDB's, as
 * records that are missing, or may even end the process; never as a good report.
 */
#ifndef DKV_STORE_VERIFY_H
#define DKV_STORE_VERIFY_H

#include <stdint.h>

#include "base/err.h"
#include "record/record.h"
#include "store/store_error.h"

struct store_verify_report {
    uint64_t records[RECORD_TABLES + 1]; /* Found, good or bad, by enum record_table. */
    uint64_t journal_records;            /* Of the acceptor's journal: committed, not merged. */
    uint64_t bad;                        /* Lines given to on_bad. */
};

/*
 * on_bad gets one line (borrowed, no newline) for each thing that is wrong. The result is 0 also
 * when there is: look at out_report->bad. ERR_BUSY: a node is running on dir. ERR_NOT_FOUND: dir is
 * no data directory. ERR_IO, ERR_NO_MEMORY, ERR_INVALID.
 */
int store_verify(const char *dir, void (*on_bad)(void *context, const char *line), void *context,
                 struct store_verify_report *out_report, struct store_error *error) MUST_CHECK;

#endif
