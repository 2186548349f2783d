/*
 * paper_test.c -- a test for each numbered rule of docs/protocol.md that classic mode has.
 *
 * First the three roles by themselves, as "Paxos Made Simple" has them; then whole replicas on the
 * bench, for the rules about what a node does.
 */
#include "../unit.h"

#include <string.h>

#include "../replica/bench.h"
#include "base/mem.h"
#include "paxos/acceptor.h"
#include "paxos/learner.h"
#include "paxos/proposer.h"

static const struct members three = {.count = 3, .ids = {1, 2, 3}};

static struct ballot ballot(uint64_t round, uint32_t node)
{
    return (struct ballot){.round = round, .node = node, .boot = 1};
}

static struct value *value_of(uint32_t node, const char *text)
{
    struct value *v = NULL;
    struct tag tag = {.node = node, .boot = 1, .sequence = 1};
    assert_int_equal(value_new(VALUE_BATCH, tag, bytes_of(text), &v), 0);
    return v;
}

/* ---- Section 1: state ---------------------------------------------------------------------- */

static void ballots_are_ordered_by_round_then_node_then_boot(void **state)
{
    (void)state;
    struct ballot low = {.round = 1, .node = 9, .boot = 9};
    struct ballot high = {.round = 2, .node = 1, .boot = 1};
    assert_true(ballot_cmp(low, high) < 0);
    struct ballot other = {.round = 2, .node = 2, .boot = 0};
    assert_true(ballot_cmp(high, other) < 0);
    struct ballot later = {.round = 2, .node = 2, .boot = 1};
    assert_true(ballot_cmp(other, later) < 0);
    assert_int_equal(ballot_cmp(later, later), 0);
    assert_true(ballot_is_none((struct ballot){0}));
    assert_true(ballot_cmp((struct ballot){0}, low) < 0);
}

static void two_majorities_share_a_member(void **state)
{
    (void)state;
    for (uint32_t n = 1; n <= MEMBERS_MAX; n++) {
        struct members m = {.count = n};
        for (uint32_t i = 0; i < n; i++)
            m.ids[i] = i + 1;
        assert_true(members_is_valid(&m));
        for (unsigned a = 0; a < 1U << n; a++) {
            struct member_set set = {.bits = (uint16_t)a};
            struct member_set rest = {.bits = (uint16_t)(~a & ((1U << n) - 1))};
            assert_false(members_is_majority(&m, set) && members_is_majority(&m, rest));
        }
        struct member_set all = {.bits = (uint16_t)((1U << n) - 1)};
        assert_true(members_is_majority(&m, all));
    }
}

/* ---- Section 2, rule 1: promises ----------------------------------------------------------- */

static void rule_1_promise_only_above_what_was_promised(void **state)
{
    (void)state;
    struct acceptor a = {0};
    bool granted = false;
    assert_true(acceptor_on_prepare(&a, ballot(2, 1), &granted));
    assert_true(granted);
    assert_false(acceptor_on_prepare(&a, ballot(1, 3), &granted));
    assert_false(granted);
    assert_int_equal(ballot_cmp(a.promised, ballot(2, 1)), 0);
    assert_true(acceptor_on_prepare(&a, ballot(2, 2), &granted));
    assert_true(granted);
}

static void rule_1_the_same_prepare_gets_the_same_answer(void **state)
{
    (void)state;
    struct acceptor a = {0};
    bool granted = false;
    assert_true(acceptor_on_prepare(&a, ballot(2, 1), &granted));
    assert_false(acceptor_on_prepare(&a, ballot(2, 1), &granted));
    assert_true(granted);
}

/* ---- Rule 2: adopt ------------------------------------------------------------------------- */

