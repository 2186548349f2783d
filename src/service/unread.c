/* unread.c -- see unread.h. */
#include "service/unread.h"

#define SHARE 8

bool unread_has_room(struct node *n, size_t own, size_t more)
{
    size_t all = atomic_load_explicit(node_unread(n), memory_order_relaxed);
    size_t share = all < UNREAD_MAX ? (UNREAD_MAX - all) / SHARE : 0;
    return own + more <= (share < UNREAD_STREAM_MAX ? share : UNREAD_STREAM_MAX);
}

void unread_add(struct node *n, size_t size)
{
    atomic_fetch_add_explicit(node_unread(n), size, memory_order_relaxed);
}

void unread_remove(struct node *n, size_t size)
{
    atomic_fetch_sub_explicit(node_unread(n), size, memory_order_relaxed);
}
