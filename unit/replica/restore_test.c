/*
 * restore_test.c -- what a node knows again after it lost power, and what it must not have said
 * before.
 */
#include "../unit.h"

#include <string.h>

#include "alone.h"

static struct ballot ballot(uint64_t round, uint32_t node)
{
    return (struct ballot){.round = round, .node = node, .boot = 1};
}

/* A barrier of node 3's. */
static struct value *barrier(uint64_t sequence)
{
    struct tag tag = {.node = 3, .boot = 1, .sequence = sequence};
    struct value *v = NULL;
    assert_int_equal(value_new(VALUE_BARRIER, tag, (struct bytes){0}, &v), 0);
    return v;
}

/* In coordinated mode a start passes all that was reserved before: little, that is. */
static struct bench *open_three(enum mode mode)
{
    struct replica_tuning tuning = replica_tuning_default;
    tuning.reserve_slots = 64;
    return bench_open_tuned(3, &tuning, mode);
}

static void replay_gives_the_same_state(enum mode mode)
{
    struct bench *b = open_three(mode);
    for (uint64_t i = 0; i < 60; i++) {
        bench_append(b, (uint32_t)(i % 3), i, i % 2 == 0 ? "even" : "odd", "x",
                     i % 4 == 0 ? "" : "client", i % 4 == 0 ? 0 : i);
        if (i % 7 == 0)
            bench_run(b, 3);
    }
    bench_run(b, 500);
    assert_true(bench_is_converged(b));
    for (uint32_t node = 0; node < 3; node++) {
        const struct machine *m = replica_machine(b->nodes[node]);
        uint64_t applied = machine_applied(m);
        uint64_t hash = machine_hash(m);
        assert_true(applied > 0);
        bench_restart(b, node);
        assert_int_equal(machine_applied(replica_machine(b->nodes[node])), applied);
        assert_int_equal(machine_hash(replica_machine(b->nodes[node])), hash);
        struct replica_status status;
        replica_get_status(b->nodes[node], &status);
        assert_int_equal(status.stats.executed_total, 0); /* What is replayed does not count. */
        assert_int_equal(status.stats.suppressed_total, 0);
    }
    bench_close(b);
}

static void replay_gives_the_same_state_in_classic_mode(void **state)
{
    (void)state;
    replay_gives_the_same_state(MODE_CLASSIC);
}

static void replay_gives_the_same_state_in_coordinated_mode(void **state)
{
    (void)state;
    replay_gives_the_same_state(MODE_COORDINATED);
}

static void what_was_answered_survives_all_losing_power_at_once(enum mode mode)
{
    struct bench *b = open_three(mode);
    for (uint64_t i = 0; i < 20; i++) {
        bench_append(b, (uint32_t)(i % 3), i, "k", "x", "", 0);
        while (!b->answers[i].given)
            bench_run(b, 1);
        for (uint32_t node = 0; node < 3; node++)
            bench_restart(b, node);
    }
    bench_get(b, 1, 100, "k");
    bench_run(b, 1000);
    assert_int_equal(strlen(b->answers[100].value), 20);
    assert_true(bench_is_converged(b));
    bench_close(b);
}

static void what_was_answered_survives_in_classic_mode(void **state)
{
    (void)state;
    what_was_answered_survives_all_losing_power_at_once(MODE_CLASSIC);
}

static void what_was_answered_survives_in_coordinated_mode(void **state)
{
    (void)state;
    what_was_answered_survives_all_losing_power_at_once(MODE_COORDINATED);
}

