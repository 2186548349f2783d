/*
 * taken_over_test.c -- what a node does whose own slots others take over: docs/protocol.md, section
 * 7, rule C8.
 */
#include "../unit.h"

#include <string.h>

#include "alone.h"

/* ---- One node of three; the test speaks for the others ------------------------------------- */

static struct message refused(struct interval i, struct ballot asked)
{
    return (struct message){
        .kind = MESSAGE_REFUSED_RANGE,
        .interval = i,
        .ballot = asked,
        .other = alone_ballot(1, 1),
    };
}

static void vote(struct bench *b, uint32_t from, uint64_t slot)
{
    struct message m = {
        .kind = MESSAGE_VOTED,
        .interval = interval_one(slot),
        .ballot = alone_ballot(0, 0),
    };
    bench_say(b, from, 0, m);
}

static void what_is_unused_of_a_run_taken_over_is_skipped(void **state)
{
    (void)state;
    struct bench *b = alone_open_busy();
    struct message prepare = {.kind = MESSAGE_PREPARE_RANGE, .interval = alone_thirds(6, 66)};
    prepare.ballot = alone_ballot(1, 1);
    bench_say(b, 1, 0, prepare);
    bench_sync(b, 0);
    for (uint32_t to = 1; to <= 2; to++)
        alone_assert_interval(alone_said(b, to, MESSAGE_SKIP)->interval, alone_thirds(6, 66));
    const struct message *promise = alone_said(b, 1, MESSAGE_PROMISE_RANGE);
    assert_int_equal(promise->reports->count, 1);
    alone_assert_interval(promise->reports->items[0].interval, alone_thirds(6, 66));
    assert_true(ballot_is_none(promise->reports->items[0].ballot));
    bench_put(b, 0, 1, "k", "v");
    bench_tick(b, 0);
    assert_int_equal(alone_said(b, 1, MESSAGE_ACCEPT)->slot, 69);
    bench_close(b);
}

/* Refused names the whole run: one answer is enough to be behind it. */
static void use_goes_on_behind_what_was_refused(void **state)
{
    (void)state;
    struct bench *b = alone_open_busy();
    bench_put(b, 0, 1, "k", "v");
    bench_tick(b, 0);
    struct message accept = *alone_said(b, 1, MESSAGE_ACCEPT);
    assert_int_equal(accept.slot, 6);
    bench_say(b, 1, 0, refused(alone_thirds(6, 30), accept.ballot));
    for (uint32_t to = 1; to <= 2; to++)
        alone_assert_interval(alone_said(b, to, MESSAGE_SKIP)->interval, alone_thirds(9, 30));
    assert_null(alone_slot(b, 6).chosen);
    bench_put(b, 0, 2, "l", "v");
    bench_tick(b, 0);
    assert_int_equal(alone_said(b, 1, MESSAGE_ACCEPT)->slot, 33);
    bench_close(b);
}

/* Planted bug 12. Somebody may have its vote: it stays, and when NOOP is known to be decided it
   goes into a later slot, once. */
