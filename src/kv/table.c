/* table.c -- see table.h. */
#include "kv/table.h"

#include <assert.h>

#include "base/hash.h"
#include "base/pool.h"

#define BUCKETS_MIN 16

static struct table_node **bucket_of(const struct table *t, uint64_t hash)
{
    assert(t->buckets_count > 0);
    return &t->buckets[hash & (t->buckets_count - 1)];
}

struct table_node *table_find(const struct table *t, struct bytes name)
{
    if (t->count == 0)
        return NULL;
    uint64_t hash = hash64(name, t->seed);
    struct table_node *node = *bucket_of(t, hash);
    while (node != NULL && (node->hash != hash || !bytes_equal(node->name, name)))
        node = node->next;
    return node;
}

static void link_node(struct table *t, struct table_node *node)
{
    struct table_node **bucket = bucket_of(t, node->hash);
    node->next = *bucket;
    *bucket = node;
}

static void buckets_free(const struct table *t)
{
    pool_free(t->buckets, t->buckets_count * sizeof(struct table_node *));
}

int table_reserve(struct table *t)
{
    if (t->count < t->buckets_count)
        return 0;
    size_t wanted = t->buckets_count == 0 ? BUCKETS_MIN : t->buckets_count * 2;
    struct table_node **buckets = pool_alloc_zero(wanted * sizeof(struct table_node *));
    if (buckets == NULL)
        return ERR_NO_MEMORY;
    struct table grown = {
        .buckets = buckets, .buckets_count = wanted, .count = t->count, .seed = t->seed};
    for (size_t i = 0; i < t->buckets_count; i++) {
        struct table_node *node = t->buckets[i];
        while (node != NULL) {
            struct table_node *next = node->next;
            link_node(&grown, node);
            node = next;
        }
    }
    buckets_free(t);
    *t = grown;
    return 0;
}

void table_add(struct table *t, struct table_node *node, struct bytes name)
{
    assert(t->count < t->buckets_count);
    *node = (struct table_node){.hash = hash64(name, t->seed), .name = name};
    link_node(t, node);
    t->count++;
}

void table_remove(struct table *t, struct table_node *node)
{
    struct table_node **at = bucket_of(t, node->hash);
    while (*at != node) {
        assert(*at != NULL);
        at = &(*at)->next;
    }
    *at = node->next;
    node->next = NULL;
    t->count--;
}

struct table_node *table_any(const struct table *t)
{
    for (size_t i = 0; i < t->buckets_count; i++)
        if (t->buckets[i] != NULL)
            return t->buckets[i];
    return NULL;
}

void table_fini(struct table *t)
{
    buckets_free(t);
    *t = (struct table){.seed = t->seed};
}
