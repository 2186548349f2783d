/* keys.c -- see keys.h. */
#include "kv/keys.h"

#include <assert.h>

#include "base/pool.h"

/* Per key: its place in the tree, and what the allocator takes. */
#define ENTRY_OVERHEAD 32
/* Per key in a checkpoint: the revisions, a record's header. */
#define RECORD_OVERHEAD 48

static uint64_t entry_bytes(const struct entry *e)
{
    return sizeof(*e) + e->key_size + e->value_size + ENTRY_OVERHEAD;
}

static uint64_t entry_record_bytes(const struct entry *e)
{
    return (uint64_t)e->key_size + e->value_size + RECORD_OVERHEAD;
}

void keys_init(struct keys *k)
{
    *k = (struct keys){0};
    names_init(&k->gone);
}

void keys_fini(struct keys *k)
{
    map_fini(&k->map);
    for (size_t i = 0; i < k->dirty_count; i++)
        entry_unref(k->dirty[i].entry);
    pool_free(k->dirty, k->dirty_capacity * sizeof(*k->dirty));
    names_clear(&k->gone);
}

struct entry **keys_find(const struct keys *k, struct bytes key)
{
    return map_find(&k->map, key);
}

static bool is_dirty(const struct keys *k, const struct entry *e)
{
    return e->mod_revision > k->clean_revision;
}

#define DIRTY_CAPACITY_MIN 64

static int dirty_reserve(struct keys *k, size_t more)
{
    size_t size = sizeof(*k->dirty);
    if (more <= k->dirty_capacity - k->dirty_count)
        return 0;
    size_t capacity = 2 * k->dirty_capacity + DIRTY_CAPACITY_MIN + more;
    void *dirty = pool_realloc(k->dirty, k->dirty_capacity * size, capacity * size);
    if (dirty == NULL)
        return ERR_NO_MEMORY;
    k->dirty = dirty;
    k->dirty_capacity = capacity;
    return 0;
}

static void dirty_add(struct keys *k, struct entry *e)
{
    assert(is_dirty(k, e));
    e->dirty_at = k->dirty_count;
    k->dirty[k->dirty_count++] = (struct checkpoint_key){entry_ref(e), entry_key(e)};
    k->dirty_bytes += entry_record_bytes(e);
}

static void dirty_drop(struct keys *k, struct entry *e)
{
    if (!is_dirty(k, e))
        return;
    assert(e->dirty_at < k->dirty_count && k->dirty[e->dirty_at].entry == e);
    struct checkpoint_key last = k->dirty[--k->dirty_count];
    last.entry->dirty_at = e->dirty_at;
    k->dirty[e->dirty_at] = last;
    k->dirty_bytes -= entry_record_bytes(e);
    entry_unref(e);
}

int keys_put(struct keys *k, struct entry **place, struct entry *e)
{
    TRY(dirty_reserve(k, 1));
    if (place == NULL) {
        TRY(map_insert(&k->map, e));
        names_drop(&k->gone, entry_key(e));
    } else {
        struct entry *old = *place;
        assert(bytes_equal(entry_key(old), entry_key(e)));
        *place = e;
        dirty_drop(k, old);
        k->hash -= old->hash;
        k->bytes -= entry_bytes(old);
        entry_unref(old);
    }
    dirty_add(k, e);
    k->hash += e->hash;
    k->bytes += entry_bytes(e);
    return 0;
}

int keys_delete(struct keys *k, struct entry *old)
{
    TRY(names_add(&k->gone, entry_key(old)));
    struct entry *removed = map_remove(&k->map, entry_key(old));
    assert(removed == old);
    dirty_drop(k, removed);
    k->hash -= removed->hash;
    k->bytes -= entry_bytes(removed);
    entry_unref(removed);
    return 0;
}

int keys_restore(struct keys *k, struct entry *e)
{
    if (map_find(&k->map, entry_key(e)) != NULL)
        return ERR_CORRUPT;
    TRY(map_insert(&k->map, e));
    k->hash += e->hash;
    k->bytes += entry_bytes(e);
    return 0;
}

int keys_hand_over(struct keys *k, struct checkpoint *c)
{
    if (k->dirty_count + k->gone.table.count == 0)
        return 0;
    TRY(dirty_reserve(k, k->gone.table.count));
    /* As large, lest it grows again while clients wait. */
    struct checkpoint_key *next = pool_alloc(k->dirty_capacity * sizeof(*next));
    if (next == NULL)
        return ERR_NO_MEMORY;
    c->keys = k->dirty;
    c->keys_count = k->dirty_count;
    c->keys_capacity = k->dirty_capacity;
    for (struct list *link = k->gone.all.next; link != &k->gone.all; link = link->next) {
        struct bytes name = name_bytes(LIST_ENTRY(link, struct name, link));
        c->keys[c->keys_count++] = (struct checkpoint_key){.key = name};
    }
    k->dirty = next;
    k->dirty_count = 0;
    return 0;
}

void keys_clean(struct keys *k, uint64_t revision)
{
    assert(revision >= k->clean_revision);
    assert(k->dirty_count == 0); /* Handed over; or all of it was restored. */
    k->clean_revision = revision;
    k->dirty_bytes = 0;
    names_clear(&k->gone);
}
