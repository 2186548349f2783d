/*
 * accepting_test.c -- who gets a vote in coordinated mode, what is promised over a whole run of
 * slots, and what is said of it: docs/protocol.md, section 7, rules C1, C2, C6 and C7.
 *
 * One node of three is under test; the test speaks for the others (alone.h).
 */
#include "../unit.h"

#include "alone.h"

#define KIB ((size_t)1 << 10)

static const struct interval none = {0};

static void prepare(struct bench *b, uint32_t from, uint64_t round, struct interval i)
{
    struct message m = {
        .kind = MESSAGE_PREPARE_RANGE,
        .interval = i,
        .ballot = alone_ballot(round, from),
    };
    bench_say(b, from, 0, m);
    bench_sync(b, 0);
}

static void accept_noop(struct bench *b, uint32_t from, uint64_t round, struct interval i)
{
    struct message m = {
        .kind = MESSAGE_ACCEPT_NOOP,
        .interval = i,
        .ballot = alone_ballot(round, from),
    };
    bench_say(b, from, 0, m);
    bench_sync(b, 0);
}

static bool is_ballot(struct ballot b, uint64_t round, uint32_t node)
{
    return ballot_cmp(b, alone_ballot(round, node)) == 0;
}

/* ---- Votes --------------------------------------------------------------------------------- */

/* The ballot's node counts; who sends it on does not. */
static void round_0_is_its_coordinators_alone(void **state)
{
    (void)state;
    struct bench *b = alone_open(3);
    struct value *v = alone_value(1, 1, 1);
    alone_accept(b, 2, 0, 1, v, none);
    alone_run(b, 1);
    assert_null(alone_slot(b, 1).vote);
    assert_int_equal(alone_count(b, 2, MESSAGE_VOTED), 0);
    struct message m = {.kind = MESSAGE_ACCEPT, .slot = 1, .value = v};
    m.ballot = alone_ballot(0, 1);
    bench_say(b, 2, 0, m);
    assert_non_null(alone_slot(b, 1).vote);
    value_unref(v);
    bench_close(b);
}

/* C6: once it is durable, and those of one turn together. */
static void votes_are_told_to_all_when_they_are_durable(void **state)
{
    (void)state;
    struct bench *b = alone_open(3);
    b->stalled[0] = true;
    alone_propose(b, 1);
    alone_propose(b, 4);
    alone_propose(b, 2);
    alone_propose(b, 10);
    alone_run(b, 1);
    assert_int_equal(b->sent[MESSAGE_VOTED], 0);
    bench_sync(b, 0);
    for (uint32_t to = 1; to <= 2; to++) {
        assert_int_equal(alone_count(b, to, MESSAGE_VOTED), 3); /* {1, 4}, {10}, {2} */
        alone_assert_interval(alone_said(b, to, MESSAGE_VOTED)->interval, interval_one(2));
    }
    assert_null(alone_said(b, 1, MESSAGE_VOTED)->value);
    bench_close(b);
}

static void an_accept_skips_what_its_coordinator_passed_over(void **state)
{
    (void)state;
    struct bench *b = alone_open(3);
    struct value *v = alone_value(1, 1, 1);
    alone_accept(b, 1, 0, 10, v, alone_thirds(4, 7));
    assert_false(alone_slot(b, 1).chosen != NULL); /* Not named. */
    assert_true(alone_is_noop(b, 4) && alone_is_noop(b, 7));
    assert_null(alone_slot(b, 10).chosen);
    assert_true(value_equal(alone_slot(b, 10).vote, v));
    /* It is as true when the Accept itself comes too late. */
    prepare(b, 2, 1, alone_thirds(16, 16));
    alone_accept(b, 1, 0, 16, v, alone_thirds(13, 13));
    assert_true(alone_is_noop(b, 13));
    assert_null(alone_slot(b, 16).vote);
    value_unref(v);
    bench_close(b);
}

/* What was decided is not voted on again, but told: with all NOOPs that follow, or its coordinator
   would try one slot after the other. */
static void who_proposes_in_decided_slots_is_told_of_all_of_them(void **state)
{
    (void)state;
    struct bench *b = alone_open(3);
    struct message noops = {.kind = MESSAGE_LEARN_NOOP, .interval = alone_thirds(4, 64)};
    bench_say(b, 2, 0, noops);
    alone_propose(b, 7);
    alone_run(b, 1);
    assert_null(alone_slot(b, 7).vote);
    assert_int_equal(b->sent[MESSAGE_VOTED], 0);
    assert_int_equal(alone_count(b, 1, MESSAGE_LEARN_NOOP), 1);
    alone_assert_interval(alone_said(b, 1, MESSAGE_LEARN_NOOP)->interval, alone_thirds(7, 64));
    bench_close(b);
}

