/* faults_test.c -- rules are taken whole or not at all, and the coins are thrown as they say. */
#include "../unit.h"

#include "node/faults.h"
#include "node/monotime.h"

#define ROLLS 20000

static const struct members three = {.count = 3, .ids = {1, 2, 3}};

static struct faults faults;

static int set(const struct fault_rule *rules, size_t count, bool replace)
{
    uint32_t peer = 0;
    return faults_set(&faults, &three, 1, rules, count, replace, &peer);
}

static void test_no_rules(void **state)
{
    (void)state;
    faults_init(&faults, 1);
    struct fault_fate fate = faults_roll(&faults, 1, FAULT_OUT);
    assert_int_equal(fate.copies, 1);
    assert_int_equal(fate.delay_ns[0], 0);
    struct fault_rule rules[FAULTS_RULES_MAX];
    assert_int_equal(faults_get(&faults, &three, rules), 0);
}

static void test_drop_has_a_direction(void **state)
{
    (void)state;
    faults_init(&faults, 1);
    assert_int_equal(set(&(struct fault_rule){2, FAULT_OUT, 1000000, 0, 0, 0}, 1, true), 0);
    assert_int_equal(faults_roll(&faults, 1, FAULT_OUT).copies, 0);
    assert_int_equal(faults_roll(&faults, 1, FAULT_IN).copies, 1);
    assert_int_equal(faults_roll(&faults, 2, FAULT_OUT).copies, 1);
    assert_int_equal(faults_dropped(&faults), 1);
    assert_int_equal(faults.dropped[1], 1);
}

static void test_rates(void **state)
{
    (void)state;
    faults_init(&faults, 7);
    assert_int_equal(set(&(struct fault_rule){3, FAULT_BOTH, 300000, 50, 20, 100000}, 1, true), 0);
    uint64_t twice = 0;
    for (int i = 0; i < ROLLS; i++) {
        struct fault_fate fate = faults_roll(&faults, 2, FAULT_IN);
        twice += fate.copies == 2;
        for (uint32_t k = 0; k < fate.copies; k++) {
            assert_true(fate.delay_ns[k] >= 50 * MONOTIME_MS);
            assert_true(fate.delay_ns[k] <= 70 * MONOTIME_MS);
        }
    }
    /* 6,000 and 1,400 are expected; ten standard deviations are 650 and 361. */
    assert_in_range(faults_dropped(&faults), 5350, 6650);
    assert_in_range(twice, 1039, 1761);
    assert_int_equal(faults.duplicated, twice);
    assert_int_equal(faults.delayed, ROLLS - faults_dropped(&faults));
}

static void test_rules_are_kept_and_replaced(void **state)
{
    (void)state;
    faults_init(&faults, 1);
    assert_int_equal(set((struct fault_rule[]){{2, FAULT_BOTH, 5, 6, 7, 8}}, 1, false), 0);
    assert_int_equal(set((struct fault_rule[]){{2, FAULT_IN, 9, 0, 0, 0}}, 1, false), 0);
    struct fault_rule rules[FAULTS_RULES_MAX];
    assert_int_equal(faults_get(&faults, &three, rules), 2);
    assert_int_equal(rules[0].direction, FAULT_IN);
    assert_int_equal(rules[0].drop_ppm, 9);
    assert_int_equal(rules[1].direction, FAULT_OUT);
    assert_int_equal(rules[1].duplicate_ppm, 8);

    assert_int_equal(set((struct fault_rule[]){{3, FAULT_BOTH, 1, 2, 3, 4}}, 1, true), 0);
    assert_int_equal(faults_get(&faults, &three, rules), 1);
    assert_int_equal(rules[0].peer, 3);
    assert_int_equal(rules[0].direction, FAULT_BOTH);
    assert_int_equal(rules[0].delay_ms, 2);
    assert_int_equal(rules[0].jitter_ms, 3);

    faults_clear(&faults);
    assert_int_equal(faults_get(&faults, &three, rules), 0);
    assert_false(faults.any);
}

static void test_all_or_nothing(void **state)
{
    (void)state;
    static const struct fault_rule bad[] = {
        {1, FAULT_IN, 1, 0, 0, 0},
        {4, FAULT_IN, 1, 0, 0, 0},
        {3, (enum fault_direction)0, 1, 0, 0, 0},
        {3, (enum fault_direction)4, 1, 0, 0, 0},
        {3, FAULT_IN, FAULTS_PPM_MAX + 1, 0, 0, 0},
        {3, FAULT_IN, 0, FAULTS_DELAY_MS_MAX + 1, 0, 0},
        {3, FAULT_IN, 0, 0, FAULTS_DELAY_MS_MAX + 1, 0},
        {3, FAULT_IN, 0, 0, 0, FAULTS_PPM_MAX + 1},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        faults_init(&faults, 1);
        struct fault_rule rules[2] = {{2, FAULT_BOTH, 5, 6, 7, 8}, bad[i]};
        uint32_t peer = 0;
        int err = faults_set(&faults, &three, 1, rules, 2, true, &peer);
        assert_int_equal(err, i < 2 ? ERR_NOT_FOUND : ERR_INVALID);
        assert_int_equal(peer, bad[i].peer);
        struct fault_rule now[FAULTS_RULES_MAX];
        assert_int_equal(faults_get(&faults, &three, now), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_rules),       cmocka_unit_test(test_drop_has_a_direction),
        cmocka_unit_test(test_rates),          cmocka_unit_test(test_rules_are_kept_and_replaced),
        cmocka_unit_test(test_all_or_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
