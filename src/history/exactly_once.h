/*
 * exactly_once.h -- did every append take effect once, and none twice or without being asked?
 *
 * For keys that are only ever appended to, each append with a token of its own. The value at the
 * end must then be nothing but tokens, one behind the other: of each append that was answered OK
 * exactly one, of each unknown one at most one, of a failed one none.
 *
 * It is told apart from linearizability because it holds across retries: a write that is applied
 * twice, the second time after its answer, shows here even if nobody reads in between.
 */
#ifndef DKV_HISTORY_EXACTLY_ONCE_H
#define DKV_HISTORY_EXACTLY_ONCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"
#include "history/history.h"

enum exactly_once_fault {
    EXACTLY_ONCE_FINE = 0,
    EXACTLY_ONCE_LOST,    /* `op` was answered OK, and its token is not there. */
    EXACTLY_ONCE_TWICE,   /* The token of `op` is there again at `offset`. */
    EXACTLY_ONCE_FAILED,  /* The token of `op`, which failed, is there at `offset`. */
    EXACTLY_ONCE_FOREIGN, /* What is at `offset` is no token of this key. */
};

struct exactly_once_report {
    enum exactly_once_fault fault;
    size_t op;     /* Index in the history. */
    size_t offset; /* In the value. */
};

/*
 * Check one key against the value it has once all is over; `value` is empty if there is none.
 * Reading it after the last operation is the caller's business: whoever is unknown may still be on
 * its way, and its token may come later.
 *
 * ERR_INVALID: the history does not lend itself to it: the key has other writes than appends, or
 * a token is empty or the beginning of another one. ERR_NO_MEMORY.
 */
int exactly_once_check(const struct history *h, struct bytes key, struct bytes value,
                       struct exactly_once_report *out_report) MUST_CHECK;

/* A few words for a person, never NULL. The string is static. */
const char *exactly_once_text(enum exactly_once_fault fault);

#endif
