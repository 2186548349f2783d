/*
 * asking_test.c -- what is missing is asked for, and what is not decided is said again:
 * docs/protocol.md, section 7, rules C7 (a) and (b).
 *
 * One node is under test; the test speaks for the others (alone.h).
 */
#include "../unit.h"

#include "alone.h"

#define PATIENCE_MS 6

static void learn_noops(struct bench *b, uint64_t first, uint64_t last)
{
    struct message m = {.kind = MESSAGE_LEARN_NOOP, .interval = alone_thirds(first, last)};
    bench_say(b, 2, 0, m);
}

static void learn(struct bench *b, uint64_t slot)
{
    struct value *v = alone_slot(b, slot).vote;
    struct message m = {.kind = MESSAGE_LEARN, .slot = slot, .tag = v->tag, .value = v};
    bench_say(b, 2, 0, m);
}

static void voted(struct bench *b, uint32_t from, uint64_t slot)
{
    struct message m = {
        .kind = MESSAGE_VOTED,
        .interval = interval_one(slot),
        .ballot = alone_ballot(0, (uint32_t)(slot % b->count)),
    };
    bench_say(b, from, 0, m);
}

static void ask(struct bench *b, uint32_t from, struct interval i)
{
    bench_say(b, from, 0, (struct message){.kind = MESSAGE_ASK, .interval = i});
}

/* ---- C7 (b): nothing is known of a slot ---------------------------------------------------- */

/* In one question, which is asked again later and later. */
static void what_nothing_is_known_of_is_asked_for(void **state)
{
    (void)state;
    struct bench *b = alone_open(3);
    learn_noops(b, 4, 4);
    alone_propose(b, 11);
    bench_tick(b, 0);
    alone_run(b, 2);
    assert_int_equal(b->sent[MESSAGE_ASK], 0);
    alone_run(b, 1);
    for (uint32_t to = 1; to <= 2; to++) {
        assert_int_equal(alone_count(b, to, MESSAGE_ASK), 2); /* One for each coordinator. */
        alone_assert_interval(alone_said(b, to, MESSAGE_ASK)->interval, alone_thirds(2, 11));
    }
    alone_forget(b);
    alone_run(b, 1);
    assert_int_equal(b->sent[MESSAGE_ASK], 4);
    alone_run(b, 1);
    assert_int_equal(b->sent[MESSAGE_ASK], 8);
    alone_run(b, 3);
    assert_int_equal(b->sent[MESSAGE_ASK], 8);
    alone_run(b, 1);
    assert_int_equal(b->sent[MESSAGE_ASK], 12);
    bench_close(b);
}

static void nobody_asks_above_the_frontier(void **state)
{
    (void)state;
    struct bench *b = alone_open(3);
    learn_noops(b, 1, 1);
    learn_noops(b, 7, 100);
    alone_run(b, 50);
    assert_int_equal(b->sent[MESSAGE_ASK], 0);
    alone_propose(b, 2); /* Slot 4 is above it. */
    alone_run(b, 10);
    assert_int_equal(b->sent[MESSAGE_ASK], 0);
    bench_close(b);
}

/* A decision, an Accept as it was proposed, and a vote: the very messages that were missed. */
static void who_asks_is_answered_with_what_it_missed(void **state)
{
    (void)state;
    struct bench *b = alone_open(3);
    alone_propose(b, 1);
    learn(b, 1);
    alone_propose(b, 4);
    alone_run(b, 1);
    learn_noops(b, 7, 10);
    alone_forget(b);
    ask(b, 2, alone_thirds(1, 22));
    const struct message *told = alone_said(b, 2, MESSAGE_LEARN);
    assert_non_null(told);
    assert_int_equal(told->slot, 1);
    assert_true(value_equal(told->value, alone_slot(b, 1).chosen));
    const struct message *echo = alone_said(b, 2, MESSAGE_ACCEPT);
    assert_non_null(echo);
    assert_int_equal(echo->slot, 4);
    assert_int_equal(ballot_cmp(echo->ballot, alone_ballot(0, 1)), 0);
    assert_true(value_equal(echo->value, alone_slot(b, 4).vote));
    const struct message *vote = alone_said(b, 2, MESSAGE_VOTED);
    assert_non_null(vote);
    alone_assert_interval(vote->interval, interval_one(4));
    assert_int_equal(ballot_cmp(vote->ballot, alone_ballot(0, 1)), 0);
    assert_int_equal(alone_count(b, 2, MESSAGE_LEARN_NOOP), 1);
    alone_assert_interval(alone_said(b, 2, MESSAGE_LEARN_NOOP)->interval, alone_thirds(7, 10));
    assert_int_equal(alone_count(b, 1, MESSAGE_LEARN) + alone_count(b, 1, MESSAGE_ACCEPT), 0);
    /* What is asked for holds somebody up: so it does here. */
    assert_int_equal(alone_status(b).frontier, 22);
    bench_close(b);
}

