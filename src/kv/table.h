/*
 * table.h -- a hash table of things that have a name, its links inside the things.
 *
 * Chained; a thing never moves. The seed decides the order in the buckets and nothing else may: no
 * result and no hash of the state machine depends on it, which the simulator checks by giving
 * every node another one.
 */
#ifndef DKV_KV_TABLE_H
#define DKV_KV_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"

struct table_node {
    struct table_node *next;
    uint64_t hash;
    struct bytes name; /* Borrowed from the thing, for as long as it is in the table. */
};

/* All zero is an empty one, with seed 0. */
struct table {
    struct table_node **buckets; /* A power of two of them, or none. */
    size_t buckets_count;
    size_t count;
    uint64_t seed; /* To be set while the table is empty. */
};

/* Borrowed, or NULL. */
struct table_node *table_find(const struct table *t, struct bytes name);

/* Room for one more. ERR_NO_MEMORY: nothing changed. */
int table_reserve(struct table *t) MUST_CHECK;

/* Add a node whose name is not in the table, after a table_reserve. */
void table_add(struct table *t, struct table_node *node, struct bytes name);

/* Take out a node that is in the table. */
void table_remove(struct table *t, struct table_node *node);

/* Some node, or NULL: for whoever wants a bug whose effect depends on the seed. */
struct table_node *table_any(const struct table *t);

/* Forget all nodes, which are their owners', and free the buckets. */
void table_fini(struct table *t);

#endif
