/*
 * revoking_test.c -- whose slots are taken over, when, how many at once, and what is proposed
 * there: docs/protocol.md, section 7, rules C2, C7 (c) and C9.
 *
 * One node of three is under test; the test speaks for the others (alone.h).
 */
#include "../unit.h"

#include "alone.h"

#define PATIENCE_MS 6
#define PATIENCE_MAX_MS 12
#define TURN_MS 6

static const struct interval none = {0};

static void say_skip(struct bench *b, uint32_t from, struct interval i)
{
    bench_say(b, from, 0, (struct message){.kind = MESSAGE_SKIP, .interval = i});
}

static void learn(struct bench *b, uint64_t slot)
{
    struct value *v = alone_slot(b, slot).vote;
    struct message m = {.kind = MESSAGE_LEARN, .slot = slot, .tag = v->tag, .value = v};
    bench_say(b, 2, 0, m);
}

/* All know of a value of node 2's; so nothing but node 1's slots holds up the log. */
static void decide_of_node_2(struct bench *b, uint64_t from, uint64_t slot)
{
    struct value *v = alone_value(2, slot, 1);
    alone_accept(b, 2, 0, slot, v, from < slot ? alone_thirds(from, slot - 3) : none);
    value_unref(v);
    learn(b, slot);
    bench_tick(b, 0);
    bench_sync(b, 0);
}

/* Node 1 has said nothing of its slots 1 and 4. */
static struct bench *open_silent(void)
{
    struct bench *b = alone_open(3);
    decide_of_node_2(b, 2, 5);
    alone_forget(b);
    return b;
}

static void say_broken(struct bench *b, uint32_t from, uint32_t to)
{
    struct message m = {.kind = MESSAGE_HEARTBEAT, .progress = {.boot = 1, .known = 3}};
    member_set_add(&m.progress.broken, to);
    bench_say(b, from, 0, m);
}

static void promise(struct bench *b, uint32_t from, struct ballot ballot, struct interval i,
                    struct vote_reports *reports)
{
    struct message m = {
        .kind = MESSAGE_PROMISE_RANGE,
        .interval = i,
        .ballot = ballot,
        .reports = reports,
    };
    bench_say(b, from, 0, m);
}

/* One report of one slot. */
static void promise_with(struct bench *b, const struct message *prepare, uint64_t slot,
                         struct ballot at, struct value *v)
{
    struct vote_reports *reports = NULL;
    assert_int_equal(reports_new(1, &reports), 0);
    struct vote_report report = {interval_one(slot), at, value_ref(v)};
    reports_add(reports, report);
    promise(b, 2, prepare->ballot, prepare->interval, reports);
    reports_unref(reports);
}

/* Node 2 promises and votes; `prepare` is what was asked for. */
static void complete(struct bench *b, struct message prepare)
{
    promise(b, 2, prepare.ballot, prepare.interval, NULL);
    alone_run(b, 2);
    struct message voted = {
        .kind = MESSAGE_VOTED,
        .interval = prepare.interval,
        .ballot = prepare.ballot,
        .value = value_noop(),
    };
    bench_say(b, 2, 0, voted);
    alone_run(b, 1);
    assert_true(alone_is_noop(b, prepare.interval.first));
    assert_true(alone_is_noop(b, prepare.interval.last));
    alone_forget(b);
}

/* ---- When ---------------------------------------------------------------------------------- */

/* After node 1 that is node 2, after node 2 this one. */
static void the_next_live_node_goes_first(void **state)
{
    (void)state;
    for (int turn = 0; turn < 3; turn++) {
        uint32_t silent = turn == 1 ? 2 : 1;
        struct bench *b = alone_open(3);
        if (turn == 2) /* Node 2 does not live, as far as this one knows. */
            bench_step(b, 0, (struct event){.kind = EVENT_PEER_DOWN, .peer = 2});
        if (silent == 1)
            decide_of_node_2(b, 2, 5);
        else
            alone_propose(b, 1);
        if (silent == 2)
            learn(b, 1);
        alone_propose(b, silent == 1 ? 8 : 4);
        bench_tick(b, 0);
        alone_forget(b);
        uint64_t ms = alone_wait(b, silent, MESSAGE_PREPARE_RANGE, 50);
        assert_int_equal(ms, turn == 0 ? PATIENCE_MS + TURN_MS : PATIENCE_MS);
        const struct message *prepare = alone_said(b, silent, MESSAGE_PREPARE_RANGE);
        assert_int_equal(prepare->interval.first, silent);
        assert_int_equal(prepare->ballot.round, 1);
        bench_close(b);
    }
}

