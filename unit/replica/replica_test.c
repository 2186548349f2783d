/*
 * replica_test.c -- what paper_test.c does not say: bounds, deadlines, restarts, lack of memory.
 */
#include "../unit.h"

#include <string.h>

#include "base/mem.h"
#include "bench.h"

static void a_cluster_of_one_serves(void **state)
{
    (void)state;
    struct bench *b = bench_open(1, true);
    bench_put(b, 0, 1, "k", "v");
    bench_get(b, 0, 2, "k");
    bench_run(b, 20);
    assert_true(b->answers[1].given);
    assert_string_equal(b->answers[2].value, "v");
    bench_close(b);
}

static void a_proposer_knows_who_voted(void **state)
{
    (void)state;
    struct bench *b = bench_open(3, true);
    bench_put(b, 0, 1, "k", "v");
    bench_run(b, 20);
    struct slot_view view;
    replica_get_slot(b->nodes[0], 1, &view);
    assert_int_equal(ballot_cmp(view.voted_at, view.accepted), 0);
    assert_int_equal(view.voters.bits, 7);
    replica_get_slot(b->nodes[1], 1, &view);
    assert_int_equal(view.voters.bits, 0);
    bench_close(b);
}

static void without_a_quorum_answers_say_what_is_known(void **state)
{
    (void)state;
    struct bench *b = bench_open(3, true);
    b->dead[1] = true;
    b->dead[2] = true;
    bench_put(b, 0, 1, "k", "v");
    bench_get(b, 0, 2, "k");
    bench_run(b, 9990);
    assert_false(b->answers[1].given);
    assert_false(b->answers[2].given);
    bench_run(b, 20);
    assert_int_equal(b->answers[1].status, ANSWER_NOT_APPLIED);
    assert_int_equal(b->answers[2].status, ANSWER_NO_QUORUM);
    bench_close(b);
}

static void a_sequential_read_needs_nobody(void **state)
{
    (void)state;
    struct bench *b = bench_open(3, true);
    bench_put(b, 0, 1, "k", "v");
    bench_run(b, 20);
    b->dead[1] = true;
    b->dead[2] = true;
    struct replica_op op = {
        .kind = OP_READ,
        .handle = 2,
        .deadline_ns = b->now_ns + 10000000000,
        .key = bytes_of("k"),
        .consistency = CONSISTENCY_SEQUENTIAL,
    };
    bench_step(b, 0, (struct event){.kind = EVENT_OP, .op = &op});
    bench_run(b, 2);
    assert_true(b->answers[2].given);
    assert_string_equal(b->answers[2].value, "v");
    bench_close(b);
}

static void a_sequential_read_waits_for_the_slot_that_its_client_has_seen(void **state)
{
    (void)state;
    struct bench *b = bench_open(3, true);
    for (uint64_t slot = 3; slot > 0; slot--) {
        struct replica_op op = {
            .kind = OP_READ,
            .handle = slot,
            .deadline_ns = slot == 3 ? b->now_ns + 100 * MS : UINT64_MAX,
            .key = bytes_of("k"),
            .consistency = CONSISTENCY_SEQUENTIAL,
            .min_slot = slot,
        };
        bench_step(b, 0, (struct event){.kind = EVENT_OP, .op = &op});
    }
    bench_run(b, 10);
    assert_false(b->answers[1].given);
    bench_put(b, 1, 11, "k", "v");
    bench_run(b, 20);
    assert_string_equal(b->answers[1].value, "v");
    assert_false(b->answers[2].given);
    bench_put(b, 1, 12, "k", "w");
    bench_run(b, 20);
    assert_string_equal(b->answers[2].value, "w");
    assert_false(b->answers[3].given);
    bench_run(b, 100);
    assert_int_equal(b->answers[3].status, ANSWER_NO_QUORUM);
    bench_close(b);
}

static bool lose_accepted(const struct bench *b, const struct bench_letter *letter)
{
    (void)b;
    return letter->message.kind == MESSAGE_ACCEPTED;
}

static void a_write_that_was_proposed_has_an_unknown_outcome(void **state)
{
    (void)state;
    struct bench *b = bench_open(3, true);
    b->lose = lose_accepted;
    bench_put(b, 0, 1, "k", "v");
    bench_run(b, 5);
    for (uint32_t i = 1; i < 3; i++)
        b->dead[i] = true;
    bench_run(b, 10010);
    assert_int_equal(b->answers[1].status, ANSWER_OUTCOME_UNKNOWN);
    bench_close(b);
}

