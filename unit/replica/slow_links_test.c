/*
 * slow_links_test.c -- large values over links that take long for them.
 *
 * No copies hold up the link, and nobody takes a value that is still on its way for one that was
 * left open.
 */
#include "../unit.h"

#include "bench.h"

#define LARGE ((size_t)1 << 20)
#define LARGE_VALUES 12
#define SMALL_VALUES 300 /* All that the nodes know of how long slots and commits take. */

static void put_large(struct bench *b, uint32_t node, uint64_t handle)
{
    static uint8_t bytes[LARGE];
    struct command c = {.kind = COMMAND_PUT, .key = bytes_of("k"), .value = {bytes, LARGE}};
    bench_write(b, node, handle, &c);
}

/* Nodes that have had quick times. */
static struct bench *open_quick(enum mode mode)
{
    struct bench *b = bench_open_tuned(3, &replica_tuning_default, mode);
    b->no_disk = true;
    for (uint32_t i = 0; i < SMALL_VALUES; i++) {
        bench_put(b, i % 3, i, "k", "v");
        bench_run(b, 2);
    }
    bench_run(b, 100);
    return b;
}

/* Each value arrives once, or twice where nothing can tell that the first one is on its way. */
static void large_values_are_chosen(enum mode mode, uint64_t ns_per_byte, bool links_hide)
{
    struct bench *b = open_quick(mode);
    b->link_ns_per_byte = ns_per_byte;
    b->links_hide = links_hide;
    uint64_t most_ms = 2 * LARGE * ns_per_byte / MS + 10;
    for (uint64_t handle = SMALL_VALUES; handle < SMALL_VALUES + LARGE_VALUES; handle++) {
        put_large(b, 0, handle);
        for (uint64_t ms = 0; ms < most_ms && !b->answers[handle].given; ms++)
            bench_run(b, 1);
        assert_true(b->answers[handle].given);
        assert_int_equal(b->answers[handle].status, ANSWER_OK);
    }
    bench_close(b);
}

static const enum mode modes[] = {MODE_CLASSIC, MODE_COORDINATED};

static void a_link_that_is_slow_is_no_slower_for_copies(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        large_values_are_chosen(modes[i], 8, false); /* 1 Gbit/s */
        large_values_are_chosen(modes[i], 80, false);
        large_values_are_chosen(modes[i], 160, false);
    }
    /* So slow that all timers run out, and still nothing is said twice. */
    large_values_are_chosen(MODE_CLASSIC, 400, false);
}

static void not_even_when_nobody_sees_that_it_is(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        large_values_are_chosen(modes[i], 8, true);
        large_values_are_chosen(modes[i], 80, true);
    }
}

/* How many ms a put at node 1 takes, 600 at most, while node 0 begins a large one every so often.
 */
static uint64_t put_elsewhere(struct bench *b, uint64_t every_ms)
{
    bench_put(b, 1, SMALL_VALUES + 1, "other", "v");
    uint64_t ms = 0;
    for (; ms < 600 && !b->answers[SMALL_VALUES + 1].given; ms++) {
        if (ms % every_ms == 0)
            put_large(b, 0, SMALL_VALUES + 2 + ms / every_ms);
        bench_run(b, 1);
    }
    return ms;
}

/* An Accept that is lost on its way to all. */
static bool lose_accepts_of_0(const struct bench *b, const struct bench_letter *letter)
{
    (void)b;
    return letter->from == 0 && letter->message.kind == MESSAGE_ACCEPT;
}

/* Node 0 goes on and on announcing; nobody waits longer for what does not come. */
static void an_announcement_is_no_excuse_for_long(void **state)
{
    (void)state;
    struct bench *b = open_quick(MODE_COORDINATED);
    b->lose = lose_accepts_of_0;
    put_large(b, 0, SMALL_VALUES);
    bench_run(b, 2);
    assert_int_not_equal(b->sent[MESSAGE_COMING], 0);
    assert_in_range(put_elsewhere(b, 20), 150, 250);
    bench_close(b);
}

/* The first one. */
static bool lose_first_accept_of_0(const struct bench *b, const struct bench_letter *letter)
{
    static uint64_t first;
    (void)b;
    if (letter->from != 0 || letter->message.kind != MESSAGE_ACCEPT)
        return false;
    if (first == 0)
        first = letter->message.slot;
    return letter->message.slot == first;
}

/* Node 0 keeps all its promises but one. */
static void a_hole_is_not_excused_for_ever(void **state)
{
    (void)state;
    struct bench *b = open_quick(MODE_COORDINATED);
    b->lose = lose_first_accept_of_0;
    put_large(b, 0, SMALL_VALUES);
    bench_run(b, 2);
    assert_in_range(put_elsewhere(b, 100), 150, 350);
    bench_close(b);
}

/* Who is known to be cut off is not waited for either. */
static void a_broken_stream_brings_nothing(void **state)
{
    (void)state;
    struct bench *b = open_quick(MODE_COORDINATED);
    b->lose = lose_accepts_of_0;
    put_large(b, 0, SMALL_VALUES);
    bench_run(b, 2);
    b->dead[0] = true;
    bench_step(b, 1, (struct event){.kind = EVENT_PEER_DOWN, .peer = 0});
    bench_put(b, 1, SMALL_VALUES + 1, "other", "v");
    bench_run(b, 40);
    assert_true(b->answers[SMALL_VALUES + 1].given);
    bench_close(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_link_that_is_slow_is_no_slower_for_copies),
        cmocka_unit_test(not_even_when_nobody_sees_that_it_is),
        cmocka_unit_test(an_announcement_is_no_excuse_for_long),
        cmocka_unit_test(a_hole_is_not_excused_for_ever),
        cmocka_unit_test(a_broken_stream_brings_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
