/*
 * heap.h -- a binary heap of deadlines that live inside their owners.
 *
 * The earliest comes first; equal keys come in no promised order, so nothing whose order shows may
 * depend on it.
 */
#ifndef DKV_BASE_HEAP_H
#define DKV_BASE_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define HEAP_NOWHERE SIZE_MAX

struct heap_node {
    uint64_t key;
    size_t index; /* Where it is in the heap, or HEAP_NOWHERE. */
};

/* All zero is an empty one. */
struct heap {
    struct heap_node **nodes;
    size_t count;
    size_t capacity;
};

/* A node that is in no heap. */
void heap_node_init(struct heap_node *node);

/* Add a node that is in no heap. ERR_NO_MEMORY: nothing changed. */
int heap_push(struct heap *h, struct heap_node *node, uint64_t key) MUST_CHECK;

/* The node with the lowest key, or NULL. */
struct heap_node *heap_min(const struct heap *h);

/* Take a node out; harmless when it is in no heap. */
void heap_remove(struct heap *h, struct heap_node *node);

/* Free the heap's own memory; the nodes are their owners'. */
void heap_fini(struct heap *h);

#endif