/* By a majority, that is: then nobody waits for its patience, and most is taken over at once. */
static void who_is_cut_off_is_not_waited_for(void **state)
{
    (void)state;
    struct bench *b = open_silent();
    bench_step(b, 0, (struct event){.kind = EVENT_PEER_DOWN, .peer = 1});
    assert_int_equal(alone_wait(b, 2, MESSAGE_PREPARE_RANGE, 50), PATIENCE_MS + TURN_MS);
    alone_assert_interval(alone_said(b, 2, MESSAGE_PREPARE_RANGE)->interval, alone_thirds(1, 67));
    bench_close(b);

    b = open_silent();
    bench_step(b, 0, (struct event){.kind = EVENT_PEER_DOWN, .peer = 1});
    say_broken(b, 2, 1);
    bench_tick(b, 0);
    assert_int_equal(alone_wait(b, 2, MESSAGE_PREPARE_RANGE, 50), TURN_MS);
    alone_assert_interval(alone_said(b, 2, MESSAGE_PREPARE_RANGE)->interval, alone_thirds(1, 4099));
    bench_close(b);
}

/* What was not heard in a turn that came late says nothing of others. */
static void a_node_that_was_late_itself_counts_anew(void **state)
{
    (void)state;
    struct bench *b = open_silent();
    alone_run(b, 1);
    b->now_ns += 50 * MS;
    bench_tick(b, 0);
    assert_int_equal(b->sent[MESSAGE_PREPARE_RANGE], 0);
    assert_int_equal(alone_wait(b, 2, MESSAGE_PREPARE_RANGE, 50), PATIENCE_MS + TURN_MS);
    bench_close(b);
}

/* ---- How many ------------------------------------------------------------------------------ */

/* From its first slot or the frontier on, whichever is higher. */
static void assert_width(const struct message *prepare, uint64_t frontier, uint64_t width)
{
    uint64_t first = prepare->interval.first;
    uint64_t from = first > frontier ? first : frontier;
    assert_in_range(prepare->interval.last - from, width - 3, width - 1);
}

/* Four times as much each time; as little as at first when it proposes again. */
static void more_is_taken_over_each_time_until_its_node_proposes(void **state)
{
    (void)state;
    static const uint64_t widths[] = {64, 256, 1024, 4096, 4096};
    struct bench *b = open_silent();
    uint64_t of_node_2 = 5;
    struct message prepare = {0};
    for (int i = 0; i < 5; i++) {
        (void)alone_wait(b, 2, MESSAGE_PREPARE_RANGE, 50);
        prepare = *alone_said(b, 2, MESSAGE_PREPARE_RANGE);
        assert_width(&prepare, of_node_2, widths[i]);
        complete(b, prepare);
        uint64_t next = prepare.interval.last + 1;
        decide_of_node_2(b, of_node_2 + 3, next);
        of_node_2 = next;
    }
    (void)alone_wait(b, 2, MESSAGE_PREPARE_RANGE, 50);
    prepare = *alone_said(b, 2, MESSAGE_PREPARE_RANGE);
    complete(b, prepare);
    /* A sign of life without a proposal: it is waited for again (for longer, as its slots took so
       long so far), and then as much is taken. */
    uint64_t of_node_1 = prepare.interval.last + 3;
    say_skip(b, 1, alone_thirds(of_node_1, of_node_1));
    decide_of_node_2(b, of_node_2 + 3, of_node_1 + 4);
    of_node_2 = of_node_1 + 4;
    assert_int_equal(alone_wait(b, 2, MESSAGE_PREPARE_RANGE, 50), PATIENCE_MAX_MS + TURN_MS);
    prepare = *alone_said(b, 2, MESSAGE_PREPARE_RANGE);
    assert_width(&prepare, of_node_2, 4096);
    complete(b, prepare);
    of_node_1 = prepare.interval.last + 3;
    alone_propose(b, of_node_1);
    learn(b, of_node_1);
    decide_of_node_2(b, of_node_2 + 3, of_node_1 + 4);
    of_node_2 = of_node_1 + 4;
    assert_int_equal(alone_wait(b, 2, MESSAGE_PREPARE_RANGE, 50), PATIENCE_MAX_MS + TURN_MS);
    prepare = *alone_said(b, 2, MESSAGE_PREPARE_RANGE);
    assert_int_equal(prepare.interval.first, of_node_1 + 3);
    assert_width(&prepare, of_node_2, 64);
    bench_close(b);
}

