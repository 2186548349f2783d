/*
 * far_test.c -- nodes that are far apart do not take each other for dead.
 *
 * docs/protocol.md, section 7, rule C7: the patience grows with how long word of a member usually
 * takes, and so does whatever else waits for an answer, in classic mode too.
 */
#include "../unit.h"

#include "bench.h"

#define FAR_MS 30
#define WARM_PUTS 300
#define PUTS 60

/* Of puts at all nodes in turn, which overlap, the longest took so many ms. */
static uint64_t longest_put_ms(struct bench *b, uint64_t from, uint32_t puts, uint32_t nodes)
{
    uint64_t begun_ms[WARM_PUTS];
    uint64_t longest = 0;
    uint32_t begun = 0;
    uint32_t done = 0;
    bool is_done[WARM_PUTS] = {false};
    for (uint64_t ms = 0; done < puts && ms < 60000; ms++) {
        if (begun < puts && ms % 10 == 0) {
            begun_ms[begun] = ms;
            bench_put(b, begun % nodes, from + begun, "k", "v");
            begun++;
        }
        bench_run(b, 1);
        for (uint32_t i = 0; i < begun; i++) {
            if (is_done[i] || !b->answers[from + i].given)
                continue;
            is_done[i] = true;
            done++;
            longest = ms - begun_ms[i] > longest ? ms - begun_ms[i] : longest;
        }
    }
    assert_int_equal(done, puts);
    return longest;
}

/* Of all nodes. */
static struct replica_stats totals(const struct bench *b)
{
    struct replica_stats sum = {0};
    for (uint32_t i = 0; i < b->count; i++) {
        struct replica_status status;
        replica_get_status(b->nodes[i], &status);
        sum.recovered_total += status.stats.recovered_total;
        sum.asked_total += status.stats.asked_total;
        sum.propose_total += status.stats.propose_total;
    }
    return sum;
}

/* They know by now how far they are apart. `writers` of them have written. */
static struct bench *open_far_as(enum mode mode, uint32_t writers)
{
    struct bench *b = bench_open_tuned(3, &replica_tuning_default, mode);
    b->no_disk = true;
    b->link_ns = FAR_MS * MS;
    (void)longest_put_ms(b, 0, WARM_PUTS, writers);
    return b;
}

static struct bench *open_far(void)
{
    return open_far_as(MODE_COORDINATED, 3);
}

/* There and back, and what others skipped meanwhile is there by then. */
static void a_write_takes_one_round_trip(void **state)
{
    (void)state;
    struct bench *b = open_far();
    struct replica_stats before = totals(b);
    assert_in_range(longest_put_ms(b, WARM_PUTS, PUTS, 3), 2 * FAR_MS, 2 * FAR_MS + 10);
    assert_int_equal(totals(b).recovered_total, before.recovered_total);
    assert_int_equal(totals(b).asked_total, before.asked_total);
    bench_close(b);
}

/* Nothing is said twice either, as nothing is lost. */
static void nothing_is_repeated(void **state)
{
    (void)state;
    struct bench *b = open_far();
    uint64_t accepts = b->sent[MESSAGE_ACCEPT];
    (void)longest_put_ms(b, WARM_PUTS, PUTS, 1);
    assert_in_range(b->sent[MESSAGE_ACCEPT] - accepts, 1, 2 * PUTS);
    bench_close(b);
}

static void a_quorum_is_asked_once(void **state)
{
    (void)state;
    struct bench *b = open_far();
    bench_get_as(b, 0, WARM_PUTS, "k", CONSISTENCY_QUORUM);
    bench_run(b, 10 * FAR_MS);
    assert_true(b->answers[WARM_PUTS].given);
    assert_int_equal(b->sent[MESSAGE_READ], 2);
    bench_close(b);
}

/* Each attempt is made once, and nobody takes it for a hole. */
static void a_classic_write_takes_two_round_trips(void **state)
{
    (void)state;
    struct bench *b = open_far_as(MODE_CLASSIC, 1);
    struct replica_stats before = totals(b);
    uint64_t prepares = b->sent[MESSAGE_PREPARE];
    assert_in_range(longest_put_ms(b, WARM_PUTS, PUTS, 1), 4 * FAR_MS, 4 * FAR_MS + 10);
    uint64_t attempts = totals(b).propose_total - before.propose_total;
    assert_int_equal(b->sent[MESSAGE_PREPARE] - prepares, 2 * attempts);
    assert_int_equal(totals(b).recovered_total, before.recovered_total);
    bench_close(b);
}

/* One of the two that are left does it, and says what it says once. */
static void whose_streams_break_is_taken_over_once(void **state)
{
    (void)state;
    struct bench *b = open_far();
    struct replica_stats before = totals(b);
    uint64_t prepares = b->sent[MESSAGE_PREPARE_RANGE];
    b->dead[2] = true;
    for (uint32_t i = 0; i < 2; i++)
        bench_step(b, i, (struct event){.kind = EVENT_PEER_DOWN, .peer = 2});
    assert_in_range(longest_put_ms(b, WARM_PUTS, 1, 1), 2 * FAR_MS, 6 * FAR_MS);
    assert_int_equal(totals(b).recovered_total, before.recovered_total + 1);
    assert_in_range(b->sent[MESSAGE_PREPARE_RANGE] - prepares, 1, 2);
    bench_close(b);
}

/* Who does die is waited for longer than nearby, in proportion. */
static void a_dead_node_stops_nobody_for_long(void **state)
{
    (void)state;
    struct bench *b = open_far();
    b->dead[2] = true;
    assert_in_range(longest_put_ms(b, WARM_PUTS, PUTS, 2), 2 * FAR_MS, 20 * FAR_MS);
    assert_in_range(longest_put_ms(b, WARM_PUTS + PUTS, PUTS, 2), 2 * FAR_MS, 4 * FAR_MS);
    bench_close(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_write_takes_one_round_trip),
        cmocka_unit_test(nothing_is_repeated),
        cmocka_unit_test(a_quorum_is_asked_once),
        cmocka_unit_test(a_classic_write_takes_two_round_trips),
        cmocka_unit_test(whose_streams_break_is_taken_over_once),
        cmocka_unit_test(a_dead_node_stops_nobody_for_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