static void a_full_queue_turns_away_at_once(void **state)
{
    (void)state;
    struct bench *b = bench_open(3, true);
    b->dead[1] = true;
    b->dead[2] = true;
    uint32_t max = replica_tuning_default.queue_ops_max;
    for (uint32_t i = 0; i < max; i++) {
        struct replica_op op = {.kind = OP_READ, .handle = 0, .key = bytes_of("k")};
        op.deadline_ns = UINT64_MAX;
        bench_step(b, 0, (struct event){.kind = EVENT_OP, .op = &op});
    }
    assert_false(b->answers[0].given);
    bench_get(b, 0, 1, "k");
    assert_int_equal(b->answers[1].status, ANSWER_QUEUE_FULL);
    bench_close(b);
}

static void a_node_that_was_away_catches_up(void **state)
{
    (void)state;
    struct bench *b = bench_open(3, true);
    b->dead[2] = true;
    for (uint64_t i = 0; i < 200; i++) {
        bench_put(b, (uint32_t)(i % 2), i, "k", "v");
        bench_run(b, 3);
    }
    b->dead[2] = false;
    bench_run(b, 3000);
    assert_true(bench_is_converged(b));
    bench_close(b);
}

static struct value *barrier_of(uint64_t sequence)
{
    struct tag tag = {.node = 2, .boot = 1, .sequence = sequence};
    struct value *v = NULL;
    assert_int_equal(value_new(VALUE_BARRIER, tag, (struct bytes){0}, &v), 0);
    return v;
}

static void a_chosen_slot_is_never_voted_on_again(void **state)
{
    (void)state;
    struct bench *b = bench_open(3, true);
    struct value *v = barrier_of(1);
    struct value *w = barrier_of(2);
    struct ballot high = {.round = 9, .node = 2, .boot = 1};
    bench_say(b, 1, 0,
              (struct message){.kind = MESSAGE_LEARN, .slot = 1, .tag = v->tag, .value = v});
    bench_say(b, 1, 0, (struct message){.kind = MESSAGE_PREPARE, .slot = 1, .ballot = high});
    bench_say(b, 1, 0,
              (struct message){.kind = MESSAGE_ACCEPT, .slot = 1, .ballot = high, .value = w});
    bench_sync(b, 0);
    assert_int_equal(b->sent[MESSAGE_PROMISE] + b->sent[MESSAGE_ACCEPTED], 0);
    assert_int_equal(b->sent[MESSAGE_LEARN], 2);
    assert_true(value_equal(b->queue[b->queue_count - 1].message.value, v));
    struct slot_view view;
    replica_get_slot(b->nodes[0], 1, &view);
    assert_null(view.vote);
    assert_int_equal(view.promised.round, 0);
    value_unref(v);
    value_unref(w);
    bench_close(b);
}

/* The value at hand is another one than the tag of what was chosen. */
static void a_vote_for_another_value_is_not_what_was_chosen(void **state)
{
    (void)state;
    struct bench *b = bench_open(3, true);
    struct value *v = barrier_of(1);
    struct value *w = barrier_of(2);
    struct message accept = {.kind = MESSAGE_ACCEPT, .slot = 1, .value = v};
    accept.ballot = (struct ballot){.round = 1, .node = 2, .boot = 1};
    bench_say(b, 1, 0, accept);
    bench_say(b, 1, 0, (struct message){.kind = MESSAGE_LEARN, .slot = 1, .tag = w->tag});
    struct slot_view view;
    replica_get_slot(b->nodes[0], 1, &view);
    assert_true(value_equal(view.vote, v));
    assert_null(view.chosen);
    bench_tick(b, 0); /* It asks for it at once. */
    assert_int_equal(b->sent[MESSAGE_PREPARE], 2);
    value_unref(v);
    value_unref(w);
    bench_close(b);
}