/* Planted bug 28: a majority at a ballot at which this node has not seen the value. */
static void votes_count_for_the_value_of_their_ballot_only(void **state)
{
    (void)state;
    struct bench *b = alone_open(3);
    struct value *v = alone_value(1, 1, 1);
    struct value *w = alone_value(1, 2, 1);
    alone_accept(b, 1, 0, 1, v, none);
    alone_run(b, 1);
    struct message voted = {.kind = MESSAGE_VOTED, .interval = interval_one(1)};
    voted.ballot = alone_ballot(1, 2);
    bench_say(b, 1, 0, voted);
    bench_say(b, 2, 0, voted);
    assert_null(alone_slot(b, 1).chosen);
    alone_accept(b, 2, 1, 1, w, none);
    assert_non_null(alone_slot(b, 1).chosen);
    assert_true(value_equal(alone_slot(b, 1).chosen, w));
    value_unref(v);
    value_unref(w);
    bench_close(b);
}

/* ---- Promises over a run of slots ---------------------------------------------------------- */

/* Planted bug 6. The whole run is named, so that its coordinator goes on behind all of it. */
static void a_promise_over_a_run_binds_slots_that_nobody_had_touched(void **state)
{
    (void)state;
    struct bench *b = alone_open(3);
    prepare(b, 2, 1, alone_thirds(1, 31));
    alone_assert_interval(alone_said(b, 2, MESSAGE_PROMISE_RANGE)->interval, alone_thirds(1, 31));
    alone_propose(b, 7);
    bench_sync(b, 0);
    assert_null(alone_slot(b, 7).vote);
    const struct message *refused = alone_said(b, 1, MESSAGE_REFUSED_RANGE);
    assert_non_null(refused);
    alone_assert_interval(refused->interval, alone_thirds(7, 31));
    assert_true(is_ballot(refused->ballot, 0, 1));
    assert_true(is_ballot(refused->other, 1, 2));
    alone_propose(b, 34);
    assert_non_null(alone_slot(b, 34).vote);
    bench_close(b);
}

static void a_refused_run_is_not_promised_in_part(void **state)
{
    (void)state;
    struct bench *b = alone_open(3);
    prepare(b, 2, 5, alone_thirds(7, 7));
    alone_forget(b);
    prepare(b, 1, 3, alone_thirds(1, 13));
    assert_int_equal(b->sent[MESSAGE_PROMISE_RANGE], 1);
    const struct message *refused = alone_said(b, 1, MESSAGE_REFUSED_RANGE);
    assert_non_null(refused);
    alone_assert_interval(refused->interval, alone_thirds(1, 13));
    assert_true(is_ballot(refused->ballot, 3, 1));
    assert_true(is_ballot(refused->other, 5, 2));
    for (uint64_t slot = 1; slot <= 13; slot += 3)
        assert_int_equal(alone_slot(b, slot).promised.round, slot == 7 ? 5 : 0);
    bench_close(b);
}

/* Slots that are decided stand in nobody's way. */
static void a_promise_reports_all_votes_and_decisions(void **state)
{
    (void)state;
    struct bench *b = alone_open(3);
    struct value *v = alone_value(1, 1, 1);
    alone_accept(b, 1, 0, 4, v, none);
    accept_noop(b, 2, 2, alone_thirds(10, 16));
    prepare(b, 1, 9, alone_thirds(22, 22));
    bench_say(b, 2, 0,
              (struct message){.kind = MESSAGE_LEARN_NOOP, .interval = alone_thirds(22, 25)});
    alone_forget(b);
    prepare(b, 2, 3, alone_thirds(1, 31));
    const struct message *promise = alone_said(b, 2, MESSAGE_PROMISE_RANGE);
    assert_non_null(promise);
    alone_assert_interval(promise->interval, alone_thirds(1, 31));
    assert_non_null(promise->reports);
    assert_int_equal(promise->reports->count, 3);
    const struct vote_report *reports = promise->reports->items;
    alone_assert_interval(reports[0].interval, interval_one(4));
    assert_true(is_ballot(reports[0].ballot, 0, 1) && value_equal(reports[0].value, v));
    alone_assert_interval(reports[1].interval, alone_thirds(10, 16));
    assert_true(is_ballot(reports[1].ballot, 2, 2));
    assert_int_equal(reports[1].value->kind, VALUE_NOOP);
    alone_assert_interval(reports[2].interval, alone_thirds(22, 25));
    assert_true(ballot_is_none(reports[2].ballot));
    assert_int_equal(reports[2].value->kind, VALUE_NOOP);
    value_unref(v);
    bench_close(b);
}

