/* mem.c -- see mem.h. */
#include "base/mem.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

static atomic_long mem_countdown = -1;
static atomic_long mem_blocks;
static _Thread_local unsigned long mem_thread_allocations;

static bool mem_must_fail(void)
{
    mem_thread_allocations++;
    if (atomic_load_explicit(&mem_countdown, memory_order_relaxed) < 0)
        return false;
    return atomic_fetch_sub(&mem_countdown, 1) == 0;
}

static void *mem_count(void *block)
{
    if (block != NULL)
        atomic_fetch_add_explicit(&mem_blocks, 1, memory_order_relaxed);
    return block;
}

void *mem_alloc(size_t size)
{
    assert(size > 0);
    return mem_must_fail() ? NULL : mem_count(malloc(size));
}

void *mem_alloc_zero(size_t size)
{
    assert(size > 0);
    return mem_must_fail() ? NULL : mem_count(calloc(1, size));
}

void *mem_realloc(void *old, size_t size)
{
    assert(size > 0);
    if (mem_must_fail())
        return NULL;
    void *block = realloc(old, size);
    return old == NULL ? mem_count(block) : block;
}

void mem_free(void *block)
{
    if (block == NULL)
        return;
    atomic_fetch_sub_explicit(&mem_blocks, 1, memory_order_relaxed);
    free(block);
}

int mem_reserve(void **array, size_t *capacity, size_t count, size_t size)
{
    assert(size > 0);
    if (count <= *capacity)
        return 0;
    size_t wanted = *capacity < 8 ? 8 : *capacity * 2;
    if (wanted < count)
        wanted = count;
    if (wanted > SIZE_MAX / size)
        return ERR_NO_MEMORY;
    void *grown = mem_realloc(*array, wanted * size);
    if (grown == NULL)
        return ERR_NO_MEMORY;
    *array = grown;
    *capacity = wanted;
    return 0;
}

void mem_fail_after(long count)
{
    atomic_store(&mem_countdown, count);
}

long mem_outstanding(void)
{
    return atomic_load(&mem_blocks);
}

unsigned long mem_allocations(void)
{
    return mem_thread_allocations;
}

void mem_note_pooled(long count)
{
    atomic_fetch_sub_explicit(&mem_blocks, count, memory_order_relaxed);
}

bool mem_may_fail(void)
{
    return atomic_load_explicit(&mem_countdown, memory_order_relaxed) >= 0;
}
