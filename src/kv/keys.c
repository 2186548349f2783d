/* keys.c -- see keys.h. */
#include "kv/keys.h"

#include <assert.h>

#include "base/mem.h"

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
    mem_free(k->dirty);
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

static int dirty_reserve(struct keys *k)
{
    void *dirty = k->dirty;
    TRY(mem_reserve(&dirty, &k->dirty_capacity, k->dirty_count + 1, sizeof(struct entry *)));
    k->dirty = dirty;
    return 0;
}

static void dirty_add(struct keys *k, struct entry *e)
{
    assert(is_dirty(k, e));
    e->dirty_at = k->dirty_count;
    k->dirty[k->dirty_count++] = e;
    k->dirty_bytes += entry_record_bytes(e);
}

static void dirty_drop(struct keys *k, struct entry *e)
{
    if (!is_dirty(k, e))
        return;
    assert(e->dirty_at < k->dirty_count && k->dirty[e->dirty_at] == e);
    struct entry *last = k->dirty[--k->dirty_count];
    last->dirty_at = e->dirty_at;
    k->dirty[last->dirty_at] = last;
    k->dirty_bytes -= entry_record_bytes(e);
}

int keys_put(struct keys *k, struct entry **place, struct entry *e)
{
    TRY(dirty_reserve(k));
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

void keys_clean(struct keys *k, uint64_t revision)
{
    assert(revision >= k->clean_revision);
    k->clean_revision = revision;
    k->dirty_count = 0;
    k->dirty_bytes = 0;
    names_clear(&k->gone);
}