/* Of who is silent nobody waits for a slot again: a quarter of the width is always ahead. */
static void slots_of_who_is_silent_are_kept_taken_over_ahead(void **state)
{
    (void)state;
    struct bench *b = open_silent();
    (void)alone_wait(b, 2, MESSAGE_PREPARE_RANGE, 50);
    complete(b, *alone_said(b, 2, MESSAGE_PREPARE_RANGE)); /* Up to 67: next come 256. */
    decide_of_node_2(b, 8, 8);                             /* 70 is less than 64 above this. */
    assert_int_equal(alone_wait(b, 2, MESSAGE_PREPARE_RANGE, 50), TURN_MS);
    alone_assert_interval(alone_said(b, 2, MESSAGE_PREPARE_RANGE)->interval, alone_thirds(70, 325));
    complete(b, *alone_said(b, 2, MESSAGE_PREPARE_RANGE)); /* Next come 1,024. */
    decide_of_node_2(b, 11, 71);
    alone_run(b, 2 * TURN_MS);
    assert_null(alone_said(b, 2, MESSAGE_PREPARE_RANGE));
    decide_of_node_2(b, 74, 74); /* 328 is less than 256 above this. */
    assert_int_equal(alone_wait(b, 2, MESSAGE_PREPARE_RANGE, 50), TURN_MS);
    bench_close(b);
}

/* A promise may be shorter than asked: what all of its quorum promised is gone on with. */
static void phase_2_goes_no_further_than_all_have_promised(void **state)
{
    (void)state;
    struct bench *b = open_silent();
    (void)alone_wait(b, 2, MESSAGE_PREPARE_RANGE, 50);
    struct ballot ballot = alone_said(b, 2, MESSAGE_PREPARE_RANGE)->ballot;
    alone_forget(b);
    promise(b, 2, ballot, alone_thirds(1, 31), NULL);
    for (uint32_t to = 1; to <= 2; to++) {
        assert_int_equal(alone_count(b, to, MESSAGE_ACCEPT_NOOP), 1);
        const struct message *accept = alone_said(b, to, MESSAGE_ACCEPT_NOOP);
        alone_assert_interval(accept->interval, alone_thirds(1, 31));
        assert_int_equal(ballot_cmp(accept->ballot, ballot), 0);
    }
    bench_close(b);
}

/* ---- C2: what ------------------------------------------------------------------------------ */

/* Whatever clients wait here: theirs go into own slots, at round 0. */
static void what_was_accepted_is_adopted_and_noop_fills_the_rest(void **state)
{
    (void)state;
    struct bench *b = open_silent();
    bench_put(b, 0, 1, "k", "v");
    bench_put(b, 0, 2, "l", "v");
    (void)alone_wait(b, 2, MESSAGE_PREPARE_RANGE, 50);
    struct message prepare = *alone_said(b, 2, MESSAGE_PREPARE_RANGE);
    alone_forget(b);
    struct value *v = alone_value(1, 1, 1);
    promise_with(b, &prepare, 4, alone_ballot(0, 1), v);
    for (uint32_t to = 1; to <= 2; to++) {
        assert_int_equal(alone_count(b, to, MESSAGE_ACCEPT), 1);
        const struct message *accept = alone_said(b, to, MESSAGE_ACCEPT);
        assert_int_equal(accept->slot, 4);
        assert_int_equal(ballot_cmp(accept->ballot, prepare.ballot), 0);
        assert_true(value_equal(accept->value, v));
        assert_int_equal(alone_count(b, to, MESSAGE_ACCEPT_NOOP), 2);
        alone_assert_interval(alone_said(b, to, MESSAGE_ACCEPT_NOOP)->interval,
                              alone_thirds(7, prepare.interval.last));
    }
    assert_true(value_equal(alone_slot(b, 4).vote, v));
    assert_int_equal(alone_slot(b, 1).vote->kind, VALUE_NOOP);
    value_unref(v);
    bench_close(b);
}

