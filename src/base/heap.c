/* heap.c -- see heap.h. */
#include "base/heap.h"

#include <assert.h>

#include "base/mem.h"

static void heap_place(struct heap *h, size_t index, struct heap_node *node)
{
    h->nodes[index] = node;
    node->index = index;
}

static void heap_sift_up(struct heap *h, size_t index)
{
    struct heap_node *node = h->nodes[index];
    while (index > 0) {
        size_t parent = (index - 1) / 2;
        if (h->nodes[parent]->key <= node->key)
            break;
        heap_place(h, index, h->nodes[parent]);
        index = parent;
    }
    heap_place(h, index, node);
}

static void heap_sift_down(struct heap *h, size_t index)
{
    struct heap_node *node = h->nodes[index];
    for (;;) {
        size_t child = index * 2 + 1;
        if (child >= h->count)
            break;
        if (child + 1 < h->count && h->nodes[child + 1]->key < h->nodes[child]->key)
            child++;
        if (node->key <= h->nodes[child]->key)
            break;
        heap_place(h, index, h->nodes[child]);
        index = child;
    }
    heap_place(h, index, node);
}

void heap_node_init(struct heap_node *node)
{
    *node = (struct heap_node){.index = HEAP_NOWHERE};
}

int heap_push(struct heap *h, struct heap_node *node, uint64_t key)
{
    assert(node->index == HEAP_NOWHERE);
    void *nodes = h->nodes;
    TRY(mem_reserve(&nodes, &h->capacity, h->count + 1, sizeof(*h->nodes)));
    h->nodes = nodes;
    node->key = key;
    h->nodes[h->count] = node;
    h->count++;
    heap_sift_up(h, h->count - 1);
    return 0;
}

struct heap_node *heap_min(const struct heap *h)
{
    return h->count == 0 ? NULL : h->nodes[0];
}

void heap_remove(struct heap *h, struct heap_node *node)
{
    if (node->index == HEAP_NOWHERE)
        return;
    size_t index = node->index;
    assert(index < h->count);
    assert(h->nodes[index] == node);
    node->index = HEAP_NOWHERE;
    h->count--;
    if (index == h->count)
        return;
    heap_place(h, index, h->nodes[h->count]);
    heap_sift_up(h, index);
    heap_sift_down(h, h->nodes[index]->index);
}

void heap_fini(struct heap *h)
{
    mem_free(h->nodes);
    *h = (struct heap){0};
}
