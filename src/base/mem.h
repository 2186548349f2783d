/*
 * mem.h -- where memory comes from, so that a test can make any allocation fail.
 *
 * Everything below floor 4 allocates here, or through pool.h, and nowhere else. A caller that gets
 * NULL returns ERR_NO_MEMORY upward; dkv-node ends with one line when that reaches its loop, as it
 * does for a failed disk: nothing was answered that depends on it.
 *
 * Thread-safe.
 */
#ifndef DKV_BASE_MEM_H
#define DKV_BASE_MEM_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/* size > 0. NULL when there is no memory; the caller frees with mem_free. */
void *mem_alloc(size_t size) MUST_CHECK;

/* As mem_alloc, all bytes zero. */
void *mem_alloc_zero(size_t size) MUST_CHECK;

/* As realloc(3), size > 0. On NULL the old block is still there. */
void *mem_realloc(void *old, size_t size) MUST_CHECK;

/* NULL is fine. */
void mem_free(void *block);

/*
 * Make room for `count` elements of `size` bytes in a growable array: doubles, so that appending
 * is O(1) on average. On ERR_NO_MEMORY the array is as it was.
 */
int mem_reserve(void **array, size_t *capacity, size_t count, size_t size) MUST_CHECK;

/* Tests only: let `count` more allocations succeed, then fail one, then succeed again. < 0: off. */
void mem_fail_after(long count);

/* Tests only: blocks handed out and not yet freed, by all threads; what the pool keeps is free. */
long mem_outstanding(void);

/* Allocations made since the process began, by the calling thread. */
unsigned long mem_allocations(void);

/* For pool.c: `count` more blocks lie in the pool, or fewer. */
void mem_note_pooled(long count);

/* For pool.c: mem_fail_after is set. */
bool mem_may_fail(void);

#endif
