/* delays_test.c -- the 99th percentile against a twin that sorts. */
#include "../unit.h"

#include <stdlib.h>

#include "base/prng.h"
#include "replica/delays.h"

static void the_guess_holds_until_enough_is_known(void **state)
{
    (void)state;
    struct delays d;
    delays_init(&d, 5000);
    for (int i = 0; i < DELAYS_NEEDED - 1; i++) {
        assert_int_equal(delays_p99(&d), 5000);
        delays_add(&d, 7);
    }
    assert_int_equal(delays_p99(&d), 5000);
    delays_add(&d, 7);
    assert_int_equal(delays_p99(&d), 7);
}

static void what_is_slow_is_slow_at_once(void **state)
{
    (void)state;
    struct delays d;
    delays_init(&d, 5000);
    delays_add(&d, 400000);
    delays_add(&d, 300000);
    assert_int_equal(delays_p99(&d), 400000);
}

static void what_was_long_ago_is_not_recent(void **state)
{
    (void)state;
    struct delays d;
    delays_init(&d, 5000);
    assert_int_equal(delays_recent(&d), 5000);
    delays_add(&d, 900);
    assert_int_equal(delays_recent(&d), 900);
    for (int i = 0; i < 3 * DELAYS_KEPT; i++) {
        delays_add(&d, 300);
        for (int k = 0; k < DELAYS_RECENT - 1; k++) {
            assert_int_equal(delays_recent(&d), i == 0 ? 900 : 300);
            delays_add(&d, 7);
        }
        assert_int_equal(delays_recent(&d), 300);
        delays_add(&d, 7);
        assert_int_equal(delays_recent(&d), 7);
    }
}

static int descending(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return (x < y) - (x > y);
}

static void against_a_twin_that_sorts(void **state)
{
    (void)state;
    struct prng prng;
    prng_init(&prng, 3);
    struct delays d;
    delays_init(&d, 1);
    uint64_t all[2000];
    for (int i = 0; i < 2000; i++) {
        all[i] = prng_below(&prng, 1000000);
        delays_add(&d, all[i]);
        if (i < DELAYS_KEPT || (i + 1) % 16 != 0)
            continue;
        uint64_t last[DELAYS_KEPT];
        for (int k = 0; k < DELAYS_KEPT; k++)
            last[k] = all[i - k];
        qsort(last, DELAYS_KEPT, sizeof(last[0]), descending);
        assert_int_equal(delays_p99(&d), last[2]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_guess_holds_until_enough_is_known),
        cmocka_unit_test(what_is_slow_is_slow_at_once),
        cmocka_unit_test(what_was_long_ago_is_not_recent),
        cmocka_unit_test(against_a_twin_that_sorts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