static void nobody_acts_above_the_window(void **state)
{
    (void)state;
    struct replica_tuning tuning = replica_tuning_default;
    tuning.alpha = 100;
    struct bench *b = bench_open_tuned(3, &tuning, MODE_CLASSIC);
    struct value *v = barrier_of(1);
    struct ballot ballot = {.round = 1, .node = 2, .boot = 1};
    for (uint64_t slot = 100; slot <= 101; slot++) {
        bench_say(
            b, 1, 0,
            (struct message){.kind = MESSAGE_ACCEPT, .slot = slot, .ballot = ballot, .value = v});
        bench_say(b, 1, 0, (struct message){.kind = MESSAGE_LEARN, .slot = slot, .tag = v->tag});
    }
    struct slot_view view;
    replica_get_slot(b->nodes[0], 100, &view);
    assert_non_null(view.chosen);
    replica_get_slot(b->nodes[0], 101, &view);
    assert_false(view.in_memory);
    bench_put(b, 0, 1, "k", "v"); /* Slot 102 would be next. */
    bench_tick(b, 0);
    assert_int_equal(b->sent[MESSAGE_PREPARE], 0);
    value_unref(v);
    bench_run(b, 2000); /* The slots below are filled, and it goes on. */
    assert_true(b->answers[1].given);
    bench_close(b);
}

/*
 * All of the window was prepared by a node that died over it, so there is one slot only in which
 * anything can be done; and who loses a slot there must not try again at once, as a claim would.
 */
static void a_window_used_up_is_no_duel(void **state)
{
    (void)state;
    struct replica_tuning tuning = replica_tuning_default;
    tuning.alpha = 100;
    struct bench *b = bench_open_tuned(3, &tuning, MODE_CLASSIC);
    for (uint32_t node = 0; node < 2; node++) {
        struct message prepare = {.kind = MESSAGE_PREPARE, .slot = 100};
        prepare.ballot = (struct ballot){.round = 1, .node = 3, .boot = 1};
        bench_say(b, 2, node, prepare);
    }
    b->dead[2] = true;
    b->no_disk = true;
    bench_put(b, 0, 1, "k", "v");
    bench_put(b, 1, 2, "k", "w");
    /* A commit takes longer than the way to the other one. */
    for (uint32_t ms = 0; ms < 1000; ms++) {
        for (uint32_t node = 0; node < 2; node++) {
            b->stalled[node] = ms % 10 != 5 * node;
            bench_tick(b, node);
            bench_deliver(b);
        }
        bench_run(b, 1);
    }
    assert_true(b->answers[1].given && b->answers[2].given);
    bench_close(b);
}

/* Whom it asks for promises and votes have forgotten those slots: their state covers them. */
static void a_proposal_in_a_forgotten_slot_ends(void **state)
{
    (void)state;
    struct replica_tuning tuning = replica_tuning_default;
    tuning.checkpoint_slots = 2;
    for (int turn = 0; turn < 2; turn++) {
        struct bench *b = bench_open_tuned(3, &tuning, MODE_CLASSIC);
        b->checkpoints = true;
        bench_append(b, 2, 1, "k", "x", "", 0);
        bench_tick(b, 2);
        if (turn == 1) { /* Phase 2: its Accept is out, and may have been chosen. */
            bench_deliver(b);
            for (uint32_t node = 0; node < 3; node++)
                bench_sync(b, node);
            bench_deliver(b);
        }
        b->lose = bench_lose_all_of_node_2;
        bench_deliver(b);
        for (uint64_t i = 10; i < 20; i++) {
            bench_append(b, 0, i, "k", "y", "", 0);
            bench_run(b, 150);
        }
        struct slot_view view;
        replica_get_slot(b->nodes[0], 1, &view);
        assert_false(view.in_memory);
        assert_false(b->answers[1].given);
        b->lose = NULL;
        bench_run(b, 500);
        assert_int_equal(b->answers[1].status, ANSWER_OK);
        bench_get(b, 1, 2, "k");
        bench_run(b, 100);
        assert_int_equal(strlen(b->answers[2].value), 11);
        assert_true(bench_is_converged(b));
        bench_close(b);
    }
}

/* It has no client of its own, so that it cannot know how long slots take; commits it does know. */
static void an_idle_node_leaves_a_hole_alone_for_as_long_as_commits_take(void **state)
{
    (void)state;
    struct bench *b = bench_open(3, true);
    b->dead[1] = true;
    b->dead[2] = true;
    struct value *v = barrier_of(1);
    struct message accept = {
        .kind = MESSAGE_ACCEPT,
        .slot = 1,
        .ballot = {.round = 1, .node = 2, .boot = 1},
        .value = v,
    };
    struct message prepare = {.kind = MESSAGE_PREPARE, .slot = 2, .ballot = accept.ballot};
    b->stalled[0] = true;
    for (int i = 0; i < 40; i++) {
        prepare.ballot.round++;
        bench_say(b, 1, 0, prepare);
        bench_run(b, 100);
        bench_sync(b, 0);
    }
    bench_say(b, 1, 0, accept);
    bench_run(b, 150);
    assert_int_equal(b->sent[MESSAGE_PREPARE], 0);
    bench_run(b, 300);
    assert_int_not_equal(b->sent[MESSAGE_PREPARE], 0);
    value_unref(v);
    bench_close(b);
}