/* Planted bug 5: the Accept is nobody's vote, and need not wait. */
static void a_vote_that_is_asked_for_waits_for_the_disk(void **state)
{
    (void)state;
    struct bench *b = alone_open(3);
    alone_propose(b, 4);
    ask(b, 2, alone_thirds(1, 7));
    assert_non_null(alone_said(b, 2, MESSAGE_ACCEPT));
    assert_null(alone_said(b, 2, MESSAGE_VOTED));
    bench_sync(b, 0);
    assert_non_null(alone_said(b, 2, MESSAGE_VOTED));
    bench_close(b);
}

/* Who is out of hearing, and lives, is asked about at once from then on, and not taken over. */
static void who_is_heard_of_through_others_is_not_suspected(void **state)
{
    (void)state;
    struct bench *b = alone_open(3);
    struct value *v = alone_value(1, 1, 1);
    struct message echo = {.kind = MESSAGE_ACCEPT, .ballot = alone_ballot(0, 1), .value = v};
    for (uint64_t slot = 1; slot <= 10; slot += 3) {
        alone_propose(b, slot + 1);
        bench_tick(b, 0);
        alone_forget(b);
        uint64_t asked = b->sent[MESSAGE_ASK];
        alone_run(b, 1);
        bool at_once = b->sent[MESSAGE_ASK] != asked || alone_count(b, 2, MESSAGE_ASK) > 0;
        if (slot == 1)
            assert_false(at_once);
        alone_run(b, 4);
        echo.slot = slot;
        bench_say(b, 2, 0, echo);
        learn(b, slot);
        learn(b, slot + 1);
        alone_run(b, 1);
    }
    /* The next one. */
    alone_propose(b, 14);
    uint64_t asked = b->sent[MESSAGE_ASK];
    bench_tick(b, 0);
    assert_true(b->sent[MESSAGE_ASK] > asked);
    assert_int_equal(b->sent[MESSAGE_PREPARE_RANGE], 0);
    value_unref(v);
    bench_close(b);
}

/* At once, without having been asked. */
static void an_accept_is_passed_on_to_who_cannot_hear_its_coordinator(void **state)
{
    (void)state;
    struct bench *b = alone_open(3);
    alone_propose(b, 1);
    assert_null(alone_said(b, 2, MESSAGE_ACCEPT));
    struct message m = {.kind = MESSAGE_HEARTBEAT, .progress = {.boot = 1, .known = 3}};
    member_set_add(&m.progress.broken, 1);
    bench_say(b, 2, 0, m);
    alone_propose(b, 4);
    const struct message *passed = alone_said(b, 2, MESSAGE_ACCEPT);
    assert_non_null(passed);
    assert_int_equal(passed->slot, 4);
    assert_int_equal(ballot_cmp(passed->ballot, alone_ballot(0, 1)), 0);
    bench_close(b);
}

/* ---- C7 (a): the value is here, and not decided -------------------------------------------- */

