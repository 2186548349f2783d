/*
 * history_sort.h -- put numbers of things in order, stably and without libc.
 *
 * Merge sort from the bottom up: O(n log n) always, whatever order a history comes in.
 */
#ifndef DKV_HISTORY_HISTORY_SORT_H
#define DKV_HISTORY_HISTORY_SORT_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* Order of the things numbered a and b: < 0, 0, > 0. */
typedef int history_sort_cmp(const void *context, uint32_t a, uint32_t b);

/* Sort `count` numbers. Equal ones keep their order. ERR_NO_MEMORY: they are as they were. */
int history_sort(uint32_t *numbers, size_t count, history_sort_cmp *cmp,
                 const void *context) MUST_CHECK;

/* < 0, 0, > 0: the order of two numbers. */
static inline int history_sort_u64(uint64_t a, uint64_t b)
{
    return (a > b) - (a < b);
}

#endif
