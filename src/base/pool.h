/*
 * pool.h -- memory that is taken and given back for every operation, without asking malloc.
 *
 * Magazines, after Bonwick and Adams, "Magazines and Vmem" (USENIX 2001). Each thread keeps up to
 * two magazines of free blocks of each size class; a thread that has filled both leaves one in the
 * depot, which all threads share, and one that has emptied both takes one from there. So a block
 * may be freed by another thread than the one that took it: an entry that a checkpoint let go on
 * its thread comes back to the loop, with up to fifteen others. The depot is an array of atomic
 * pointers: nobody waits there for anybody.
 *
 * Why malloc's own cache is not relied on. It holds seven blocks of a size for a thread and none
 * above a KiB; what lies behind it are arenas with a lock each, which the thread that frees a block
 * shares with those that allocate. The log in memory makes this the common case: ten thousand
 * values go back at once when a checkpoint is done, and are taken again one by one. And malloc
 * cannot say when it goes to the system, while here a test counts: mem_allocations() does not move
 * on a steady path.
 *
 * What bounds memory. Nothing is kept that was not in use at once before. A thread keeps at most
 * two magazines of a class, each of 16 blocks or 16 KiB (one block, where that is larger): 4 MiB,
 * if it has used blocks of every size, and it gives them back when it ends. The depot keeps
 * POOL_KEPT_MAX in all, and what comes on top goes back to malloc, from the class that keeps most.
 * A block is at most a quarter larger than what was asked for. Above POOL_SIZE_MAX the pool hands
 * everything to mem_alloc and mem_free.
 *
 * To whoever counts, a block in the pool is free: mem_outstanding() does not include it. While
 * mem_fail_after is set, every pool_alloc is a mem_alloc, and so can fail. Under the address and
 * the thread sanitizer that is always so: they see each block's end, and pool_free that its size
 * is that of its pool_alloc.
 *
 * Thread-safe.
 */
#ifndef DKV_BASE_POOL_H
#define DKV_BASE_POOL_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

#define POOL_SIZE_MAX ((size_t)256 << 10)
#define POOL_KEPT_MAX ((size_t)64 << 20)

/* size > 0, aligned for anything. NULL when there is no memory. To be freed by pool_free only. */
void *pool_alloc(size_t size) MUST_CHECK;

/* As pool_alloc, all bytes zero. */
void *pool_alloc_zero(size_t size) MUST_CHECK;

/*
 * As realloc(3), size > 0, for a block of old_size, or NULL of any. On NULL the old block is still
 * there.
 */
void *pool_realloc(void *old, size_t old_size, size_t size) MUST_CHECK;

/* size is that of the pool_alloc. NULL is fine. */
void pool_free(void *block, size_t size);

/*
 * Leave to the others what the calling thread keeps: for one that mostly frees what others took,
 * before it sleeps.
 */
void pool_give_back(void);

/* Bytes in the depot; what the threads keep themselves is not in it. */
size_t pool_kept(void);

/* False: everything is handed through, as under a sanitizer. For tests that count. */
bool pool_is_on(void);

#endif
