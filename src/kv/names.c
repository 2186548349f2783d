/* names.c -- see names.h. */
#include "kv/names.h"

#include <assert.h>
#include <string.h>

#include "base/pool.h"

void names_init(struct names *n)
{
    *n = (struct names){0};
    list_init(&n->all);
}

void names_clear(struct names *n)
{
    while (!list_is_empty(&n->all)) {
        struct name *name = LIST_ENTRY(n->all.next, struct name, link);
        list_remove(&name->link);
        pool_free(name, sizeof(*name) + name->size);
    }
    table_fini(&n->table);
    n->bytes = 0;
}

int names_add(struct names *n, struct bytes name)
{
    assert(name.size > 0 && name.size <= UINT32_MAX);
    assert(table_find(&n->table, name) == NULL);

    TRY(table_reserve(&n->table));
    struct name *added = pool_alloc(sizeof(*added) + name.size);
    if (added == NULL)
        return ERR_NO_MEMORY;
    added->size = (uint32_t)name.size;
    memcpy(added->data, name.data, name.size);
    table_add(&n->table, &added->node, name_bytes(added));
    list_push_back(&n->all, &added->link);
    n->bytes += name.size;
    return 0;
}

void names_drop(struct names *n, struct bytes name)
{
    struct table_node *node = table_find(&n->table, name);
    if (node == NULL)
        return;
    struct name *dropped = LIST_ENTRY(node, struct name, node);
    assert(n->bytes >= dropped->size);
    n->bytes -= dropped->size;
    table_remove(&n->table, node);
    list_remove(&dropped->link);
    pool_free(dropped, sizeof(*dropped) + dropped->size);
}

struct bytes name_bytes(const struct name *name)
{
    return (struct bytes){.data = name->data, .size = name->size};
}
