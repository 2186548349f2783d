/*
 * map.h -- entries in the order of their keys.
 *
 * A B-tree after Cormen et al., "Introduction to Algorithms", chapter 18: nodes that are full are
 * split, and nodes that are at their minimum are filled, on the way down, so that nothing ever
 * climbs back. Entries sit in inner nodes too: there are no separator keys to keep alive.
 *
 * The map holds one reference of each entry. Not thread-safe.
 */
#ifndef DKV_KV_MAP_H
#define DKV_KV_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"
#include "kv/entry.h"

struct map_node;

/* All zero is an empty one. */
struct map {
    struct map_node *root;
    uint64_t count;
};

/* Drop all entries and free all nodes. m is empty and usable afterwards. */
void map_fini(struct map *m);

/*
 * Where the entry of this key is kept, or NULL: good until the next insert or remove. Whoever
 * puts another entry of the same key there moves the references.
 */
struct entry **map_find(const struct map *m, struct bytes key);

/* Add e, whose key is not in the map, and take over its reference. ERR_NO_MEMORY: e is not in. */
int map_insert(struct map *m, struct entry *e) MUST_CHECK;

/* Take out the entry of a key; its reference is the caller's. NULL: there is none. */
struct entry *map_remove(struct map *m, struct bytes key);

/* The first entry whose key is >= key, or NULL. Borrowed. */
struct entry *map_seek(const struct map *m, struct bytes key);

/* Walk all of it: order, sizes, depth and count are as they must be. For tests. */
bool map_is_valid(const struct map *m);

#endif
