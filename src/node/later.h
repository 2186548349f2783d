/*
 * later.h -- what a fault rule delays waits here until it is due.
 *
 * Bounded, as everything is: what does not fit is lost, which every rule of the protocol tolerates.
 * The loop's.
 */
#ifndef DKV_NODE_LATER_H
#define DKV_NODE_LATER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/heap.h"

#define LATER_BYTES_MAX (UINT64_C(64) << 20)
#define LATER_ITEMS_MAX 65536

/* Inside whatever waits. */
struct later_item {
    struct heap_node node;
    uint64_t size; /* Bytes that it keeps waiting. */
    /* It is due, or (lost) everything ends: free it either way. */
    void (*run)(struct later_item *item, void *owner, bool lost);
};

/* All zero is an empty one. */
struct later {
    struct heap heap;
    uint64_t bytes;
};

/* ERR_FULL: a bound is reached; ERR_NO_MEMORY. In both cases the item stays the caller's. */
int later_add(struct later *l, struct later_item *item, uint64_t due_ns) MUST_CHECK;

/* Run all that is due, the earliest first. */
void later_run(struct later *l, uint64_t now_ns, void *owner);

/* When the next one is due; UINT64_MAX: there is none. */
uint64_t later_next_ns(const struct later *l);

/* Lose what is left, and free the memory. */
void later_fini(struct later *l, void *owner);

#endif
