/*
 * linearizable.h -- could one copy of the data, asked by one client at a time, have given these
 * answers?
 *
 * A history is linearizable if every operation that was answered, and any of those that may have
 * happened (outcome unknown), can be put in one order in which each gets the answer that it was
 * told, and in which none stands behind another that was called after it had returned. Keys are
 * independent of each other, so each is checked on its own (Herlihy and Wing, "Linearizability",
 * 1990, theorem 1). All keys are absent at the beginning.
 *
 * Revisions make it both stricter and quicker. The store computes them as it applies writes, so
 * the writes of a key happened in their order, and an order that denies it explains nothing: that
 * is a verdict of its own, a failure like NO. Answers without revisions are free to stand anywhere.
 *
 * The problem is NP-complete; lin_search.h says why it is quick all the same, and a budget bounds
 * the time and memory of what is not.
 *
 * Pure; any thread. Memory: linear in the history, and up to the budget.
 */
#ifndef DKV_HISTORY_LINEARIZABLE_H
#define DKV_HISTORY_LINEARIZABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"
#include "history/history.h"

/* Of each search; a key takes one or two, one that fails some twenty. */
struct linearizable_budget {
    uint64_t steps_max; /* Operations tried at a place. Ten million take about a second. */
    size_t memory_max;  /* Bytes of configurations remembered. */
};

/* 50 million steps, 512 MiB. */
extern const struct linearizable_budget linearizable_budget_default;

#define LINEARIZABLE_NOBODY SIZE_MAX

enum linearizable_verdict {
    LINEARIZABLE_YES = 0,
    LINEARIZABLE_NO,
    LINEARIZABLE_AGAINST_REVISIONS, /* Not in the order of the revisions that were told; in another
                                       one, or the budget was not enough to tell. */
    LINEARIZABLE_UNDECIDED,         /* The budget was not enough. */
};

/*
 * The verdict is the gravest of all keys, in the order NO, AGAINST_REVISIONS, UNDECIDED, YES. What
 * stands below `steps` is about the first such key in the order of keys. With NO and
 * AGAINST_REVISIONS: what returned before `op` can be explained, together with op's answer it
 * cannot. (The earliest such op, unless the budget hides an earlier one.)
 */
struct linearizable_report {
    enum linearizable_verdict verdict;
    size_t keys;      /* Seen in the history. */
    uint64_t steps;   /* Taken in all. */
    struct bytes key; /* Borrowed from the history. */
    size_t op;        /* Its index in the history. */
    size_t explained; /* How many answers on this key came before it. */
    size_t writer;    /* In one order that explains those, the last that wrote; or
                         LINEARIZABLE_NOBODY, also when the budget did not give such an order. */
};

/* ERR_NO_MEMORY. */
int linearizable_check(const struct history *h, const struct linearizable_budget *budget,
                       struct linearizable_report *out_report) MUST_CHECK;

/*
 * The same question to the naive twin, written to be obviously right: every order is tried, by
 * definition and by recursion, over all keys together. For a handful of operations (at most 16),
 * to test linearizable_check against. Never UNDECIDED. ERR_NO_MEMORY.
 */
int linearizable_naive(const struct history *h, enum linearizable_verdict *out_verdict) MUST_CHECK;

#endif
