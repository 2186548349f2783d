/* pool.c -- see pool.h. */
#include "base/pool.h"

#include <assert.h>
#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>

#include "base/mem.h"

/* POOL_ALWAYS: the pool's own test, which has the sanitizers look at the pool itself. */
#if defined(POOL_ALWAYS)
#define POOL_ON 1
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define POOL_ON 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define POOL_ON 0
#endif
#endif
#ifndef POOL_ON
#define POOL_ON 1
#endif

/* Four classes for each doubling, from 64 bytes to POOL_SIZE_MAX; `rank` is one's number. */
#define CLASS_SIZE_MIN ((size_t)64)
#define CLASS_SHIFT_MIN 6
#define CLASSES 49
#define MAGAZINE_BYTES ((size_t)16 << 10)
#define MAGAZINE_BLOCKS_MAX 16
/* So many magazines of one class fit into the depot; bytes end it earlier for all but the least. */
#define SHELF_SIZE 4096

/* A free block. The blocks of a magazine are a chain. */
struct block {
    struct block *next;
    unsigned count; /* Of the first one in the depot: how many there are. */
};

/* `loaded` is taken from and given to; `previous` was full, or is empty. */
struct magazines {
    struct block *loaded;
    struct block *previous;
    unsigned loaded_count;
    unsigned previous_count;
};

struct cache {
    bool is_known; /* pool_on_thread_end will come. */
    struct magazines classes[CLASSES];
};

/*
 * Magazines, most of them full. A place is taken by exchange and filled by compare-and-swap, so
 * that a magazine has one owner at any time, whatever the others do: nobody looks into one that is
 * not his. The count says where to look first: the places below it are full and those above are
 * free, but for what is happening at this moment.
 */
struct shelf {
    _Atomic(struct block *) places[SHELF_SIZE];
    atomic_uint count;
};

static struct shelf depot[CLASSES];
static atomic_size_t depot_bytes;
static _Thread_local struct cache cache;
static pthread_once_t key_once = PTHREAD_ONCE_INIT;
static pthread_key_t key;
static bool key_is_there;

/* ---- Classes ------------------------------------------------------------------------------- */

static unsigned class_of(size_t size)
{
    assert(size <= POOL_SIZE_MAX);
    if (size <= CLASS_SIZE_MIN)
        return 0;
    unsigned shift = 63 - (unsigned)__builtin_clzll(size - 1);
    unsigned quarter = (unsigned)((size - 1) >> (shift - 2)) & 3;
    return (shift - CLASS_SHIFT_MIN) * 4 + quarter + 1;
}

static size_t class_size(unsigned rank)
{
    if (rank == 0)
        return CLASS_SIZE_MIN;
    return (size_t)(5 + (rank - 1) % 4) << (CLASS_SHIFT_MIN + (rank - 1) / 4 - 2);
}

static unsigned class_blocks(unsigned rank)
{
    size_t blocks = MAGAZINE_BYTES / class_size(rank);
    if (blocks > MAGAZINE_BLOCKS_MAX)
        return MAGAZINE_BLOCKS_MAX;
    return blocks > 0 ? (unsigned)blocks : 1;
}

/* ---- The depot ----------------------------------------------------------------------------- */

static struct block *depot_take(unsigned rank)
{
    struct shelf *s = &depot[rank];
    unsigned count = atomic_load_explicit(&s->count, memory_order_relaxed);
    /* Downwards, and round: each place once. */
    for (unsigned i = 0; count > 0 && i < SHELF_SIZE; i++) {
        unsigned at = (count - 1 - i) % SHELF_SIZE;
        if (atomic_load_explicit(&s->places[at], memory_order_relaxed) == NULL)
            continue;
        struct block *chain = atomic_exchange_explicit(&s->places[at], NULL, memory_order_acquire);
        if (chain == NULL)
            continue;
        atomic_fetch_sub_explicit(&s->count, 1, memory_order_relaxed);
        atomic_fetch_sub_explicit(&depot_bytes, chain->count * class_size(rank),
                                  memory_order_relaxed);
        return chain;
    }
    return NULL;
}

/* False: there is no room. */
static bool depot_give(unsigned rank, struct block *chain)
{
    struct shelf *s = &depot[rank];
    size_t bytes = chain->count * class_size(rank);
    size_t before = atomic_fetch_add_explicit(&depot_bytes, bytes, memory_order_relaxed);
    unsigned count = atomic_load_explicit(&s->count, memory_order_relaxed);
    for (unsigned i = 0; before + bytes <= POOL_KEPT_MAX && i < SHELF_SIZE; i++) {
        struct block *none = NULL;
        unsigned at = (count + i) % SHELF_SIZE;
        if (atomic_load_explicit(&s->places[at], memory_order_relaxed) != NULL)
            continue;
        /* Counted before it can be taken, so that the count is never below zero. */
        atomic_fetch_add_explicit(&s->count, 1, memory_order_relaxed);
        if (atomic_compare_exchange_strong_explicit(&s->places[at], &none, chain,
                                                    memory_order_release, memory_order_relaxed))
            return true;
        atomic_fetch_sub_explicit(&s->count, 1, memory_order_relaxed);
    }
    atomic_fetch_sub_explicit(&depot_bytes, bytes, memory_order_relaxed);
    return false;
}

static void chain_free(struct block *chain)
{
    while (chain != NULL) {
        struct block *next = chain->next;
        mem_note_pooled(-1);
        mem_free(chain);
        chain = next;
    }
}