/* Only what is reported is promised; the first slot always is, however long its value. */
static void a_long_promise_is_cut_at_the_right(void **state)
{
    (void)state;
    struct bench *b = alone_open(3);
    for (uint64_t slot = 4; slot <= 10; slot += 3) {
        struct value *v = alone_value(1, slot, slot == 10 ? 1024 * KIB : 600 * KIB);
        alone_accept(b, 1, 0, slot, v, none);
        value_unref(v);
    }
    prepare(b, 2, 1, alone_thirds(1, 31));
    const struct message *promise = alone_said(b, 2, MESSAGE_PROMISE_RANGE);
    alone_assert_interval(promise->interval, alone_thirds(1, 4));
    assert_int_equal(promise->reports->count, 1);
    assert_int_equal(alone_slot(b, 4).promised.round, 1);
    assert_int_equal(alone_slot(b, 7).promised.round, 0);
    assert_int_equal(alone_slot(b, 31).promised.round, 0);
    prepare(b, 2, 2, alone_thirds(10, 31));
    promise = alone_said(b, 2, MESSAGE_PROMISE_RANGE);
    alone_assert_interval(promise->interval, alone_thirds(10, 31));
    assert_int_equal(promise->reports->count, 1);
    bench_close(b);
}

/* Section 1: nobody acts on a slot above applied + alpha, whoever speaks of it. */
static void nobody_acts_above_the_window(void **state)
{
    (void)state;
    struct bench *b = alone_open(3);
    uint64_t end = replica_tuning_default.alpha; /* A slot of node 1's, as the next three are. */
    struct interval over = alone_thirds(end, end + 6);
    alone_propose(b, end + 3);
    assert_null(alone_slot(b, end + 3).vote);
    prepare(b, 2, 1, over);
    alone_assert_interval(alone_said(b, 2, MESSAGE_PROMISE_RANGE)->interval, interval_one(end));
    assert_int_equal(alone_slot(b, end).promised.round, 1);
    assert_int_equal(alone_slot(b, end + 3).promised.round, 0);
    accept_noop(b, 2, 1, over);
    alone_assert_interval(alone_said(b, 2, MESSAGE_VOTED)->interval, interval_one(end));
    for (uint32_t from = 1; from <= 2; from++) {
        struct message voted = {.kind = MESSAGE_VOTED, .interval = over};
        voted.value = value_noop();
        voted.ballot = alone_ballot(1, 2);
        bench_say(b, from, 0, voted);
    }
    assert_true(alone_is_noop(b, end));
    bench_say(b, 2, 0, (struct message){.kind = MESSAGE_LEARN_NOOP, .interval = over});
    bench_say(b, 1, 0, (struct message){.kind = MESSAGE_SKIP, .interval = over});
    struct value *v = alone_value(1, 1, 1);
    bench_say(b, 2, 0,
              (struct message){.kind = MESSAGE_LEARN, .slot = end + 3, .tag = v->tag, .value = v});
    assert_null(alone_slot(b, end + 3).vote);
    assert_null(alone_slot(b, end + 3).chosen);
    assert_true(alone_status(b).frontier <= end);
    value_unref(v);
    bench_close(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_0_is_its_coordinators_alone),
        cmocka_unit_test(votes_are_told_to_all_when_they_are_durable),
        cmocka_unit_test(an_accept_skips_what_its_coordinator_passed_over),
        cmocka_unit_test(who_proposes_in_decided_slots_is_told_of_all_of_them),
        cmocka_unit_test(votes_count_for_the_value_of_their_ballot_only),
        cmocka_unit_test(a_promise_over_a_run_binds_slots_that_nobody_had_touched),
        cmocka_unit_test(a_refused_run_is_not_promised_in_part),
        cmocka_unit_test(a_promise_reports_all_votes_and_decisions),
        cmocka_unit_test(a_long_promise_is_cut_at_the_right),
        cmocka_unit_test(nobody_acts_above_the_window),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