static void a_batch_waits_until_its_slot_is_known_to_be_lost(void **state)
{
    (void)state;
    struct bench *b = alone_open_busy();
    bench_put(b, 0, 1, "k", "v");
    bench_tick(b, 0);
    struct message accept = *alone_said(b, 1, MESSAGE_ACCEPT);
    bench_say(b, 1, 0, refused(alone_thirds(6, 30), accept.ballot));
    bench_say(b, 2, 0, refused(alone_thirds(6, 30), accept.ballot));
    alone_forget(b);
    alone_run(b, 5);
    assert_int_equal(alone_count(b, 1, MESSAGE_ACCEPT), 0);
    assert_int_equal(alone_status(b).stats.requeued_total, 0);

    struct message noop = {.kind = MESSAGE_LEARN_NOOP, .interval = interval_one(6)};
    bench_say(b, 1, 0, noop);
    bench_say(b, 2, 0, noop);
    alone_run(b, 1);
    assert_int_equal(alone_count(b, 1, MESSAGE_ACCEPT), 1);
    accept = *alone_said(b, 1, MESSAGE_ACCEPT);
    assert_int_equal(accept.slot, 33);
    assert_int_equal(alone_status(b).stats.requeued_total, 1);
    assert_false(b->answers[1].given);

    /* Nothing but that one slot holds up the answer. */
    vote(b, 1, 33);
    struct message rest = {.kind = MESSAGE_LEARN_NOOP, .interval = alone_thirds(4, 31)};
    bench_say(b, 1, 0, rest);
    rest.interval = alone_thirds(5, 32);
    bench_say(b, 2, 0, rest);
    alone_run(b, 2);
    assert_true(b->answers[1].given);
    assert_int_equal(b->answers[1].status, ANSWER_OK);
    assert_int_equal(b->answers[1].slot, 33);
    assert_int_equal(alone_status(b).stats.executed_total, 2);
    bench_close(b);
}

/* ---- Three nodes --------------------------------------------------------------------------- */

static uint32_t kept_out;

/* Nobody hears node 0's Accepts; of the promises over its slots one node's are lost. */
static bool lose_accepts_and_a_promise(const struct bench *b, const struct bench_letter *l)
{
    (void)b;
    bool is_promise =
        l->message.kind == MESSAGE_PROMISE_RANGE && l->message.interval.first % 3 == 0;
    return (l->from == 0 && l->message.kind == MESSAGE_ACCEPT) ||
           (is_promise && l->from == kept_out);
}

/*
 * Node 0 alone has accepted what it proposed. Where its promise is heard the value is adopted;
 * where it is not NOOP wins, and the value goes into a later slot.
 */
static void a_write_is_applied_and_answered_once_either_way(void **state)
{
    (void)state;
    for (uint32_t lost = 0; lost <= 2; lost += 2) {
        struct bench *b = bench_open_coordinated(3);
        for (uint32_t i = 0; i < 3; i++)
            bench_append(b, i, i, "k", "x", "", 0);
        bench_run(b, 30);
        kept_out = lost;
        b->lose = lose_accepts_and_a_promise;
        bench_append(b, 0, 10, "k", "a", "", 0);
        bench_run(b, 1);
        struct replica_status status;
        replica_get_status(b->nodes[0], &status);
        uint64_t slot = status.frontier;
        bench_append(b, 1, 11, "k", "b", "", 0);
        bench_append(b, 2, 12, "k", "c", "", 0);
        bench_run(b, 60);
        struct slot_view view;
        replica_get_slot(b->nodes[1], slot, &view);
        assert_non_null(view.chosen);
        assert_int_equal(view.chosen->kind, lost == 0 ? VALUE_NOOP : VALUE_BATCH);
        replica_get_status(b->nodes[0], &status);
        assert_true((status.stats.requeued_total > 0) == (lost == 0));
        assert_true(b->answers[10].given == (lost == 2));
        b->lose = NULL;
        bench_run(b, 300);
        for (uint64_t handle = 10; handle <= 12; handle++) {
            assert_true(b->answers[handle].given);
            assert_int_equal(b->answers[handle].status, ANSWER_OK);
        }
        assert_true(lost == 0 ? b->answers[10].slot > slot : b->answers[10].slot == slot);
        bench_get(b, 2, 20, "k");
        bench_run(b, 30);
        assert_int_equal(strlen(b->answers[20].value), 6);
        assert_true(bench_is_converged(b));
        bench_close(b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_unused_of_a_run_taken_over_is_skipped),
        cmocka_unit_test(use_goes_on_behind_what_was_refused),
        cmocka_unit_test(a_batch_waits_until_its_slot_is_known_to_be_lost),
        cmocka_unit_test(a_write_is_applied_and_answered_once_either_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
