/*
 * idle_test.c -- a member with nothing to propose holds nobody up, alive or not.
 *
 * docs/protocol.md, section 7, rule C5.
 */
#include "../unit.h"

#include "bench.h"

#define PUTS 3000
#define PATIENCE_MS 6

/* One put at node 0; how many ms until it is answered. */
static uint64_t put_takes_ms(struct bench *b)
{
    bench_put(b, 0, 0, "k", "v");
    b->answers[0].given = false;
    uint64_t ms = 0;
    for (; ms < 100 && !b->answers[0].given; ms++)
        bench_run(b, 1);
    assert_true(b->answers[0].given);
    return ms;
}

static uint64_t longest_put_ms(struct bench *b, uint32_t puts)
{
    uint64_t longest = 0;
    for (uint32_t i = 0; i < puts; i++) {
        uint64_t ms = put_takes_ms(b);
        longest = ms > longest ? ms : longest;
    }
    return longest;
}

/* Nodes 1 and 2 propose nothing, and have skipped far ahead. */
static struct bench *open_with_two_idle(void)
{
    struct bench *b = bench_open_coordinated(3);
    b->no_disk = true;
    bench_run(b, 20);
    (void)longest_put_ms(b, PUTS);
    return b;
}

static uint64_t takeovers(const struct bench *b, uint32_t node)
{
    struct replica_status status;
    replica_get_status(b->nodes[node], &status);
    return status.stats.recovered_total;
}

/* It falls silent, and its streams stay: what it had skipped is used up long after that. */
static void who_falls_silent_while_idle_is_waited_for_by_nobody(void **state)
{
    (void)state;
    struct bench *b = open_with_two_idle();
    uint64_t usual_ms = longest_put_ms(b, 100);
    b->dead[2] = true;
    assert_in_range(longest_put_ms(b, PUTS), 1, usual_ms);
    assert_true(takeovers(b, 0) + takeovers(b, 1) > 0);
    bench_close(b);
}

/* Who lives goes on in time: nothing is taken over from it. */
static void who_is_idle_keeps_its_slots(void **state)
{
    (void)state;
    struct bench *b = open_with_two_idle();
    (void)longest_put_ms(b, PUTS);
    for (uint32_t i = 0; i < 3; i++)
        assert_int_equal(takeovers(b, i), 0);
    bench_close(b);
}

/* Whose slots were taken over ahead is not suspected: it goes on behind them, at once. */
static void who_was_silent_goes_on_at_once(void **state)
{
    (void)state;
    struct bench *b = open_with_two_idle();
    b->dead[2] = true;
    (void)longest_put_ms(b, PUTS);
    b->dead[2] = false;
    bench_run(b, 100);
    bench_put(b, 2, 1, "k", "w");
    bench_run(b, 2 * PATIENCE_MS);
    assert_true(b->answers[1].given);
    assert_int_equal(b->answers[1].status, ANSWER_OK);
    bench_run(b, 500);
    assert_true(bench_is_converged(b));
    bench_close(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_falls_silent_while_idle_is_waited_for_by_nobody),
        cmocka_unit_test(who_is_idle_keeps_its_slots),
        cmocka_unit_test(who_was_silent_goes_on_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