static void rule_2_adopts_the_highest_accepted_ballot_in_any_order(void **state)
{
    (void)state;
    struct members five = {.count = 5, .ids = {1, 2, 3, 4, 5}};
    struct value *values[3] = {value_of(1, "one"), value_of(2, "two"), value_of(3, "three")};
    const int orders[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    for (int o = 0; o < 6; o++) {
        struct proposer p = {0};
        proposer_begin(&p, ballot(9, 1));
        for (int i = 0; i < 3; i++) {
            int which = orders[o][i];
            struct ballot accepted = ballot((uint64_t)which + 1, (uint32_t)which + 1);
            bool prepared = proposer_on_promise(&p, &five, (uint32_t)which, ballot(9, 1), accepted,
                                                values[which]);
            assert_int_equal(prepared, i == 2);
        }
        assert_ptr_equal(p.adopted, values[2]);
        proposer_fini(&p);
    }
    for (int i = 0; i < 3; i++)
        value_unref(values[i]);
    assert_int_equal(mem_outstanding(), 0);
}

static void rule_2_needs_a_majority_of_distinct_members_at_this_ballot(void **state)
{
    (void)state;
    struct proposer p = {0};
    struct ballot none = {0};
    proposer_begin(&p, ballot(1, 1));
    assert_false(proposer_on_promise(&p, &three, 0, ballot(1, 1), none, NULL));
    assert_false(proposer_on_promise(&p, &three, 0, ballot(1, 1), none, NULL));
    assert_false(proposer_on_promise(&p, &three, 1, ballot(2, 1), none, NULL));
    assert_true(proposer_on_promise(&p, &three, 2, ballot(1, 1), none, NULL));
    assert_int_equal(p.phase, PROPOSER_PREPARED);
    assert_null(p.adopted);
    proposer_fini(&p);
}

/* ---- Rule 3: votes ------------------------------------------------------------------------- */

static void rule_3_accepts_unless_more_was_promised(void **state)
{
    (void)state;
    struct value *v = value_of(1, "v");
    struct acceptor a = {0};
    bool granted = false;
    assert_true(acceptor_on_prepare(&a, ballot(3, 1), &granted));
    assert_false(acceptor_on_accept(&a, ballot(2, 1), v, &granted));
    assert_false(granted);
    assert_null(a.value);
    assert_true(acceptor_on_accept(&a, ballot(3, 1), v, &granted));
    assert_true(granted);
    assert_ptr_equal(a.value, v);
    assert_false(acceptor_on_accept(&a, ballot(3, 1), v, &granted));
    assert_true(granted);
    acceptor_fini(&a);
    value_unref(v);
}

static void rule_3_accepting_is_promising(void **state)
{
    (void)state;
    struct value *v = value_of(1, "v");
    struct acceptor a = {0};
    bool granted = false;
    assert_true(acceptor_on_accept(&a, ballot(5, 1), v, &granted));
    assert_false(acceptor_on_prepare(&a, ballot(3, 2), &granted));
    assert_false(granted);
    acceptor_fini(&a);
    value_unref(v);
}

/* Nothing but the proposer's own disk is slow: its Accept alone must not count as its vote. */
static void rule_3_the_accept_is_not_its_senders_vote(void **state)
{
    (void)state;
    struct bench *b = bench_open(3, true);
    b->lose = bench_lose_all_of_node_2;
    bench_put(b, 0, 1, "k", "v");
    bench_run(b, 1);
    assert_true(b->answers[1].given);
    b->stalled[0] = true;
    bench_put(b, 0, 2, "k", "w");
    bench_run(b, 100);
    assert_false(b->answers[2].given);
    b->stalled[0] = false;
    bench_run(b, 100);
    assert_true(b->answers[2].given);
    bench_close(b);
}

/* ---- Rule 4: chosen ------------------------------------------------------------------------ */

static void rule_4_a_majority_of_distinct_acceptors_at_one_ballot(void **state)
{
    (void)state;
    struct learner l = {0};
    assert_false(learner_on_accepted(&l, &three, 0, ballot(1, 1)));
    assert_false(learner_on_accepted(&l, &three, 0, ballot(1, 1)));
    assert_false(learner_on_accepted(&l, &three, 1, ballot(2, 2)));
    assert_false(learner_on_accepted(&l, &three, 2, ballot(1, 1)));
    assert_true(learner_on_accepted(&l, &three, 2, ballot(2, 2)));
}

/* ---- Rules 5 to 8, with whole replicas ----------------------------------------------------- */

static void rule_5_refused_in_phase_2_it_finishes_that_slot_first(void **state)
{
    (void)state;
    struct bench *b = bench_open(3, true);
    bench_put(b, 0, 1, "k", "v");
    bench_tick(b, 0);
    bench_deliver(b);
    for (uint32_t i = 0; i < 3; i++)
        bench_sync(b, i);
    bench_deliver(b); /* Accept is out, and has been accepted everywhere, but no disk has synced. */
    /* Somebody with a higher ballot comes in between. */
    struct message prepare = {.kind = MESSAGE_PREPARE, .slot = 1, .ballot = ballot(50, 3)};
    bench_say(b, 2, 1, prepare);
    bench_say(b, 2, 0, prepare);
    bench_run(b, 500);
    assert_true(b->answers[1].given);
    assert_int_equal(b->answers[1].status, ANSWER_OK);
    assert_int_equal(b->answers[1].slot, 1);
    bench_close(b);
}

/* Node 0's last request of a kind; it waits to be delivered. */
static struct message request_of(const struct bench *b, enum message_kind kind)
{
    size_t i = b->queue_count;
    while (i > 0 && b->queue[i - 1].message.kind != kind)
        i--;
    assert_true(i > 0);
    return b->queue[i - 1].message;
}

/* Nodes 1 and 2 are dead, and node 1 is made to promise whatever node 0 has claimed last. */
static struct message promise_to_node_0(struct bench *b)
{
    struct message prepare = request_of(b, MESSAGE_PREPARE);
    bench_sync(b, 0);
    bench_say(
        b, 1, 0,
        (struct message){.kind = MESSAGE_PROMISE, .slot = prepare.slot, .ballot = prepare.ballot});
    return request_of(b, MESSAGE_ACCEPT);
}

static void rule_6_another_value_won_so_mine_is_put_back(void **state)
{
    (void)state;
    struct bench *b = bench_open(3, true);
    b->dead[1] = true;
    b->dead[2] = true;
    bench_append(b, 0, 1, "k", "a", "", 0);
    bench_append(b, 0, 2, "k", "b", "", 0);
    bench_get(b, 0, 3, "k");
    bench_tick(b, 0);
    struct message first = promise_to_node_0(b);
    assert_int_equal(first.slot, 1);
    struct tag lost = first.value->tag;
    bench_append(b, 0, 4, "k", "c", "", 0);
    struct message noop = {.kind = MESSAGE_LEARN, .slot = 1, .ballot = ballot(9, 2)};
    bench_say(b, 1, 0, noop);
    for (uint64_t i = 1; i <= 4; i++)
        assert_false(b->answers[i].given); /* A NOOP is nobody's barrier. */

    bench_tick(b, 0);
    struct message second = promise_to_node_0(b);
    assert_int_equal(second.slot, 2);
    assert_false(tag_equal(second.value->tag, lost));
    bench_sync(b, 0);
    bench_say(
        b, 1, 0,
        (struct message){.kind = MESSAGE_ACCEPTED, .slot = second.slot, .ballot = second.ballot});
    for (uint64_t i = 1; i <= 4; i++)
        assert_int_equal(b->answers[i].status, ANSWER_OK);
    assert_string_equal(b->answers[3].value, "abc"); /* In the old order. */
    struct replica_status status;
    replica_get_status(b->nodes[0], &status);
    assert_int_equal(status.stats.requeued_total, 1);
    bench_close(b);
}

/* What is known when the deadline comes: it may be chosen, or it cannot be any more. */
static void rule_6_the_deadline_before_and_after_the_slot_was_lost(void **state)
{
    (void)state;
    struct bench *b = bench_open(3, true);
    b->dead[1] = true;
    b->dead[2] = true;
    bench_put(b, 0, 1, "k", "v");
    b->now_ns += 5000 * MS;
    bench_put(b, 0, 2, "k", "w");
    bench_tick(b, 0);
    (void)promise_to_node_0(b);
    b->now_ns += 5000 * MS;
    bench_tick(b, 0);
    assert_int_equal(b->answers[1].status, ANSWER_OUTCOME_UNKNOWN);
    assert_false(b->answers[2].given);
    struct message noop = {.kind = MESSAGE_LEARN, .slot = 1, .ballot = ballot(9, 2)};
    bench_say(b, 1, 0, noop);
    b->now_ns += 5000 * MS;
    bench_tick(b, 0);
    assert_int_equal(b->answers[2].status, ANSWER_NOT_APPLIED);
    bench_close(b);
}

static void rule_6_three_that_propose_at_once_lose_nothing(void **state)
{
    (void)state;
    struct bench *b = bench_open(3, true);
    for (uint64_t i = 0; i < 30; i++)
        bench_append(b, (uint32_t)(i % 3), i, "k", "x", "", 0);
    bench_run(b, 300);
    for (uint64_t i = 0; i < 30; i++) {
        assert_true(b->answers[i].given);
        assert_int_equal(b->answers[i].status, ANSWER_OK);
    }
    bench_get(b, 0, 100, "k");
    bench_run(b, 100);
    assert_int_equal(strlen(b->answers[100].value), 30);
    assert_true(bench_is_converged(b));
    bench_close(b);
}

static bool lose_learn(const struct bench *b, const struct bench_letter *letter)
{
    (void)b;
    return letter->message.kind == MESSAGE_LEARN || letter->message.kind == MESSAGE_ACCEPTED;
}

static void rule_7_a_hole_at_the_tail_is_filled_when_nobody_asks(void **state)
{
    (void)state;
    struct bench *b = bench_open(3, true);
    b->lose = lose_learn; /* All accept, nobody learns. */
    bench_put(b, 0, 1, "k", "v");
    bench_run(b, 3);
    b->dead[0] = true; /* And the proposer goes away. */
    b->lose = NULL;
    bench_run(b, 1000);
    assert_non_null(machine_get(replica_machine(b->nodes[1]), bytes_of("k")));
    assert_non_null(machine_get(replica_machine(b->nodes[2]), bytes_of("k")));
    assert_true(bench_is_converged(b));
    bench_close(b);
}

static void rule_7_an_idle_cluster_stands_still(void **state)
{
    (void)state;
    struct bench *b = bench_open(3, true);
    bench_put(b, 0, 1, "k", "v");
    bench_run(b, 500);
    uint64_t applied = machine_applied(replica_machine(b->nodes[0]));
    uint64_t before[MESSAGE_CHOSEN + 1];
    memcpy(before, b->sent, sizeof(before));
    bench_run(b, 10000);
    assert_int_equal(machine_applied(replica_machine(b->nodes[0])), applied);
    for (int kind = MESSAGE_HELLO; kind <= MESSAGE_CHOSEN; kind++) {
        if (kind != MESSAGE_HEARTBEAT)
            assert_int_equal(b->sent[kind], before[kind]);
    }
    assert_true(b->sent[MESSAGE_HEARTBEAT] > before[MESSAGE_HEARTBEAT]);
    bench_close(b);
}

static void rule_8_answers_come_after_all_lower_slots_are_applied(void **state)
{
    (void)state;
    struct bench *b = bench_open(3, true);
    /* Slot 1 was begun by node 3, which says no more about it; slot 2 is chosen. */
    struct value *v = NULL;
    struct tag tag = {.node = 3, .boot = 1, .sequence = 1};
    assert_int_equal(value_new(VALUE_BARRIER, tag, (struct bytes){0}, &v), 0);
    struct message accept = {.kind = MESSAGE_ACCEPT, .slot = 1, .ballot = ballot(1, 3), .value = v};
    bench_say(b, 2, 0, accept);
    bench_sync(b, 0);
    bench_put(b, 0, 1, "k", "v");
    bench_run(b, 5); /* Within the hedge. */
    struct slot_view view;
    replica_get_slot(b->nodes[0], 2, &view);
    assert_non_null(view.chosen);
    assert_false(b->answers[1].given);
    bench_run(b, 200);
    assert_true(b->answers[1].given);
    value_unref(v);
    bench_close(b);
}

/* ---- Section 1, identity ------------------------------------------------------------------- */

static void identity_a_new_disk_waits_until_more_than_half_of_the_others_recorded_it(void **state)
{
    (void)state;
    struct bench *b = bench_open(3, false);
    b->dead[2] = true;
    bench_put(b, 0, 1, "k", "v");
    bench_run(b, 1000);
    struct replica_status status;
    replica_get_status(b->nodes[0], &status);
    assert_false(status.admitted); /* One of two others is not more than half of them. */
    assert_int_equal(b->sent[MESSAGE_PREPARE], 0);
    b->dead[2] = false;
    bench_run(b, 1000);
    replica_get_status(b->nodes[0], &status);
    assert_true(status.admitted);
    assert_true(b->answers[1].given);
    bench_close(b);
}

static void identity_another_disk_under_a_known_id_is_refused(void **state)
{
    (void)state;
    struct bench *b = bench_open(3, true);
    struct hello hello = {
        .protocol_version = PROTOCOL_VERSION,
        .mode = MODE_CLASSIC,
        .cluster = "dkv",
        .members = three,
        .id = 2,
        .boot = 1,
    };
    memset(hello.disk_id, 0x77, sizeof(hello.disk_id));
    uint64_t goodbyes = b->sent[MESSAGE_GOODBYE];
    bench_say(b, 1, 0, (struct message){.kind = MESSAGE_HELLO, .hello = &hello});
    assert_int_equal(b->sent[MESSAGE_GOODBYE], goodbyes + 1);
    bench_close(b);
}

/* ---- Section 3: barriers ------------------------------------------------------------------- */

static void reads_share_one_barrier_and_see_what_was_answered(void **state)
{
    (void)state;
    struct bench *b = bench_open(3, true);
    bench_put(b, 0, 1, "k", "v");
    bench_run(b, 20);
    assert_true(b->answers[1].given);
    for (uint64_t i = 10; i < 20; i++)
        bench_get(b, 1, i, "k");
    bench_run(b, 100);
    for (uint64_t i = 10; i < 20; i++) {
        assert_true(b->answers[i].given);
        assert_string_equal(b->answers[i].value, "v");
    }
    struct replica_status status;
    replica_get_status(b->nodes[1], &status);
    assert_int_equal(status.stats.barriers_total, 1);
    bench_close(b);
}

/* ---- Section 4: exactly once --------------------------------------------------------------- */

static void the_same_op_at_three_nodes_at_once_is_applied_once(void **state)
{
    (void)state;
    struct bench *b = bench_open(3, true);
    for (uint32_t i = 0; i < 3; i++)
        bench_append(b, i, i, "k", "x", "client", 1);
    bench_run(b, 300);
    uint32_t suppressed = 0;
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(b->answers[i].status, ANSWER_OK);
        assert_string_equal(b->answers[i].value, "x");
        suppressed += b->answers[i].duplicate;
    }
    assert_int_equal(suppressed, 2);
    bench_close(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ballots_are_ordered_by_round_then_node_then_boot),
        cmocka_unit_test(two_majorities_share_a_member),
        cmocka_unit_test(rule_1_promise_only_above_what_was_promised),
        cmocka_unit_test(rule_1_the_same_prepare_gets_the_same_answer),
        cmocka_unit_test(rule_2_adopts_the_highest_accepted_ballot_in_any_order),
        cmocka_unit_test(rule_2_needs_a_majority_of_distinct_members_at_this_ballot),
        cmocka_unit_test(rule_3_accepts_unless_more_was_promised),
        cmocka_unit_test(rule_3_accepting_is_promising),
        cmocka_unit_test(rule_3_the_accept_is_not_its_senders_vote),
        cmocka_unit_test(rule_4_a_majority_of_distinct_acceptors_at_one_ballot),
        cmocka_unit_test(rule_5_refused_in_phase_2_it_finishes_that_slot_first),
        cmocka_unit_test(rule_6_another_value_won_so_mine_is_put_back),
        cmocka_unit_test(rule_6_the_deadline_before_and_after_the_slot_was_lost),
        cmocka_unit_test(rule_6_three_that_propose_at_once_lose_nothing),
        cmocka_unit_test(rule_7_a_hole_at_the_tail_is_filled_when_nobody_asks),
        cmocka_unit_test(rule_7_an_idle_cluster_stands_still),
        cmocka_unit_test(rule_8_answers_come_after_all_lower_slots_are_applied),
        cmocka_unit_test(identity_a_new_disk_waits_until_more_than_half_of_the_others_recorded_it),
        cmocka_unit_test(identity_another_disk_under_a_known_id_is_refused),
        cmocka_unit_test(reads_share_one_barrier_and_see_what_was_answered),
        cmocka_unit_test(the_same_op_at_three_nodes_at_once_is_applied_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