/* Planted bugs 8 and 29: this node has accepted NOOP in slot 4, node 2 a value, or the other way
   round; whichever was accepted at the higher ballot. */
static void of_two_votes_the_one_at_the_higher_ballot_is_adopted(void **state)
{
    (void)state;
    for (uint64_t own = 1; own <= 3; own += 2) {
        struct bench *b = open_silent();
        struct message noop = {.kind = MESSAGE_ACCEPT_NOOP, .interval = alone_thirds(4, 4)};
        noop.ballot = alone_ballot(own, 2);
        bench_say(b, 2, 0, noop);
        (void)alone_wait(b, 2, MESSAGE_PREPARE_RANGE, 50);
        struct message prepare = *alone_said(b, 2, MESSAGE_PREPARE_RANGE);
        assert_true(prepare.ballot.round > own);
        alone_forget(b);
        struct value *v = alone_value(1, 1, 1);
        promise_with(b, &prepare, 4, alone_ballot(2, 2), v);
        assert_int_equal(alone_count(b, 2, MESSAGE_ACCEPT), own == 1 ? 1 : 0);
        assert_int_equal(alone_count(b, 2, MESSAGE_ACCEPT_NOOP), own == 1 ? 2 : 1);
        assert_int_equal(alone_slot(b, 4).vote->kind, own == 1 ? VALUE_BATCH : VALUE_NOOP);
        assert_int_equal(alone_slot(b, 4).accepted.round, prepare.ballot.round);
        value_unref(v);
        bench_close(b);
    }
}

/* What a promise shows to be decided is, and is not proposed again. */
static void what_a_promise_shows_to_be_decided_is_learnt(void **state)
{
    (void)state;
    struct bench *b = open_silent();
    (void)alone_wait(b, 2, MESSAGE_PREPARE_RANGE, 50);
    struct message prepare = *alone_said(b, 2, MESSAGE_PREPARE_RANGE);
    alone_forget(b);
    struct value *v = alone_value(1, 1, 1);
    promise_with(b, &prepare, 4, (struct ballot){0}, v);
    assert_true(value_equal(alone_slot(b, 4).chosen, v));
    assert_int_equal(alone_count(b, 2, MESSAGE_ACCEPT), 0);
    assert_int_equal(alone_count(b, 2, MESSAGE_ACCEPT_NOOP), 2); /* {1}, {7, ...} */
    value_unref(v);
    bench_close(b);
}

/* C9: this node's own vote is lost, but node 2 has one for what it proposed before. */
static void a_node_recovers_what_it_may_have_proposed_before_a_restart(void **state)
{
    (void)state;
    struct bench *b = alone_open(3);
    bench_put(b, 0, 1, "k", "v");
    alone_run(b, 1);
    bench_tick(b, 0);
    struct message accept = *alone_said(b, 2, MESSAGE_ACCEPT);
    assert_int_equal(accept.slot, 3);
    value_ref(accept.value);
    uint64_t reserved_to = alone_status(b).reserved_to;
    alone_restart(b);
    assert_false(alone_slot(b, 3).in_memory);
    assert_true(alone_status(b).position > reserved_to);
    assert_int_equal(alone_wait(b, 2, MESSAGE_PREPARE_RANGE, 50), 1 + 2 * PATIENCE_MS);
    struct message prepare = *alone_said(b, 2, MESSAGE_PREPARE_RANGE);
    assert_int_equal(prepare.interval.first, 3);
    assert_in_range(prepare.interval.last, reserved_to - 2, reserved_to);
    assert_int_equal(prepare.ballot.boot, 2);
    alone_forget(b);
    bench_put(b, 0, 2, "k", "w");
    promise_with(b, &prepare, 3, accept.ballot, accept.value);
    assert_int_equal(alone_count(b, 2, MESSAGE_ACCEPT), 1);
    assert_int_equal(alone_said(b, 2, MESSAGE_ACCEPT)->slot, 3);
    assert_true(value_equal(alone_said(b, 2, MESSAGE_ACCEPT)->value, accept.value));
    alone_assert_interval(alone_said(b, 2, MESSAGE_ACCEPT_NOOP)->interval,
                          alone_thirds(6, prepare.interval.last));
    /* What is new goes behind all that. */
    alone_forget(b);
    alone_run(b, 2);
    assert_true(alone_said(b, 2, MESSAGE_ACCEPT)->slot > reserved_to);
    assert_int_equal(alone_said(b, 2, MESSAGE_ACCEPT)->ballot.round, 0);
    value_unref(accept.value);
    bench_close(b);
}

