/*
 * skipping_test.c -- own slots that are declared unused, and what others make of that:
 * docs/protocol.md, section 7, rules C3 and C4.
 *
 * One node of three is under test; the test speaks for the others (alone.h).
 */
#include "../unit.h"

#include "alone.h"

#define PATIENCE_MS 6

static void say_skip(struct bench *b, uint32_t from, struct interval i)
{
    bench_say(b, from, 0, (struct message){.kind = MESSAGE_SKIP, .interval = i});
}

static void say_skipped(struct bench *b, uint32_t from, uint64_t known)
{
    bench_say(b, from, 0, (struct message){.kind = MESSAGE_SKIPPED, .slot = known});
}

static void heartbeat(struct bench *b, uint32_t from, struct progress p)
{
    p.boot = 1;
    bench_say(b, from, 0, (struct message){.kind = MESSAGE_HEARTBEAT, .progress = p});
}

/* ---- Who skips ----------------------------------------------------------------------------- */

static void nothing_is_skipped_before_its_reservation_is_durable(void **state)
{
    (void)state;
    struct bench *b = alone_open(3);
    b->stalled[0] = true;
    alone_propose(b, 10);
    uint64_t vote = b->to_sync[0];
    alone_run(b, 5);
    assert_true(b->to_sync[0] > vote);
    bench_step(b, 0, (struct event){.kind = EVENT_DURABLE, .sequence = vote});
    bench_tick(b, 0);
    assert_int_equal(b->sent[MESSAGE_SKIP], 0);
    assert_null(alone_slot(b, 3).chosen);
    assert_int_equal(alone_status(b).reserved_to, 0);
    bench_sync(b, 0);
    uint64_t reserved_to = alone_status(b).reserved_to;
    assert_non_null(bench_on_disk(b, 0, DURABLE_RESERVED, 0));
    assert_int_equal(bench_on_disk(b, 0, DURABLE_RESERVED, 0)->slot, reserved_to);
    assert_true(reserved_to >= 10);
    bench_tick(b, 0);
    assert_int_not_equal(b->sent[MESSAGE_SKIP], 0);
    assert_true(alone_is_noop(b, 3) && alone_is_noop(b, 6) && alone_is_noop(b, 9));
    bench_close(b);
}

/* C4: in the same turn, before the vote that is the reason for it is on the disk. */
static void own_slots_below_a_frontier_are_skipped_at_once(void **state)
{
    (void)state;
    struct bench *b = alone_open_busy();
    b->stalled[0] = true;
    alone_propose(b, 16);
    alone_run(b, 1);
    for (uint32_t to = 1; to <= 2; to++) {
        assert_int_equal(alone_count(b, to, MESSAGE_SKIP), 1);
        alone_assert_interval(alone_said(b, to, MESSAGE_SKIP)->interval, alone_thirds(6, 15));
    }
    assert_int_equal(alone_count(b, 1, MESSAGE_VOTED), 0);
    assert_int_equal(alone_status(b).position, 18);
    bench_close(b);
}

/* C1: what is proposed lies above the frontier, and says what was passed over. */
static void an_own_accept_says_what_it_passed_over(void **state)
{
    (void)state;
    struct bench *b = alone_open_busy();
    alone_propose(b, 16);
    bench_put(b, 0, 1, "k", "v");
    bench_tick(b, 0);
    for (uint32_t to = 1; to <= 2; to++) {
        const struct message *accept = alone_said(b, to, MESSAGE_ACCEPT);
        assert_non_null(accept);
        assert_int_equal(accept->slot, 18);
        alone_assert_interval(accept->interval, alone_thirds(6, 15));
        assert_int_equal(alone_count(b, to, MESSAGE_SKIP), 0);
    }
    assert_true(alone_is_noop(b, 6) && alone_is_noop(b, 15));
    bench_close(b);
}

/* A slot that was proposed in is never skipped: planted bug 39. */
static void no_skip_covers_what_was_proposed(void **state)
{
    (void)state;
    struct bench *b = alone_open_busy();
    bench_put(b, 0, 1, "k", "v");
    bench_tick(b, 0);
    assert_int_equal(alone_said(b, 1, MESSAGE_ACCEPT)->slot, 6);
    alone_propose(b, 16);
    bench_tick(b, 0);
    alone_assert_interval(alone_said(b, 1, MESSAGE_SKIP)->interval, alone_thirds(9, 15));
    assert_null(alone_slot(b, 6).chosen);
    bench_close(b);
}

/* ---- Until all know of it ------------------------------------------------------------------ */

static void a_skip_is_announced_again_to_who_says_nothing(void **state)
{
    (void)state;
    struct bench *b = alone_open_busy();
    alone_propose(b, 16);
    bench_tick(b, 0);
    alone_forget(b);
    say_skipped(b, 1, 18);
    say_skipped(b, 2, 12); /* Not all of them. */
    alone_run(b, 2 * PATIENCE_MS - 1);
    assert_null(alone_said(b, 2, MESSAGE_LEARN_NOOP));
    alone_run(b, 1);
    assert_non_null(alone_said(b, 2, MESSAGE_LEARN_NOOP));
    alone_assert_interval(alone_said(b, 2, MESSAGE_LEARN_NOOP)->interval, alone_thirds(12, 15));
    assert_non_null(alone_said(b, 2, MESSAGE_SKIP)); /* Which asks how much it knows. */
    assert_null(alone_said(b, 1, MESSAGE_LEARN_NOOP));
    alone_forget(b);
    alone_run(b, 4 * PATIENCE_MS);
    assert_int_equal(alone_count(b, 2, MESSAGE_LEARN_NOOP), 1);
    say_skipped(b, 2, 10000);
    alone_forget(b);
    alone_run(b, 300);
    assert_int_equal(alone_count(b, 2, MESSAGE_LEARN_NOOP), 0);
    assert_int_equal(alone_count(b, 2, MESSAGE_SKIP), 0);
    bench_close(b);
}

