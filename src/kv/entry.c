/* entry.c -- see entry.h. */
#include "kv/entry.h"

#include <assert.h>
#include <string.h>

#include "base/pool.h"
#include "kv/command.h"
#include "kv/digest.h"

static void copy(uint8_t *to, struct bytes from)
{
    if (from.size > 0)
        memcpy(to, from.data, from.size);
}

int entry_new(struct bytes key, struct bytes head, struct bytes tail, struct entry **out_entry)
{
    assert(key.size >= 1 && key.size <= KEY_SIZE_MAX);
    assert(head.size <= VALUE_SIZE_MAX && tail.size <= VALUE_SIZE_MAX - head.size);

    struct entry *e = pool_alloc(sizeof(*e) + key.size + head.size + tail.size);
    if (e == NULL)
        return ERR_NO_MEMORY;
    *e = (struct entry){
        .key_size = (uint32_t)key.size,
        .value_size = (uint32_t)(head.size + tail.size),
    };
    atomic_init(&e->refs, 1);
    copy(e->data, key);
    copy(e->data + key.size, head);
    copy(e->data + key.size + head.size, tail);
    *out_entry = e;
    return 0;
}

void entry_seal(struct entry *e, uint64_t create_revision, uint64_t mod_revision, uint64_t version)
{
    assert(create_revision >= 1 && create_revision <= mod_revision);
    assert(version >= 1);
    assert(e->version == 0);

    e->create_revision = create_revision;
    e->mod_revision = mod_revision;
    e->version = version;
    uint64_t numbers[] = {e->key_size, create_revision, mod_revision, version};
    uint64_t seed = digest_numbers(numbers, sizeof(numbers) / sizeof(numbers[0]), 0);
    size_t size = (size_t)e->key_size + e->value_size;
    e->hash = hash64((struct bytes){.data = e->data, .size = size}, seed);
}

struct entry *entry_ref(struct entry *e)
{
    if (e != NULL)
        atomic_fetch_add_explicit(&e->refs, 1, memory_order_relaxed);
    return e;
}

void entry_unref(struct entry *e)
{
    if (e == NULL)
        return;
    /* Release: what this thread read is read. Acquire: nobody's reading is still to come. */
    unsigned before = atomic_fetch_sub_explicit(&e->refs, 1, memory_order_acq_rel);
    assert(before >= 1);
    if (before == 1)
        pool_free(e, sizeof(*e) + e->key_size + e->value_size);
}

struct bytes entry_key(const struct entry *e)
{
    return (struct bytes){.data = e->data, .size = e->key_size};
}

struct bytes entry_value(const struct entry *e)
{
    return (struct bytes){.data = e->data + e->key_size, .size = e->value_size};
}
