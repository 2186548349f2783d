/* histogram_test.c -- quantiles against a sorted array, within the error that the header states. */
#include "../unit.h"

#include <stdlib.h>
#include <string.h>

#include "base/histogram.h"
#include "base/prng.h"

#define VALUES_MAX 20000

static struct histogram h;
static uint64_t twin[VALUES_MAX];

static int setup(void **state)
{
    (void)state;
    memset(&h, 0, sizeof(h));
    return 0;
}

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* The smallest of the sorted values that at least per_million of a million do not exceed. */
static uint64_t twin_quantile(size_t count, uint32_t per_million)
{
    size_t at = 0;
    while ((at + 1) * UINT64_C(1000000) < count * (uint64_t)per_million)
        at++;
    return twin[at];
}

static void assert_like_twin(size_t count)
{
    static const uint32_t quantiles[] = {0,      1,      10000,  250000, 500000, 510000,
                                         900000, 950000, 990000, 999000, 999900, 1000000};
    uint64_t sum = 0;
    qsort(twin, count, sizeof(twin[0]), compare);
    for (size_t i = 0; i < count; i++)
        sum += twin[i];
    assert_int_equal(histogram_count(&h), count);
    assert_int_equal(histogram_sum_ns(&h), sum);
    assert_int_equal(histogram_max_ns(&h), twin[count - 1]);
    for (size_t i = 0; i < sizeof(quantiles) / sizeof(quantiles[0]); i++) {
        uint64_t truth = twin_quantile(count, quantiles[i]);
        uint64_t slack = truth / 64 > 16 ? truth / 64 : 16;
        assert_in_range(histogram_quantile_ns(&h, quantiles[i]), truth, truth + slack);
    }
}

static void test_empty(void **state)
{
    (void)state;
    assert_int_equal(histogram_count(&h), 0);
    assert_int_equal(histogram_sum_ns(&h), 0);
    assert_int_equal(histogram_max_ns(&h), 0);
    assert_int_equal(histogram_quantile_ns(&h, 999000), 0);
    assert_int_equal(histogram_count_up_to(&h, UINT64_MAX), 0);
}

/* A lone value is its own quantile, at every edge between buckets and octaves. */
static void test_edges(void **state)
{
    (void)state;
    for (unsigned bit = 0; bit < 37; bit++) {
        for (uint64_t d = 0; d < 3; d++) {
            memset(&h, 0, sizeof(h));
            uint64_t value = (UINT64_C(1) << bit) + d - 1;
            histogram_record(&h, value);
            assert_int_equal(histogram_quantile_ns(&h, 500000), value);
            /* It is counted up to a limit a bucket above it, and not below it. */
            assert_int_equal(histogram_count_up_to(&h, value + value / 64 + 16), 1);
            assert_int_equal(value == 0 ? 0 : histogram_count_up_to(&h, value - 1), 0);
        }
    }
}

static void test_like_sorted_array(void **state)
{
    (void)state;
    struct prng p;
    prng_init(&p, 3);
    for (unsigned round = 0; round < 12; round++) {
        memset(&h, 0, sizeof(h));
        size_t count = round < 4 ? round + 1 : (size_t)prng_between(&p, 100, VALUES_MAX);
        for (size_t i = 0; i < count; i++) {
            /* Of every order of magnitude the same number, 0 to 137 s. */
            twin[i] = (prng_next(&p) >> 27) >> prng_below(&p, 38);
            histogram_record(&h, twin[i]);
        }
        assert_like_twin(count);
    }
}

static void test_merge_is_recording_all(void **state)
{
    (void)state;
    static struct histogram parts[3];
    struct prng p;
    prng_init(&p, 5);
    for (size_t i = 0; i < 9999; i++) {
        twin[i] = prng_between(&p, 50000, 3000000);
        histogram_record(&parts[i % 3], twin[i]);
    }
    for (size_t i = 0; i < 3; i++)
        histogram_merge(&h, &parts[i]);
    assert_like_twin(9999);
}

/* Beyond the range the count is right and the maximum is exact. */
static void test_huge_values(void **state)
{
    (void)state;
    histogram_record(&h, 1000);
    histogram_record(&h, HISTOGRAM_VALUE_MAX_NS + 1);
    histogram_record(&h, UINT64_MAX / 4);
    assert_int_equal(histogram_count(&h), 3);
    assert_int_equal(histogram_max_ns(&h), UINT64_MAX / 4);
    assert_int_equal(histogram_quantile_ns(&h, 1000000), UINT64_MAX / 4);
    assert_int_equal(histogram_count_up_to(&h, HISTOGRAM_VALUE_MAX_NS), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_empty, setup),
        cmocka_unit_test_setup(test_edges, setup),
        cmocka_unit_test_setup(test_like_sorted_array, setup),
        cmocka_unit_test_setup(test_merge_is_recording_all, setup),
        cmocka_unit_test_setup(test_huge_values, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
