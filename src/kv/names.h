/*
 * names.h -- a set of byte strings: what went away since the last checkpoint.
 */
#ifndef DKV_KV_NAMES_H
#define DKV_KV_NAMES_H

#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/list.h"
#include "kv/table.h"

struct name {
    struct table_node node;
    struct list link;
    uint32_t size;
    uint8_t data[];
};

struct names {
    struct table table;
    struct list all; /* In the order in which they were added. */
    uint64_t bytes;  /* Sum of their sizes. */
};

void names_init(struct names *n);

/* Forget all, free all. n is empty and usable afterwards. */
void names_clear(struct names *n);

/* Copies a name that is not in the set. ERR_NO_MEMORY: nothing changed. */
int names_add(struct names *n, struct bytes name) MUST_CHECK;

/* Take a name out, if it is there. */
void names_drop(struct names *n, struct bytes name);

/* Borrowed from the name. */
struct bytes name_bytes(const struct name *name);

#endif
