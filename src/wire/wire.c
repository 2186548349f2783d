/* wire.c -- see wire.h. */
#include "wire/wire.h"

#include <stdbool.h>

#include "base/pool.h"
#include "wire/pack.h"

#define ALIGNMENT alignof(max_align_t)
#define BLOCK_SIZE ((size_t)4096)

struct wire_block {
    struct wire_block *next;
    size_t size; /* With this head. */
    alignas(max_align_t) uint8_t data[];
};

static void arena_use_room(struct wire_arena *a)
{
    a->blocks = NULL;
    a->free = a->room;
    a->free_size = sizeof(a->room);
    a->left = 0;
    a->err = 0;
}

void wire_arena_init(struct wire_arena *a)
{
    arena_use_room(a);
}

void wire_arena_fini(struct wire_arena *a)
{
    while (a->blocks != NULL) {
        struct wire_block *next = a->blocks->next;
        pool_free(a->blocks, a->blocks->size);
        a->blocks = next;
    }
    arena_use_room(a);
}

void wire_arena_begin(struct wire_arena *a, size_t size_max)
{
    wire_arena_fini(a);
    a->left = size_max;
}

static struct wire_block *arena_add_block(struct wire_arena *a, size_t size)
{
    struct wire_block *block = pool_alloc(sizeof(*block) + size);
    if (block == NULL) {
        a->err = ERR_NO_MEMORY;
        return NULL;
    }
    block->next = a->blocks;
    block->size = sizeof(*block) + size;
    a->blocks = block;
    return block;
}

void *wire_arena_alloc(struct wire_arena *a, size_t size)
{
    if (size > a->left || a->left - size < ALIGNMENT) {
        a->err = ERR_INVALID;
        return NULL;
    }
    size_t padded = (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    if (padded > a->free_size) {
        bool is_large = padded >= BLOCK_SIZE; /* It gets a block of its own. */
        struct wire_block *block = arena_add_block(a, is_large ? padded : BLOCK_SIZE);
        if (block == NULL)
            return NULL;
        if (is_large) {
            a->left -= padded;
            return block->data;
        }
        a->free = block->data;
        a->free_size = BLOCK_SIZE;
    }
    void *given = a->free;
    a->free += padded;
    a->free_size -= padded;
    a->left -= padded;
    return given;
}

int wire_decode_nothing(struct bytes in, struct wire_error *error)
{
    size_t count = 0;
    return wire_count_fields(NULL, in, WIRE_FIELDS_MAX, &count, error);
}

void wire_list_clear(struct wire_list *l)
{
    buf_clear(&l->buf);
    l->count = 0;
}

void wire_list_fini(struct wire_list *l)
{
    buf_fini(&l->buf);
    l->count = 0;
}
