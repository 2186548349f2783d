/* mem_test.c -- what is handed out is counted, and any allocation can be made to fail. */
#include "../unit.h"

#include <string.h>

#include "base/mem.h"

static int setup(void **state)
{
    (void)state;
    mem_fail_after(-1);
    return 0;
}

static void test_blocks_are_counted(void **state)
{
    (void)state;
    long before = mem_outstanding();
    unsigned long allocations = mem_allocations();
    void *a = mem_alloc(10);
    uint8_t *b = mem_alloc_zero(100);
    void *c = mem_realloc(NULL, 5);
    assert_non_null(a);
    assert_non_null(b);
    assert_non_null(c);
    for (size_t i = 0; i < 100; i++)
        assert_int_equal(b[i], 0);
    assert_int_equal(mem_outstanding(), before + 3);
    c = mem_realloc(c, 500);
    assert_int_equal(mem_outstanding(), before + 3);
    assert_int_equal(mem_allocations(), allocations + 4);
    mem_free(a);
    mem_free(b);
    mem_free(c);
    mem_free(NULL);
    assert_int_equal(mem_outstanding(), before);
}

/* Each of three allocations fails in its turn, and only that one. */
static void test_one_failure(void **state)
{
    (void)state;
    long before = mem_outstanding();
    for (long fail = 0; fail < 3; fail++) {
        mem_fail_after(fail);
        void *blocks[4];
        for (long i = 0; i < 4; i++) {
            blocks[i] = i == 1 ? mem_alloc_zero(8) : mem_alloc(8);
            assert_int_equal(blocks[i] == NULL, i == fail);
        }
        for (long i = 0; i < 4; i++)
            mem_free(blocks[i]);
    }
    mem_fail_after(-1);
    assert_int_equal(mem_outstanding(), before);
}

static void test_failed_realloc_keeps_the_block(void **state)
{
    (void)state;
    char *block = mem_alloc(6);
    assert_non_null(block);
    memcpy(block, "hello", 6);
    mem_fail_after(0);
    assert_null(mem_realloc(block, 1000));
    assert_string_equal(block, "hello");
    mem_free(block);
}

static void test_reserve_doubles(void **state)
{
    (void)state;
    uint32_t *array = NULL;
    size_t capacity = 0;
    unsigned long allocations = mem_allocations();
    for (uint32_t i = 0; i < 10000; i++) {
        assert_int_equal(mem_reserve((void **)&array, &capacity, i + 1, sizeof(*array)), 0);
        assert_true(capacity > i);
        array[i] = i;
    }
    for (uint32_t i = 0; i < 10000; i++)
        assert_int_equal(array[i], i);
    assert_in_range(mem_allocations() - allocations, 1, 12);
    mem_free(array);
}

static void test_reserve_that_fails_changes_nothing(void **state)
{
    (void)state;
    void *array = NULL;
    size_t capacity = 0;
    assert_int_equal(mem_reserve(&array, &capacity, 3, 4), 0);
    void *array_before = array;
    size_t capacity_before = capacity;

    mem_fail_after(0);
    assert_int_equal(mem_reserve(&array, &capacity, capacity + 1, 4), ERR_NO_MEMORY);
    assert_ptr_equal(array, array_before);
    assert_int_equal(capacity, capacity_before);

    /* More bytes than size_t can say. */
    assert_int_equal(mem_reserve(&array, &capacity, SIZE_MAX / 2, 4), ERR_NO_MEMORY);
    assert_ptr_equal(array, array_before);
    assert_int_equal(capacity, capacity_before);
    mem_free(array);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_blocks_are_counted, setup),
        cmocka_unit_test_setup(test_one_failure, setup),
        cmocka_unit_test_setup(test_failed_realloc_keeps_the_block, setup),
        cmocka_unit_test_setup(test_reserve_doubles, setup),
        cmocka_unit_test_setup(test_reserve_that_fails_changes_nothing, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
