/* be_test.c -- integers survive the way to bytes and back, and memcmp orders the bytes. */
#include "../unit.h"

#include <string.h>

#include "base/be.h"
#include "base/prng.h"

static void test_layout(void **state)
{
    (void)state;
    const uint8_t wanted[8] = {0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef};
    uint8_t out[8];
    be64_store(out, UINT64_C(0x0123456789abcdef));
    assert_memory_equal(out, wanted, 8);
    assert_int_equal(be64_load(wanted), UINT64_C(0x0123456789abcdef));
    be32_store(out, UINT32_C(0x01234567));
    assert_memory_equal(out, wanted, 4);
    assert_int_equal(be32_load(wanted), UINT32_C(0x01234567));
}

/* Every power of two and its neighbours: where a carry or a sign could go wrong. */
static void test_round_trip_at_edges(void **state)
{
    (void)state;
    for (unsigned bit = 0; bit < 64; bit++) {
        for (uint64_t d = 0; d < 3; d++) {
            uint64_t v = (UINT64_C(1) << bit) + d - 1;
            uint8_t out[8];
            be64_store(out, v);
            assert_int_equal(be64_load(out), v);
            be32_store(out, (uint32_t)v);
            assert_int_equal(be32_load(out), (uint32_t)v);
        }
    }
}

static void test_memcmp_is_numeric_order(void **state)
{
    (void)state;
    struct prng p;
    prng_init(&p, 1);
    for (int i = 0; i < 10000; i++) {
        uint64_t a = prng_next(&p) >> prng_below(&p, 64);
        uint64_t b = prng_chance(&p, 500000) ? a + 1 : prng_next(&p) >> prng_below(&p, 64);
        uint8_t key_a[8];
        uint8_t key_b[8];
        be64_store(key_a, a);
        be64_store(key_b, b);
        int order = memcmp(key_a, key_b, 8);
        assert_true((a < b) == (order < 0) && (a > b) == (order > 0));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_layout),
        cmocka_unit_test(test_round_trip_at_edges),
        cmocka_unit_test(test_memcmp_is_numeric_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