static void promises_and_votes_are_kept(void **state)
{
    (void)state;
    struct bench *b = bench_open(3, true);
    struct value *v = barrier(1);
    struct message prepare = {.kind = MESSAGE_PREPARE, .slot = 1, .ballot = ballot(7, 3)};
    struct message accept = {.kind = MESSAGE_ACCEPT, .slot = 2, .ballot = ballot(8, 3), .value = v};
    bench_say(b, 2, 0, prepare);
    bench_say(b, 2, 0, accept);
    bench_sync(b, 0);
    bench_restart(b, 0);
    struct slot_view view;
    replica_get_slot(b->nodes[0], 1, &view);
    assert_int_equal(ballot_cmp(view.promised, ballot(7, 3)), 0);
    assert_null(view.vote);
    replica_get_slot(b->nodes[0], 2, &view);
    assert_int_equal(ballot_cmp(view.promised, ballot(8, 3)), 0);
    assert_int_equal(ballot_cmp(view.accepted, ballot(8, 3)), 0);
    assert_true(value_equal(view.vote, v));
    assert_null(view.chosen);
    struct replica_status status;
    replica_get_status(b->nodes[0], &status);
    assert_int_equal(status.frontier, 2); /* A hole to be filled, whoever left it. */
    value_unref(v);
    bench_close(b);
}

static void nothing_was_said_of_what_is_lost(void **state)
{
    (void)state;
    struct bench *b = bench_open(3, true);
    struct value *v = barrier(1);
    struct message accept = {.kind = MESSAGE_ACCEPT, .slot = 1, .ballot = ballot(8, 3), .value = v};
    bench_say(b, 2, 0, accept);
    accept.ballot = ballot(2, 2);
    bench_say(b, 1, 0, accept); /* Refused, because of a promise that is not durable. */
    assert_int_equal(b->sent[MESSAGE_ACCEPTED], 0);
    assert_int_equal(b->sent[MESSAGE_REFUSED], 0);
    bench_restart(b, 0);
    struct slot_view view;
    replica_get_slot(b->nodes[0], 1, &view);
    assert_false(view.in_memory);
    value_unref(v);
    bench_close(b);
}

static void assert_kept(const struct bench *b, uint64_t slot, struct ballot promised,
                        struct ballot accepted, const struct value *vote)
{
    struct slot_view view = alone_slot(b, slot);
    assert_true(view.in_memory);
    assert_int_equal(ballot_cmp(view.promised, promised), 0);
    assert_int_equal(ballot_cmp(view.accepted, accepted), 0);
    if (vote == NULL)
        assert_null(view.vote);
    else
        assert_true(view.vote != NULL && value_equal(view.vote, vote));
    assert_null(view.chosen);
}

/* Slots have records of their own below, within and above those of runs; the higher ballot counts.
 */
static void promises_and_votes_over_runs_are_kept(void **state)
{
    (void)state;
    struct bench *b = alone_open(3);
    struct value *v = barrier(1);
    struct message accept = {.kind = MESSAGE_ACCEPT, .slot = 46, .ballot = ballot(0, 2)};
    accept.value = v;
    bench_say(b, 1, 0, accept);
    struct message prepare = {.kind = MESSAGE_PREPARE_RANGE, .ballot = ballot(2, 2)};
    prepare.interval = alone_thirds(31, 61);
    bench_say(b, 1, 0, prepare);
    struct message noop = {.kind = MESSAGE_ACCEPT_NOOP, .ballot = ballot(3, 3)};
    noop.interval = alone_thirds(40, 52);
    bench_say(b, 2, 0, noop);
    accept.slot = 43;
    accept.ballot = ballot(4, 3);
    bench_say(b, 2, 0, accept);
    prepare.interval = alone_thirds(49, 49);
    prepare.ballot = ballot(9, 2);
    bench_say(b, 1, 0, prepare);
    alone_run(b, 1);
    alone_restart(b);

    const struct ballot none = {0};
    assert_kept(b, 31, ballot(2, 2), none, NULL);
    assert_kept(b, 40, ballot(3, 3), ballot(3, 3), value_noop());
    assert_kept(b, 43, ballot(4, 3), ballot(4, 3), v);
    assert_kept(b, 46, ballot(3, 3), ballot(3, 3), value_noop()); /* v was accepted lower. */
    assert_kept(b, 49, ballot(9, 2), ballot(3, 3), value_noop());
    assert_kept(b, 61, ballot(2, 2), none, NULL);
    assert_false(alone_slot(b, 64).in_memory);
    assert_int_equal(alone_slot(b, 32).promised.round, 0);
    value_unref(v);
    bench_close(b);
}

