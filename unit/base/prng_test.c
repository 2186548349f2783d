/* prng_test.c -- the same seed gives the same run, and the bounds hold. */
#include "../unit.h"

#include "base/prng.h"

static void test_reproducible(void **state)
{
    (void)state;
    struct prng a;
    struct prng b;
    struct prng c;
    prng_init(&a, 7);
    prng_init(&b, 7);
    prng_init(&c, 8);
    int same = 0;
    for (int i = 0; i < 1000; i++) {
        uint64_t x = prng_next(&a);
        assert_int_equal(x, prng_next(&b));
        same += x == prng_next(&c);
    }
    assert_int_equal(same, 0);
}

static void test_bounds(void **state)
{
    (void)state;
    struct prng p;
    prng_init(&p, 1);
    unsigned seen = 0;
    for (int i = 0; i < 1000; i++) {
        uint64_t x = prng_between(&p, 3, 6);
        assert_in_range(x, 3, 6);
        seen |= 1U << x;
        assert_false(prng_chance(&p, 0));
        assert_true(prng_chance(&p, 1000000));
    }
    assert_int_equal(seen, 0x78);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reproducible),
        cmocka_unit_test(test_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
