/*
 * pool_test.c -- blocks come back, are counted, and are bounded.
 *
 * Built with the pool's source, in which POOL_ALWAYS keeps it on under the sanitizers too.
 */
#include "../unit.h"

#include <pthread.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/pool.h"

#define BLOCKS 1000
#define SIZES 4000

static int setup(void **state)
{
    (void)state;
    mem_fail_after(-1);
    return 0;
}

/* Any size, the borders of all classes among them: aligned, its own, and as long as was asked. */
static void test_sizes(void **state)
{
    (void)state;
    long before = mem_outstanding();
    static uint8_t *blocks[SIZES];
    static size_t sizes[SIZES];
    size_t count = 0;
    for (size_t size = 1; size <= POOL_SIZE_MAX + 3; size += size < 1024 ? 1 : size / 7) {
        assert_true(count + 3 < SIZES);
        for (size_t more = 0; more < 3; more++)
            sizes[count + more] = size + more;
        count += 3;
    }
    for (size_t i = 0; i < count; i++) {
        blocks[i] = pool_alloc(sizes[i]);
        assert_non_null(blocks[i]);
        assert_int_equal((uintptr_t)blocks[i] % alignof(max_align_t), 0);
        memset(blocks[i], (int)(i % 251), sizes[i]);
    }
    assert_int_equal(mem_outstanding(), before + (long)count);
    for (size_t i = 0; i < count; i++)
        for (size_t at = 0; at < sizes[i]; at++)
            if (blocks[i][at] != i % 251)
                fail_msg("byte %zu of block %zu is another's", at, i);
    for (size_t i = 0; i < count; i++)
        pool_free(blocks[i], sizes[i]);
    pool_free(NULL, 1);
    assert_int_equal(mem_outstanding(), before);
}

/* What was in use once is there the second time, and all zero if so wanted. */
static void test_blocks_come_back(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, 64, 65, 200, 4096, 5000, 65536, POOL_SIZE_MAX};
    static uint8_t *blocks[BLOCKS];
    for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
        size_t count = sizes[s] > 4096 ? 50 : BLOCKS;
        unsigned long allocations = 0;
        for (int round = 0; round < 3; round++) {
            if (round == 1)
                allocations = mem_allocations();
            for (size_t i = 0; i < count; i++) {
                blocks[i] = pool_alloc_zero(sizes[s]);
                assert_non_null(blocks[i]);
                assert_int_equal(blocks[i][0] | blocks[i][sizes[s] - 1], 0);
                memset(blocks[i], 0xee, sizes[s]);
            }
            for (size_t i = 0; i < count; i++)
                pool_free(blocks[i], sizes[s]);
        }
        assert_int_equal(mem_allocations(), allocations);
    }
}

/* Up and down, over the borders of classes and of the pool. */
static void test_sizes_change(void **state)
{
    (void)state;
    static const size_t sizes[] = {
        10, 64, 65, 5000, 70000, POOL_SIZE_MAX, POOL_SIZE_MAX + 1, 1 << 20, 1 << 19, 3000, 1};
    long before = mem_outstanding();
    uint8_t *block = NULL;
    size_t size = 0;
    for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
        block = pool_realloc(block, size, sizes[s]);
        assert_non_null(block);
        size_t same = size < sizes[s] ? size : sizes[s];
        for (size_t i = 0; i < same; i++)
            assert_int_equal(block[i], (i * 7) % 251);
        size = sizes[s];
        for (size_t i = 0; i < size; i++)
            block[i] = (uint8_t)((i * 7) % 251);
        mem_fail_after(0);
        assert_null(pool_realloc(block, size, 100));
    }
    assert_int_equal(block[0], 0);
    pool_free(block, size);
    assert_int_equal(mem_outstanding(), before);
}

static void test_any_allocation_can_fail(void **state)
{
    (void)state;
    pool_free(pool_alloc(100), 100); /* The pool has one, and must not give it. */
    long before = mem_outstanding();
    mem_fail_after(1);
    void *first = pool_alloc(100);
    assert_non_null(first);
    assert_null(pool_alloc(100));
    void *third = pool_alloc(100);
    assert_non_null(third);
    pool_free(first, 100);
    pool_free(third, 100);
    assert_int_equal(mem_outstanding(), before);
}

/* One thread takes and another gives back, as the loop and the checkpointer do. */

#define SHARED 512

struct exchange {
    _Atomic(uint64_t *) places[SHARED];
    atomic_bool is_over;
    unsigned long allocations;
};

