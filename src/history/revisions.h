/*
 * revisions.h -- do the revisions and slots that clients were told hold together?
 *
 * The store's revision grows by one with each applied command that changes something, in the order
 * of the log. So, over all keys, of the writes that were answered OK and changed something:
 *
 *  - no two have the same revision;
 *  - one that returned before another was called has the lower revision,
 *    and the lower slot: a command first proposed after an answer is chosen above it;
 *  - a higher revision never stands in a lower slot.
 *
 * This checks what the linearizability of single keys does not see, and needs no search. Only what
 * was told is checked; a delete counts if its answer carried found, and a write that was told
 * no revision is left out. A get's revision and slot are not looked at.
 */
#ifndef DKV_HISTORY_REVISIONS_H
#define DKV_HISTORY_REVISIONS_H

#include <stddef.h>

#include "base/err.h"
#include "history/history.h"

enum revisions_fault {
    REVISIONS_FINE = 0,
    REVISIONS_SHARED,         /* Both have the same revision. */
    REVISIONS_BACKWARD,       /* `first` has the lower revision, yet `second` returned before
                                 `first` was called. */
    REVISIONS_SLOTS_BACKWARD, /* `first` has the lower revision and the higher slot. */
    REVISIONS_SLOT_SHARED,    /* One slot, though `first` returned before `second` was called. */
};

struct revisions_report {
    enum revisions_fault fault;
    size_t first; /* Indices in the history. */
    size_t second;
};

/* The first fault in the order of revisions. ERR_NO_MEMORY. */
int revisions_check(const struct history *h, struct revisions_report *out_report) MUST_CHECK;

/* A few words for a person, never NULL. The string is static. */
const char *revisions_text(enum revisions_fault fault);

#endif