/* ---- Rivals -------------------------------------------------------------------------------- */

static void rival_prepares(struct bench *b, uint64_t round)
{
    struct message m = {.kind = MESSAGE_PREPARE_RANGE, .interval = alone_thirds(1, 67)};
    m.ballot = alone_ballot(round, 2);
    bench_say(b, 2, 0, m);
}

/* Two to four commits of 1 ms at least; what is only said again is no progress. */
static void a_rival_gets_time_while_it_makes_progress(void **state)
{
    (void)state;
    for (int repeats = 0; repeats < 2; repeats++) {
        struct bench *b = open_silent();
        alone_run(b, PATIENCE_MS + TURN_MS - 1);
        rival_prepares(b, 1);
        uint64_t ms = 0;
        for (; ms < 20 && b->sent[MESSAGE_PREPARE_RANGE] == 0; ms++) {
            alone_run(b, 1);
            if (repeats == 1)
                rival_prepares(b, 1);
        }
        assert_in_range(ms, 2, 4);
        assert_int_equal(alone_said(b, 2, MESSAGE_PREPARE_RANGE)->ballot.round, 2);
        bench_close(b);
    }
    /* Each new round is. */
    struct bench *b = open_silent();
    for (uint64_t round = 1; round < 50; round++) {
        rival_prepares(b, round);
        alone_run(b, 1);
    }
    assert_int_equal(b->sent[MESSAGE_PREPARE_RANGE], 0);
    bench_close(b);
}

/* Who lost tries again above what it lost to, and later each time. */
static void a_lost_attempt_is_tried_again_at_a_higher_round(void **state)
{
    (void)state;
    struct bench *b = open_silent();
    uint64_t waited_ms = 0;
    uint64_t waited_least_ms = 0;
    (void)alone_wait(b, 2, MESSAGE_PREPARE_RANGE, 50);
    for (uint64_t lost = 1; lost <= 6; lost++) {
        struct message prepare = *alone_said(b, 2, MESSAGE_PREPARE_RANGE);
        alone_forget(b);
        struct message refused = {
            .kind = MESSAGE_REFUSED_RANGE,
            .interval = prepare.interval,
            .ballot = prepare.ballot,
            .other = alone_ballot(10 * lost, 2),
        };
        bench_say(b, 2, 0, refused);
        uint64_t ms = alone_wait(b, 2, MESSAGE_PREPARE_RANGE, 500);
        uint64_t least_ms = lost < 5 ? 2U << lost : 40;
        assert_in_range(ms, least_ms, 2 * least_ms);
        assert_int_equal(alone_said(b, 2, MESSAGE_PREPARE_RANGE)->ballot.round, 10 * lost + 1);
        waited_ms += lost > 1 ? ms : 0; /* At first its turn comes no earlier. */
        waited_least_ms += lost > 1 ? least_ms : 0;
    }
    /* Some chance is in it, or all would set out at once again. */
    assert_true(waited_ms > waited_least_ms);
    bench_close(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_next_live_node_goes_first),
        cmocka_unit_test(who_is_cut_off_is_not_waited_for),
        cmocka_unit_test(a_node_that_was_late_itself_counts_anew),
        cmocka_unit_test(more_is_taken_over_each_time_until_its_node_proposes),
        cmocka_unit_test(slots_of_who_is_silent_are_kept_taken_over_ahead),
        cmocka_unit_test(phase_2_goes_no_further_than_all_have_promised),
        cmocka_unit_test(what_was_accepted_is_adopted_and_noop_fills_the_rest),
        cmocka_unit_test(of_two_votes_the_one_at_the_higher_ballot_is_adopted),
        cmocka_unit_test(what_a_promise_shows_to_be_decided_is_learnt),
        cmocka_unit_test(a_node_recovers_what_it_may_have_proposed_before_a_restart),
        cmocka_unit_test(a_rival_gets_time_while_it_makes_progress),
        cmocka_unit_test(a_lost_attempt_is_tried_again_at_a_higher_round),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
