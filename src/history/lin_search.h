/*
 * lin_search.h -- is there an order in which the operations on one key can have happened?
 *
 * Wing and Gong, "Testing and Verifying Concurrent Objects" (1993): place one operation after the
 * other, only ever one that was called before any that is not yet placed had returned; go back
 * when stuck. Lowe, "Testing for Linearizability" (2017), made it fast: calls and returns in one
 * linked list from which placed operations are lifted, and no configuration explored twice
 * (lin_visited.h). On top of that, four observations, each of which loses no answer:
 *
 *  - What reads and fits is placed at once, with no alternative: it stands nowhere better.
 *  - Operations that may have happened or not are tried last, those that are alike in the order
 *    of their calls, and never two in a row where the second alone would do.
 *  - A value that is still to be found by someone is not replaced while nobody is left to make
 *    it again.
 *  - Revisions, where told, say which order to try first; and, if they are to be believed, the
 *    only one. Then little is left to search.
 *
 * Needs an amount of memory linear in the operations, and what it remembers: at most memory_max.
 */
#ifndef DKV_HISTORY_LIN_SEARCH_H
#define DKV_HISTORY_LIN_SEARCH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "history/lin_model.h"
#include "history/linearizable.h"

/* Operations of one key, each list in the order of calls. Borrowed for the call. */
struct lin_problem {
    const struct lin_model *model;
    const struct lin_op *known; /* Happened, as told. */
    uint32_t known_count;
    const struct lin_op *open; /* May happen after their calls. No GET among them. */
    uint32_t open_count;
    bool believe_revisions; /* Those that tell a revision stand in the order of revisions. */
};

/*
 * out_writer, when YES, is the number in the history of the last in the order found that does not
 * just read, or LINEARIZABLE_NOBODY; as otherwise. *steps grows by the work done.
 * UNDECIDED: the budget was not enough. ERR_NO_MEMORY.
 */
int lin_search(const struct lin_problem *problem, const struct linearizable_budget *budget,
               uint64_t *steps, enum linearizable_verdict *out_verdict,
               size_t *out_writer) MUST_CHECK;

#endif