/* What was known a heartbeat ago, and still is not there, was lost. */
static void heartbeats_show_which_skips_are_missing(void **state)
{
    (void)state;
    struct bench *b = alone_open_busy();
    alone_propose(b, 16);
    bench_put(b, 0, 1, "k", "v"); /* The skip is in its Accept, which nobody answers. */
    bench_tick(b, 0);
    alone_forget(b);
    heartbeat(b, 1, (struct progress){.known = 6});
    bench_tick(b, 0);
    assert_null(alone_said(b, 1, MESSAGE_LEARN_NOOP));
    heartbeat(b, 1, (struct progress){.known = 6});
    bench_tick(b, 0);
    assert_non_null(alone_said(b, 1, MESSAGE_LEARN_NOOP));
    alone_assert_interval(alone_said(b, 1, MESSAGE_LEARN_NOOP)->interval, alone_thirds(6, 15));
    assert_null(alone_said(b, 2, MESSAGE_LEARN_NOOP));
    bench_close(b);
}

/* Its node may have started again, and have forgotten what it had heard. */
static void a_new_stream_hears_of_all_skips_above_what_was_applied(void **state)
{
    (void)state;
    struct bench *b = alone_open_busy();
    alone_propose(b, 16);
    alone_run(b, 1);
    say_skipped(b, 1, 18);
    say_skipped(b, 2, 18);
    heartbeat(b, 1, (struct progress){.applied = 7, .chosen_to = 7, .known = 18});
    alone_forget(b);
    bench_step(b, 0, (struct event){.kind = EVENT_PEER_UP, .peer = 1});
    assert_non_null(alone_said(b, 1, MESSAGE_LEARN_NOOP));
    alone_assert_interval(alone_said(b, 1, MESSAGE_LEARN_NOOP)->interval, alone_thirds(9, 15));
    assert_null(alone_said(b, 2, MESSAGE_LEARN_NOOP));
    bench_close(b);
}

/* ---- Who hears of it ----------------------------------------------------------------------- */

/* No vote, no quorum and no disk; it is answered with how far its sender's slots are known. */
static void who_hears_of_a_skip_takes_noop_as_chosen(void **state)
{
    (void)state;
    struct bench *b = alone_open(3);
    size_t on_disk = b->disks[0].count;
    say_skip(b, 1, alone_thirds(4, 10));
    assert_true(alone_is_noop(b, 4) && alone_is_noop(b, 7) && alone_is_noop(b, 10));
    assert_null(alone_slot(b, 5).chosen);
    assert_int_equal(alone_said(b, 1, MESSAGE_SKIPPED)->slot, 1);
    say_skip(b, 1, alone_thirds(1, 1));
    assert_int_equal(alone_said(b, 1, MESSAGE_SKIPPED)->slot, 13);
    assert_int_equal(b->disks[0].count, on_disk);
    assert_int_equal(b->sent[MESSAGE_VOTED], 0);
    bench_close(b);
}

/* Planted bug 34: or nodes would skip for each other's skips for ever. */
static void skips_do_not_move_the_frontier(void **state)
{
    (void)state;
    struct bench *b = alone_open_busy();
    say_skip(b, 1, alone_thirds(7, 100));
    say_skip(b, 2, alone_thirds(5, 101));
    alone_run(b, 5);
    assert_int_equal(alone_status(b).frontier, 3);
    assert_int_equal(alone_status(b).position, 6);
    assert_int_equal(alone_count(b, 1, MESSAGE_SKIP), 0);
    bench_close(b);
}

/* They are known, and not applied before anybody wants what lies behind them. */
static void skips_above_the_frontier_are_not_applied(void **state)
{
    (void)state;
    struct bench *b = alone_open_busy();
    say_skip(b, 1, alone_thirds(4, 100));
    say_skip(b, 2, alone_thirds(5, 101));
    alone_run(b, 2);
    assert_int_equal(alone_status(b).applied, 3);
    assert_int_equal(alone_status(b).chosen_to, 5);
    bench_close(b);
}

static void a_skip_is_passed_on_to_who_cannot_hear_of_it(void **state)
{
    (void)state;
    struct bench *b = alone_open(3);
    say_skip(b, 1, alone_thirds(1, 7));
    assert_null(alone_said(b, 2, MESSAGE_LEARN_NOOP));
    struct progress p = {.known = 3};
    member_set_add(&p.broken, 1);
    heartbeat(b, 2, p);
    say_skip(b, 1, alone_thirds(10, 16));
    assert_non_null(alone_said(b, 2, MESSAGE_LEARN_NOOP));
    alone_assert_interval(alone_said(b, 2, MESSAGE_LEARN_NOOP)->interval, alone_thirds(10, 16));
    bench_close(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_skipped_before_its_reservation_is_durable),
        cmocka_unit_test(own_slots_below_a_frontier_are_skipped_at_once),
        cmocka_unit_test(an_own_accept_says_what_it_passed_over),
        cmocka_unit_test(no_skip_covers_what_was_proposed),
        cmocka_unit_test(a_skip_is_announced_again_to_who_says_nothing),
        cmocka_unit_test(heartbeats_show_which_skips_are_missing),
        cmocka_unit_test(a_new_stream_hears_of_all_skips_above_what_was_applied),
        cmocka_unit_test(who_hears_of_a_skip_takes_noop_as_chosen),
        cmocka_unit_test(skips_do_not_move_the_frontier),
        cmocka_unit_test(skips_above_the_frontier_are_not_applied),
        cmocka_unit_test(a_skip_is_passed_on_to_who_cannot_hear_of_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