/* One node, every allocation failing in turn: an error comes out, and nothing leaks. */
static int one_node_serves_one_put(enum mode mode)
{
    struct replica_options options = {
        .identity = {.cluster = "dkv", .mode = mode, .id = 1},
        .boot = 1,
        .life = 1,
        .admitted = true,
        .first_slot = 1,
        .limits = machine_limits_default,
        .tuning = replica_tuning_default,
    };
    options.identity.members = (struct members){.count = 1, .ids = {1}};
    options.tuning.checkpoint_slots = 1;
    struct replica *r = NULL;
    struct effects e = {0};
    TRY(replica_open(&options, &r));
    int err = replica_start(r, 0);

    struct command c = {.kind = COMMAND_PUT, .key = bytes_of("k"), .value = bytes_of("v")};
    struct buf encoded = {0};
    if (err == 0)
        err = command_encode(&c, &encoded);
    struct replica_op op = {
        .kind = OP_WRITE, .deadline_ns = UINT64_MAX, .command = buf_bytes(&encoded)};
    struct event event = {.kind = EVENT_OP, .op = &op};
    if (err == 0)
        err = replica_step(r, &event, &e);
    for (int turn = 0; turn < 6 && err == 0; turn++) {
        event = (struct event){.kind = EVENT_TICK, .now_ns = 1};
        err = replica_step(r, &event, &e);
        if (err != 0)
            break;
        event = (struct event){.kind = EVENT_DURABLE, .now_ns = 1, .sequence = e.write_sequence};
        err = replica_step(r, &event, &e);
    }
    if (err == 0) {
        assert_int_equal(e.answers_count, 1);
        assert_non_null(e.checkpoint);
    }
    buf_fini(&encoded);
    effects_fini(&e);
    replica_close(r);
    return err;
}

static void every_allocation_fails_once(enum mode mode)
{
    long before = mem_outstanding();
    for (long n = 0;; n++) {
        mem_fail_after(n);
        int err = one_node_serves_one_put(mode);
        mem_fail_after(-1);
        assert_int_equal(mem_outstanding(), before);
        if (err == 0) {
            assert_true(n > 10);
            return;
        }
        assert_int_equal(err, ERR_NO_MEMORY);
    }
}

static void every_allocation_fails_once_in_classic_mode(void **state)
{
    (void)state;
    every_allocation_fails_once(MODE_CLASSIC);
}

static void every_allocation_fails_once_in_coordinated_mode(void **state)
{
    (void)state;
    every_allocation_fails_once(MODE_COORDINATED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cluster_of_one_serves),
        cmocka_unit_test(a_sequential_read_needs_nobody),
        cmocka_unit_test(a_sequential_read_waits_for_the_slot_that_its_client_has_seen),
        cmocka_unit_test(a_proposer_knows_who_voted),
        cmocka_unit_test(without_a_quorum_answers_say_what_is_known),
        cmocka_unit_test(a_write_that_was_proposed_has_an_unknown_outcome),
        cmocka_unit_test(a_full_queue_turns_away_at_once),
        cmocka_unit_test(a_node_that_was_away_catches_up),
        cmocka_unit_test(a_chosen_slot_is_never_voted_on_again),
        cmocka_unit_test(a_vote_for_another_value_is_not_what_was_chosen),
        cmocka_unit_test(nobody_acts_above_the_window),
        cmocka_unit_test(a_window_used_up_is_no_duel),
        cmocka_unit_test(a_proposal_in_a_forgotten_slot_ends),
        cmocka_unit_test(an_idle_node_leaves_a_hole_alone_for_as_long_as_commits_take),
        cmocka_unit_test(every_allocation_fails_once_in_classic_mode),
        cmocka_unit_test(every_allocation_fails_once_in_coordinated_mode),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
