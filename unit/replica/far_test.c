/*
 * far_test.c -- nodes that are far apart do not take each other for dead.
 *
 * docs/protocol.md, section 7, rule C7: the patience grows with how long word of a member usually
 * takes.
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

static uint64_t takeovers(const struct bench *b)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < b->count; i++) {
        struct replica_status status;
        replica_get_status(b->nodes[i], &status);
        sum += status.stats.recovered_total;
    }
    return sum;
}

static struct bench *open_far(void)
{
    struct bench *b = bench_open_coordinated(3);
    b->no_disk = true;
    b->link_ns = FAR_MS * MS;
    (void)longest_put_ms(b, 0, WARM_PUTS, 3);
    return b;
}

/* There and back, and what others skipped meanwhile is there by then. */
static void a_write_takes_one_round_trip(void **state)
{
    (void)state;
    struct bench *b = open_far();
    uint64_t before = takeovers(b);
    assert_in_range(longest_put_ms(b, WARM_PUTS, PUTS, 3), 2 * FAR_MS, 2 * FAR_MS + 10);
    assert_int_equal(takeovers(b), before);
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
        cmocka_unit_test(a_dead_node_stops_nobody_for_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