/* As if all magazines were full. */
static unsigned depot_fullest(void)
{
    unsigned fullest = 0;
    size_t most = 0;
    for (unsigned rank = 0; rank < CLASSES; rank++) {
        unsigned count = atomic_load_explicit(&depot[rank].count, memory_order_relaxed);
        size_t bytes = (size_t)count * class_blocks(rank) * class_size(rank);
        if (bytes > most) {
            most = bytes;
            fullest = rank;
        }
    }
    return fullest;
}

/* The largest magazine is no larger than so many of the smallest. */
#define DEPOT_TRIES 256

/* A magazine that its thread has no use for; NULL is fine. */
static void depot_leave(unsigned rank, struct block *chain, unsigned count)
{
    if (chain == NULL)
        return;
    chain->count = count;
    for (int i = 0; i < DEPOT_TRIES; i++) {
        if (depot_give(rank, chain))
            return;
        /* Whoever keeps most makes room, lest what is not used any more be kept for ever. */
        unsigned fullest = depot_fullest();
        if (fullest == rank || atomic_load(&depot[rank].count) >= SHELF_SIZE)
            break;
        chain_free(depot_take(fullest));
    }
    chain_free(chain);
}

size_t pool_kept(void)
{
    return atomic_load_explicit(&depot_bytes, memory_order_relaxed);
}

/* ---- A thread's own ------------------------------------------------------------------------ */

static void cache_give_back(struct cache *c)
{
    for (unsigned rank = 0; rank < CLASSES; rank++) {
        struct magazines *m = &c->classes[rank];
        depot_leave(rank, m->previous, m->previous_count);
        depot_leave(rank, m->loaded, m->loaded_count);
        *m = (struct magazines){0};
    }
}

void pool_give_back(void)
{
    cache_give_back(&cache);
}

static void pool_on_thread_end(void *of_thread)
{
    struct cache *c = of_thread;
    /* A destructor of somebody else's may come after this one: it begins anew. */
    c->is_known = false;
    cache_give_back(c);
}

static void key_create(void)
{
    key_is_there = pthread_key_create(&key, pool_on_thread_end) == 0;
}

/* False: its end would not be told, so it must keep nothing. */
static bool cache_is_known(struct cache *c)
{
    if (c->is_known)
        return true;
    pthread_once(&key_once, key_create);
    c->is_known = key_is_there && pthread_setspecific(key, c) == 0;
    return c->is_known;
}

static struct block *cache_take(struct magazines *m, unsigned rank)
{
    if (m->loaded == NULL && m->previous != NULL) {
        m->loaded = m->previous;
        m->loaded_count = m->previous_count;
        m->previous = NULL;
    }
    if (m->loaded == NULL) {
        m->loaded = depot_take(rank);
        if (m->loaded == NULL)
            return NULL;
        m->loaded_count = m->loaded->count;
    }
    struct block *block = m->loaded;
    m->loaded = block->next;
    m->loaded_count--;
    assert((m->loaded == NULL) == (m->loaded_count == 0));
    return block;
}

static void cache_give(struct magazines *m, unsigned rank, struct block *block)
{
    if (m->loaded_count == class_blocks(rank)) {
        depot_leave(rank, m->previous, m->previous_count);
        m->previous = m->loaded;
        m->previous_count = m->loaded_count;
        m->loaded = NULL;
        m->loaded_count = 0;
    }
    block->next = m->loaded;
    m->loaded = block;
    m->loaded_count++;
}

bool pool_is_on(void)
{
    return POOL_ON;
}

void *pool_alloc(size_t size)
{
    assert(size > 0);
    if (!POOL_ON || size > POOL_SIZE_MAX)
        return mem_alloc(size);
    unsigned rank = class_of(size);
    if (mem_may_fail() || !cache_is_known(&cache))
        return mem_alloc(class_size(rank));
    struct block *block = cache_take(&cache.classes[rank], rank);
    if (block == NULL)
        return mem_alloc(class_size(rank));
    mem_note_pooled(-1);
    return block;
}

void *pool_alloc_zero(size_t size)
{
    void *block = pool_alloc(size);
    if (block != NULL)
        memset(block, 0, size);
    return block;
}

static bool pool_is_same_class(size_t a, size_t b)
{
    return a <= POOL_SIZE_MAX && b <= POOL_SIZE_MAX && class_of(a) == class_of(b);
}

void *pool_realloc(void *old, size_t old_size, size_t size)
{
    assert(size > 0 && (old == NULL || old_size > 0));
    if (!POOL_ON || (old_size > POOL_SIZE_MAX && size > POOL_SIZE_MAX))
        return mem_realloc(old, size);
    if (old != NULL && pool_is_same_class(old_size, size) && !mem_may_fail())
        return old;
    void *block = pool_alloc(size);
    if (block == NULL || old == NULL)
        return block;
    memcpy(block, old, old_size < size ? old_size : size);
    pool_free(old, old_size);
    return block;
}

void pool_free(void *block, size_t size)
{
    if (block == NULL)
        return;
    assert(size > 0);
    if (!POOL_ON) /* A sanitizer knows the size that was asked for: see that it is the same. */
        assert(malloc_usable_size(block) == size);
    if (!POOL_ON || size > POOL_SIZE_MAX || !cache_is_known(&cache)) {
        mem_free(block);
        return;
    }
    unsigned rank = class_of(size);
    mem_note_pooled(1);
    cache_give(&cache.classes[rank], rank, block);
}
