/* history_sort_test.c -- order, stability, and no memory. */
#include "../unit.h"

#include "base/mem.h"
#include "base/prng.h"
#include "history/history_sort.h"

static int cmp_by_value(const void *context, uint32_t a, uint32_t b)
{
    const uint32_t *values = context;
    return history_sort_u64(values[a], values[b]);
}

static void test_sorts_stably(void **state)
{
    (void)state;
    struct prng prng;
    prng_init(&prng, 1);
    for (uint32_t count = 0; count < 200; count++) {
        uint32_t values[200];
        uint32_t numbers[200];
        for (uint32_t i = 0; i < count; i++) {
            values[i] = (uint32_t)prng_below(&prng, 1 + count / 2);
            numbers[i] = i;
        }
        assert_int_equal(history_sort(numbers, count, cmp_by_value, values), 0);
        bool met[200] = {false};
        for (uint32_t i = 0; i < count; i++) {
            assert_true(numbers[i] < count);
            assert_false(met[numbers[i]]);
            met[numbers[i]] = true;
            if (i == 0)
                continue;
            uint32_t before = values[numbers[i - 1]];
            uint32_t here = values[numbers[i]];
            assert_true(before < here || (before == here && numbers[i - 1] < numbers[i]));
        }
    }
    assert_int_equal(mem_outstanding(), 0);
}

static void test_without_memory_nothing_moves(void **state)
{
    (void)state;
    uint32_t values[] = {3, 2, 1};
    uint32_t numbers[] = {0, 1, 2};
    mem_fail_after(0);
    assert_int_equal(history_sort(numbers, 3, cmp_by_value, values), ERR_NO_MEMORY);
    mem_fail_after(-1);
    for (uint32_t i = 0; i < 3; i++)
        assert_int_equal(numbers[i], i);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sorts_stably),
        cmocka_unit_test(test_without_memory_nothing_moves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
