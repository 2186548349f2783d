/* tally_test.c -- windows, seconds and gaps, counted by hand. */
#include "../../unit.h"

#include <string.h>

#include "cli/bench/tally.h"

#define MS UINT64_C(1000000)
#define S (1000 * MS)

static struct tally t;

static int setup(void **state)
{
    (void)state;
    return tally_init(&t, 10 * S, 13 * S, 3);
}

static int teardown(void **state)
{
    (void)state;
    tally_fini(&t);
    return 0;
}

/* An operation that succeeded, by the time since the window began. */
static void add(uint32_t home, int64_t began_ms, int64_t ended_ms)
{
    tally_add(&t, &(struct tally_op){
                      .home = home,
                      .began_ns = (uint64_t)(10000 + began_ms) * MS,
                      .ended_ns = (uint64_t)(10000 + ended_ms) * MS,
                  });
}

static void test_window(void **state)
{
    (void)state;
    add(0, -50, -10); /* Before it. */
    add(0, -50, 10);  /* Ends in it. */
    add(1, 10, 30);
    add(2, 2990, 3400); /* Was under way at its end. */
    add(2, 3000, 9000); /* Began after it. */
    tally_finish(&t);
    assert_int_equal(t.ops, 2);
    assert_int_equal(histogram_count(&t.latencies), 2);
    assert_int_equal(t.homes[0].ops, 1);
    assert_int_equal(t.homes[1].ops, 1);
    assert_int_equal(t.homes[2].ops, 0);
    assert_int_equal(t.max_ns, 410 * MS);
    assert_int_equal(t.homes[2].max_ns, 410 * MS);
    assert_int_equal(t.homes[0].max_ns, 60 * MS);
}

static void test_gaps(void **state)
{
    (void)state;
    add(0, 90, 100);
    add(1, 90, 300);
    add(0, 290, 400);
    add(2, 290, 1400);
    add(1, 290, 1500);
    add(0, 290, 2900);
    tally_finish(&t);
    /* All: 100, 300, 400, 1400, 1500, 2900. */
    assert_int_equal(t.gap.longest_ns, 1400 * MS);
    /* Home 0: 100, 400, 2900; the others: 300, 1400, 1500, and the end. */
    assert_int_equal(t.homes[0].gap.longest_ns, 2500 * MS);
    assert_int_equal(t.homes[0].others_gap.longest_ns, 1500 * MS);
    /* Home 1: 300, 1500, and the end; the others: 100, 400, 1400, 2900. */
    assert_int_equal(t.homes[1].gap.longest_ns, 1500 * MS);
    assert_int_equal(t.homes[1].others_gap.longest_ns, 1500 * MS);
    /* Home 2: 1400; the others: 100, 300, 400, 1500, 2900. */
    assert_int_equal(t.homes[2].gap.longest_ns, 1600 * MS);
    assert_int_equal(t.homes[2].others_gap.longest_ns, 1400 * MS);
}

static void test_a_silent_window_is_one_gap(void **state)
{
    (void)state;
    tally_finish(&t);
    assert_int_equal(t.ops, 0);
    assert_int_equal(t.gap.longest_ns, 3 * S);
    assert_int_equal(t.homes[1].gap.longest_ns, 3 * S);
    assert_int_equal(t.seconds_count, 3);
    assert_int_equal(t.seconds[2].gap_ns, 3 * S);
}

static void test_failures_end_no_gap(void **state)
{
    (void)state;
    add(0, 0, 500);
    tally_add(
        &t, &(struct tally_op){.home = 0, .began_ns = 10 * S, .ended_ns = 11 * S, .failed = true});
    tally_finish(&t);
    assert_int_equal(t.ops, 1);
    assert_int_equal(t.errors, 1);
    assert_int_equal(t.homes[0].errors, 1);
    assert_int_equal(t.gap.longest_ns, 2500 * MS);
    assert_int_equal(t.max_ns, S);
    assert_int_equal(histogram_max_ns(&t.latencies), 500 * MS);
    assert_int_equal(t.seconds[1].errors, 1);
}

static void test_seconds(void **state)
{
    (void)state;
    for (int64_t i = 0; i < 100; i++)
        add(0, 200, 201 + i); /* 1 to 100 ms. */
    add(1, 900, 1000);
    tally_advance(&t, 11 * S);
    assert_int_equal(t.seconds_count, 1);
    add(1, 2000, 2250);
    assert_int_equal(t.seconds_count, 2);
    tally_finish(&t);
    assert_int_equal(t.seconds_count, 3);
    assert_int_equal(t.seconds[0].ops, 100);
    assert_in_range(t.seconds[0].p50_ns, 50 * MS, 51 * MS);
    assert_in_range(t.seconds[0].p99_ns, 99 * MS, 101 * MS);
    assert_int_equal(t.seconds[0].max_ns, 100 * MS);
    assert_int_equal(t.seconds[0].gap_ns, 201 * MS);
    assert_int_equal(t.seconds[1].ops, 1);
    assert_int_equal(t.seconds[1].gap_ns, 700 * MS);
    assert_int_equal(t.seconds[2].ops, 1);
    assert_int_equal(t.seconds[2].max_ns, 250 * MS);
    assert_int_equal(t.seconds[2].gap_ns, 1250 * MS);
    assert_int_equal(histogram_count(&t.latencies), 102);
}

/* The clock is read before the lock is taken: another thread may come in between. */
static void test_out_of_order(void **state)
{
    (void)state;
    add(0, 500, 1000);
    add(1, 500, 999);
    tally_finish(&t);
    assert_int_equal(t.ops, 2);
    assert_int_equal(t.gap.longest_ns, 2 * S);
    assert_int_equal(t.seconds[0].ops, 0);
    assert_int_equal(t.seconds[1].ops, 2);
}

static void test_too_late_to_count(void **state)
{
    (void)state;
    tally_advance(&t, 13 * S);
    add(0, 0, 2999);
    tally_finish(&t);
    assert_int_equal(t.ops, 0);
    assert_int_equal(t.max_ns, 2999 * MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_window),
        TEST(test_gaps),
        TEST(test_a_silent_window_is_one_gap),
        TEST(test_failures_end_no_gap),
        TEST(test_seconds),
        TEST(test_out_of_order),
        TEST(test_too_late_to_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