static void *free_all(void *arg)
{
    struct exchange *x = arg;
    for (bool is_over = false; !is_over;) {
        is_over = atomic_load(&x->is_over);
        for (size_t i = 0; i < SHARED; i++) {
            uint64_t *block = atomic_exchange(&x->places[i], NULL);
            if (block == NULL)
                continue;
            if (block[0] != (uint64_t)(uintptr_t)block || block[15] != ~block[0])
                abort(); /* Two had it. */
            pool_free(block, 128);
        }
    }
    return NULL;
}

static void fill_all(struct exchange *x)
{
    for (size_t i = 0; i < SHARED; i++) {
        if (atomic_load(&x->places[i]) != NULL)
            continue;
        uint64_t *block = pool_alloc(128);
        assert_non_null(block);
        block[0] = (uint64_t)(uintptr_t)block;
        block[15] = ~block[0];
        atomic_store(&x->places[i], block);
    }
}

static void *take_and_exchange(void *arg)
{
    struct exchange *x = arg;
    for (int round = 0; round < 2000; round++)
        fill_all(x);
    return NULL;
}

#define PAIRS 2

static void test_threads(void **state)
{
    (void)state;
    long before = mem_outstanding();
    static struct exchange exchanges[PAIRS];
    pthread_t takers[PAIRS];
    pthread_t freers[PAIRS];
    for (int i = 0; i < PAIRS; i++) {
        atomic_store(&exchanges[i].is_over, false);
        assert_int_equal(pthread_create(&freers[i], NULL, free_all, &exchanges[i]), 0);
        assert_int_equal(pthread_create(&takers[i], NULL, take_and_exchange, &exchanges[i]), 0);
    }
    for (int i = 0; i < PAIRS; i++) {
        assert_int_equal(pthread_join(takers[i], NULL), 0);
        atomic_store(&exchanges[i].is_over, true);
        assert_int_equal(pthread_join(freers[i], NULL), 0);
    }
    assert_int_equal(mem_outstanding(), before);
}

/* What a thread gives back while it runs and when it ends serves others. */

static void *fill_once(void *arg)
{
    unsigned long before = mem_allocations();
    fill_all(arg);
    ((struct exchange *)arg)->allocations = mem_allocations() - before;
    return NULL;
}

static void test_blocks_go_round(void **state)
{
    (void)state;
    static struct exchange x;
    for (int round = 0; round < 10; round++) {
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, fill_once, &x), 0);
        assert_int_equal(pthread_join(thread, NULL), 0);
        assert_true(x.allocations <= SHARED);
        /* This thread keeps two magazines of the first rounds' blocks, each of 16. */
        if (round > 1)
            assert_in_range(x.allocations, 0, 16);
        atomic_store(&x.is_over, true);
        free_all(&x);
    }
}

/* More than the depot may keep goes to malloc, and what is not used any more makes room. */
static void test_bound(void **state)
{
    (void)state;
    static const size_t sizes[] = {8192, 3000, 65536};
    long before = mem_outstanding();
    for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
        size_t count = (POOL_KEPT_MAX + (POOL_KEPT_MAX >> 2)) / sizes[s];
        void **blocks = calloc(count, sizeof(*blocks));
        assert_non_null(blocks);
        for (size_t i = 0; i < count; i++) {
            blocks[i] = pool_alloc(sizes[s]);
            assert_non_null(blocks[i]);
        }
        for (size_t i = 0; i < count; i++) {
            pool_free(blocks[i], sizes[s]);
            assert_true(pool_kept() <= POOL_KEPT_MAX);
        }
        assert_in_range(pool_kept(), POOL_KEPT_MAX - (POOL_KEPT_MAX >> 3), POOL_KEPT_MAX);
        /* The size used last has its share, though the depot was full of others. */
        unsigned long allocations = mem_allocations();
        size_t share = POOL_KEPT_MAX / 8 / sizes[s];
        for (size_t i = 0; i < share; i++)
            blocks[i] = pool_alloc(sizes[s]);
        assert_int_equal(mem_allocations(), allocations);
        for (size_t i = 0; i < share; i++)
            pool_free(blocks[i], sizes[s]);
        free(blocks);
    }
    assert_int_equal(mem_outstanding(), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_sizes, setup),
        cmocka_unit_test_setup(test_blocks_come_back, setup),
        cmocka_unit_test_setup(test_sizes_change, setup),
        cmocka_unit_test_setup(test_any_allocation_can_fail, setup),
        cmocka_unit_test_setup(test_threads, setup),
        cmocka_unit_test_setup(test_blocks_go_round, setup),
        cmocka_unit_test_setup(test_bound, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
