#include "node/later.h"

#include <assert.h>

#include "base/list.h"

static struct later_item *later_first(const struct later *l)
{
    struct heap_node *node = heap_min(&l->heap);
    return node == NULL ? NULL : LIST_ENTRY(node, struct later_item, node);
}

static void later_take(struct later *l, struct later_item *item)
{
    assert(l->bytes >= item->size);
    heap_remove(&l->heap, &item->node);
    l->bytes -= item->size;
}

int later_add(struct later *l, struct later_item *item, uint64_t due_ns)
{
    assert(item->run != NULL);
    if (l->heap.count >= LATER_ITEMS_MAX || item->size > LATER_BYTES_MAX - l->bytes)
        return ERR_FULL;
    heap_node_init(&item->node);
    TRY(heap_push(&l->heap, &item->node, due_ns));
    l->bytes += item->size;
    return 0;
}

void later_run(struct later *l, uint64_t now_ns, void *owner)
{
    struct later_item *item;
    while ((item = later_first(l)) != NULL && item->node.key <= now_ns) {
        later_take(l, item);
        item->run(item, owner, false);
    }
}

uint64_t later_next_ns(const struct later *l)
{
    const struct later_item *item = later_first(l);
    return item == NULL ? UINT64_MAX : item->node.key;
}

void later_fini(struct later *l, void *owner)
{
    struct later_item *item;
    while ((item = later_first(l)) != NULL) {
        later_take(l, item);
        item->run(item, owner, true);
    }
    heap_fini(&l->heap);
}