/* Of five nodes this one and node 1 have voted. */
static void a_stuck_accept_is_said_again_once_to_who_has_not_voted(void **state)
{
    (void)state;
    struct bench *b = alone_open(5);
    alone_propose(b, 1);
    voted(b, 1, 1);
    bench_tick(b, 0);
    bench_sync(b, 0);
    assert_null(alone_slot(b, 1).chosen);
    alone_forget(b);
    alone_run(b, PATIENCE_MS - 1);
    for (uint32_t to = 1; to < 5; to++)
        assert_int_equal(alone_count(b, to, MESSAGE_ACCEPT), 0);
    alone_run(b, 1);
    for (uint32_t to = 1; to < 5; to++) {
        assert_int_equal(alone_count(b, to, MESSAGE_ACCEPT), to == 1 ? 0 : 1);
        assert_int_equal(alone_count(b, to, MESSAGE_VOTED), to == 1 ? 0 : 1);
    }
    assert_int_equal(ballot_cmp(alone_said(b, 2, MESSAGE_ACCEPT)->ballot, alone_ballot(0, 1)), 0);
    alone_run(b, 4 * PATIENCE_MS - 1);
    for (uint32_t to = 1; to < 5; to++)
        assert_int_equal(alone_count(b, to, MESSAGE_ACCEPT), to == 1 ? 0 : 1);
    bench_close(b);
}

static void as_many_as_64_values_are_said_again_with_it(void **state)
{
    (void)state;
    struct bench *b = alone_open(3);
    learn_noops(b, 2, 3 * 70 - 1);
    for (uint64_t slot = 1; slot <= 3 * 70; slot += 3)
        alone_propose(b, slot);
    bench_tick(b, 0);
    bench_sync(b, 0);
    alone_forget(b);
    alone_run(b, PATIENCE_MS);
    assert_int_equal(alone_count(b, 2, MESSAGE_ACCEPT), 64);
    assert_int_equal(alone_said(b, 2, MESSAGE_ACCEPT)->slot, 1 + 3 * 63);
    bench_close(b);
}

/* After five times the patience, and 6 ms more for who is second; a slow disk of its own makes it
   four commits. The member is not taken for silent: as little the next time. */
static void a_stuck_slot_is_taken_over_in_the_end(void **state)
{
    (void)state;
    for (uint64_t commit_ms = 0; commit_ms <= 20; commit_ms += 20) {
        struct bench *b = alone_open(3);
        learn_noops(b, 2, 2);
        learn_noops(b, 4, 4);
        for (uint64_t slot = 1; slot <= 5; slot += 4) {
            b->stalled[0] = true;
            alone_propose(b, slot);
            bench_tick(b, 0);
            alone_run(b, commit_ms);
            bench_sync(b, 0);
            b->stalled[0] = false;
            learn(b, slot);
            bench_tick(b, 0);
        }
        alone_forget(b);
        alone_propose(b, 7);
        bench_tick(b, 0);
        bench_sync(b, 0);
        uint64_t due_ms = (commit_ms == 0 ? 5 * PATIENCE_MS : 4 * commit_ms) + 6;
        alone_run(b, due_ms - 1);
        assert_int_equal(b->sent[MESSAGE_PREPARE_RANGE], 0);
        alone_run(b, 1);
        const struct message *prepare = alone_said(b, 2, MESSAGE_PREPARE_RANGE);
        assert_non_null(prepare);
        alone_assert_interval(prepare->interval, alone_thirds(7, 70));
        bench_close(b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_nothing_is_known_of_is_asked_for),
        cmocka_unit_test(nobody_asks_above_the_frontier),
        cmocka_unit_test(who_asks_is_answered_with_what_it_missed),
        cmocka_unit_test(a_vote_that_is_asked_for_waits_for_the_disk),
        cmocka_unit_test(who_is_heard_of_through_others_is_not_suspected),
        cmocka_unit_test(an_accept_is_passed_on_to_who_cannot_hear_its_coordinator),
        cmocka_unit_test(a_stuck_accept_is_said_again_once_to_who_has_not_voted),
        cmocka_unit_test(as_many_as_64_values_are_said_again_with_it),
        cmocka_unit_test(a_stuck_slot_is_taken_over_in_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
