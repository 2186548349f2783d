/* value.c -- see value.h. */
#include "paxos/value.h"

#include <assert.h>
#include <string.h>

#include "base/pool.h"

static struct value noop = {.refs = 1, .kind = VALUE_NOOP};

bool tag_equal(struct tag a, struct tag b)
{
    return a.sequence == b.sequence && a.boot == b.boot && a.node == b.node;
}

bool tag_is_none(struct tag t)
{
    return t.sequence == 0 && t.boot == 0 && t.node == 0;
}

int value_new_unwritten(enum value_kind kind, struct tag tag, size_t size, struct value **out_value)
{
    assert(kind == VALUE_BARRIER || kind == VALUE_BATCH);
    assert(!tag_is_none(tag));
    assert(size <= VALUE_BYTES_MAX);
    assert((kind == VALUE_BARRIER) == (size == 0));

    struct value *v = pool_alloc(sizeof(*v) + size);
    if (v == NULL)
        return ERR_NO_MEMORY;
    atomic_init(&v->refs, 1);
    v->kind = kind;
    v->tag = tag;
    v->size = size;
    *out_value = v;
    return 0;
}

int value_new(enum value_kind kind, struct tag tag, struct bytes bytes, struct value **out_value)
{
    TRY(value_new_unwritten(kind, tag, bytes.size, out_value));
    if (bytes.size > 0)
        memcpy((*out_value)->data, bytes.data, bytes.size);
    return 0;
}

struct value *value_noop(void)
{
    return &noop;
}

struct value *value_ref(struct value *v)
{
    if (v == NULL || v == &noop)
        return v;
    unsigned before = atomic_fetch_add_explicit(&v->refs, 1, memory_order_relaxed);
    assert(before > 0);
    return v;
}

void value_unref(struct value *v)
{
    if (v == NULL || v == &noop)
        return;
    unsigned before = atomic_fetch_sub_explicit(&v->refs, 1, memory_order_acq_rel);
    assert(before > 0);
    if (before == 1)
        pool_free(v, sizeof(*v) + v->size);
}

struct bytes value_bytes(const struct value *v)
{
    return (struct bytes){.data = v->data, .size = v->size};
}

bool value_equal(const struct value *a, const struct value *b)
{
    assert(a != NULL);
    assert(b != NULL);
    /* NOOP has no tag and everything else has one. */
    return tag_equal(a->tag, b->tag);
}
