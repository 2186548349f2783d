/*
 * restore_test.c -- what a node knows again after it lost power, and what it must not have said
 * before; and disks whose records contradict each other.
 */
#include "../unit.h"

#include <string.h>

#include "base/mem.h"
#include "bench.h"

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

/* ---- Power is lost ------------------------------------------------------------------------- */

static void replay_gives_the_same_state(void **state)
{
    (void)state;
    struct bench *b = bench_open(3, true);
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

static void what_was_answered_survives_all_losing_power_at_once(void **state)
{
    (void)state;
    struct bench *b = bench_open(3, true);
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

/* ---- Records ------------------------------------------------------------------------------- */

#define FIRST_SLOT 10

/* A replica of node 1 of three, whose log begins at FIRST_SLOT, from `count` records. */
static int start(const struct durable *records, size_t count, uint64_t *out_applied)
{
    struct replica_options options = {
        .identity = {.cluster = "dkv", .mode = MODE_CLASSIC, .id = 1},
        .boot = 1,
        .admitted = true,
        .first_slot = FIRST_SLOT,
        .limits = machine_limits_default,
        .tuning = replica_tuning_default,
    };
    options.identity.members = (struct members){.count = 3, .ids = {1, 2, 3}};
    struct replica *r = NULL;
    TRY(replica_open(&options, &r));
    int err = 0;
    for (size_t i = 0; i < count && err == 0; i++)
        err = replica_restore(r, &records[i]);
    if (err == 0)
        err = replica_start(r, 0);
    if (err == 0)
        *out_applied = machine_applied(replica_machine(r));
    replica_close(r);
    return err;
}

static void records_of_a_healthy_disk(void **state)
{
    (void)state;
    struct value *v = barrier(1);
    struct value *w = barrier(2);
    const struct durable records[] = {
        {.kind = DURABLE_PEER, .peer = 2, .disk_id = {2}},
        {.kind = DURABLE_CHOSEN_TO, .slot = 12},
        {.kind = DURABLE_LEARNT, .slot = 12, .value = value_noop()},
        {.kind = DURABLE_VOTE,
         .slot = 12,
         .promised = ballot(2, 2),
         .accepted = ballot(1, 2),
         .value = w},
        {.kind = DURABLE_VOTE,
         .slot = 10,
         .promised = ballot(3, 2),
         .accepted = ballot(3, 2),
         .value = v},
        {.kind = DURABLE_LEARNT, .slot = 11, .value = w},
        {.kind = DURABLE_VOTE, .slot = 14, .promised = ballot(3, 2)},
        {.kind = DURABLE_VOTE, .slot = 3, .promised = ballot(3, 2)}, /* Covered by the state. */
    };
    size_t count = sizeof(records) / sizeof(records[0]);
    uint64_t applied = 0;
    assert_int_equal(start(records, count, &applied), 0);
    assert_int_equal(applied, 12);
    assert_int_equal(start(NULL, 0, &applied), 0);
    assert_int_equal(applied, FIRST_SLOT - 1);

    /* The same with every allocation failing in turn. */
    long before = mem_outstanding();
    for (long n = 0;; n++) {
        mem_fail_after(n);
        int err = start(records, count, &applied);
        mem_fail_after(-1);
        assert_int_equal(mem_outstanding(), before);
        if (err == 0)
            break;
        assert_int_equal(err, ERR_NO_MEMORY);
    }
    value_unref(v);
    value_unref(w);
}

/* The last commit was torn: what a LEARNT record says is true all the same. */
static void learnt_values_count_beyond_chosen_to(void **state)
{
    (void)state;
    struct value *v = barrier(1);
    const struct durable records[] = {
        {.kind = DURABLE_CHOSEN_TO, .slot = 10},
        {.kind = DURABLE_LEARNT, .slot = 10, .value = v},
        {.kind = DURABLE_LEARNT, .slot = 11, .value = value_noop()},
        {.kind = DURABLE_LEARNT, .slot = 13, .value = value_noop()},
    };
    uint64_t applied = 0;
    assert_int_equal(start(records, 4, &applied), 0);
    assert_int_equal(applied, 11);
    value_unref(v);
}

static void records_that_contradict_each_other(void **state)
{
    (void)state;
    struct value *v = barrier(1);
    const struct durable vote = {
        .kind = DURABLE_VOTE,
        .slot = 10,
        .promised = ballot(3, 2),
        .accepted = ballot(3, 2),
        .value = v,
    };
    const struct durable learnt = {.kind = DURABLE_LEARNT, .slot = 10, .value = v};
    struct durable voted_above_promise = vote;
    voted_above_promise.promised = ballot(2, 2);
    struct durable voted_without_value = vote;
    voted_without_value.value = NULL;
    struct durable value_without_vote = vote;
    value_without_vote.accepted = (struct ballot){0};
    struct durable vote_elsewhere = vote;
    vote_elsewhere.slot = UINT64_MAX;
    const struct durable cases[][2] = {
        {vote, vote},
        {learnt, learnt},
        {vote, voted_above_promise},
        {voted_above_promise},
        {voted_without_value},
        {value_without_vote},
        {vote, vote_elsewhere},
        {{.kind = DURABLE_LEARNT, .slot = 10}},
        {{.kind = DURABLE_CHOSEN_TO, .slot = FIRST_SLOT - 2}},
        {{.kind = DURABLE_CHOSEN_TO, .slot = 10}},
        {vote, {.kind = DURABLE_CHOSEN_TO, .slot = 11}},
        {{.kind = DURABLE_VOTE, .slot = 10, .promised = ballot(3, 2)},
         {.kind = DURABLE_CHOSEN_TO, .slot = 10}},
        {{.kind = DURABLE_PEER, .peer = 1, .disk_id = {1}}},
        {{.kind = DURABLE_PEER, .peer = 4, .disk_id = {1}}},
        {{.kind = DURABLE_PEER, .peer = 2, .disk_id = {1}},
         {.kind = DURABLE_PEER, .peer = 2, .disk_id = {2}}},
        {{.kind = (enum durable_kind)0}},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint64_t applied = 0;
        size_t count = cases[i][1].kind == 0 ? 1 : 2;
        int err = start(cases[i], count, &applied);
        if (err != ERR_CORRUPT)
            print_error("case %zu\n", i);
        assert_int_equal(err, ERR_CORRUPT);
    }
    value_unref(v);
    assert_int_equal(mem_outstanding(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(replay_gives_the_same_state),
        cmocka_unit_test(what_was_answered_survives_all_losing_power_at_once),
        cmocka_unit_test(promises_and_votes_are_kept),
        cmocka_unit_test(nothing_was_said_of_what_is_lost),
        cmocka_unit_test(a_proposal_is_finished_after_its_node_started_again),
        cmocka_unit_test(a_ballot_of_an_earlier_start_is_not_used_again),
        cmocka_unit_test(records_of_a_healthy_disk),
        cmocka_unit_test(learnt_values_count_beyond_chosen_to),
        cmocka_unit_test(records_that_contradict_each_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