static void nothing_was_said_of_runs_that_are_lost(void **state)
{
    (void)state;
    struct bench *b = alone_open(3);
    struct message m = {.kind = MESSAGE_PREPARE_RANGE, .ballot = ballot(2, 2)};
    m.interval = alone_thirds(1, 10);
    bench_say(b, 1, 0, m);
    m = (struct message){.kind = MESSAGE_ACCEPT_NOOP, .ballot = ballot(3, 3)};
    m.interval = alone_thirds(4, 7);
    bench_say(b, 2, 0, m);
    m.ballot = ballot(1, 3);
    bench_say(b, 2, 0, m); /* Refused, because of promises that are not durable. */
    bench_tick(b, 0);
    assert_int_equal(b->sent[MESSAGE_PROMISE_RANGE] + b->sent[MESSAGE_VOTED], 0);
    assert_int_equal(b->sent[MESSAGE_REFUSED_RANGE], 0);
    bench_restart(b, 0);
    assert_false(alone_slot(b, 1).in_memory);
    bench_close(b);
}

static bool lose_all_but_accepts_to_node_1(const struct bench *b, const struct bench_letter *l)
{
    (void)b;
    bool is_accept = l->message.kind == MESSAGE_ACCEPT;
    return is_accept ? l->to != 1 : l->message.kind == MESSAGE_ACCEPTED || l->from == 1;
}

static bool lose_nothing_but_fetches(const struct bench *b, const struct bench_letter *l)
{
    (void)b;
    return l->message.kind == MESSAGE_FETCH;
}

/* Its Accept reached one acceptor; then it lost power. Somebody must finish that slot. */
static void a_proposal_is_finished_after_its_node_started_again(void **state)
{
    (void)state;
    struct bench *b = bench_open(3, true);
    bench_put(b, 0, 1, "k", "v");
    bench_tick(b, 0);
    bench_deliver(b);
    for (uint32_t node = 0; node < 3; node++)
        bench_sync(b, node);
    b->lose = lose_all_but_accepts_to_node_1;
    bench_deliver(b);
    bench_sync(b, 1);
    bench_restart(b, 0);
    b->lose = lose_nothing_but_fetches;
    bench_run(b, 1000);
    for (uint32_t node = 0; node < 3; node++)
        assert_non_null(machine_get(replica_machine(b->nodes[node]), bytes_of("k")));
    assert_true(bench_is_converged(b));
    bench_close(b);
}

/* The last one to be sent, in slot 1. */
static const struct message *last_prepare(const struct bench *b)
{
    size_t i = b->queue_count - 1;
    while (b->queue[i].message.kind != MESSAGE_PREPARE)
        i--;
    assert_int_equal(b->queue[i].message.slot, 1);
    return &b->queue[i].message;
}

static void a_ballot_of_an_earlier_start_is_not_used_again(void **state)
{
    (void)state;
    struct bench *b = bench_open(3, true);
    bench_put(b, 0, 1, "k", "v");
    bench_tick(b, 0);
    struct ballot first = last_prepare(b)->ballot;
    bench_restart(b, 0); /* Its own promise was not synced: it knows nothing of that ballot. */
    bench_put(b, 0, 2, "k", "w");
    bench_tick(b, 0);
    struct ballot second = last_prepare(b)->ballot;
    assert_int_equal(second.round, first.round);
    assert_int_equal(second.node, first.node);
    assert_int_equal(second.boot, first.boot + 1);
    bench_close(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(replay_gives_the_same_state_in_classic_mode),
        cmocka_unit_test(replay_gives_the_same_state_in_coordinated_mode),
        cmocka_unit_test(what_was_answered_survives_in_classic_mode),
        cmocka_unit_test(what_was_answered_survives_in_coordinated_mode),
        cmocka_unit_test(promises_and_votes_are_kept),
        cmocka_unit_test(nothing_was_said_of_what_is_lost),
        cmocka_unit_test(promises_and_votes_over_runs_are_kept),
        cmocka_unit_test(nothing_was_said_of_runs_that_are_lost),
        cmocka_unit_test(a_proposal_is_finished_after_its_node_started_again),
        cmocka_unit_test(a_ballot_of_an_earlier_start_is_not_used_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
