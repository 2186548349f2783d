/*
 * coordinated_test.c -- coordinated mode over a whole cluster: docs/protocol.md, section 7. Rules
 * C1, C5 and C9, and reads; what one node makes of what it is told is in accepting_test.c (C1, C2,
 * C6), skipping_test.c (C3, C4), asking_test.c and revoking_test.c (C2, C7), taken_over_test.c
 * (C8).
 */
#include "../unit.h"

#include <string.h>

#include "bench.h"

static void assert_put(const struct bench *b, uint64_t handle)
{
    assert_true(b->answers[handle].given);
    assert_int_equal(b->answers[handle].status, ANSWER_OK);
    assert_true(b->answers[handle].applied);
}

/* Alone, and so without anybody to skip for. */
static void a_cluster_of_one_serves(void **state)
{
    (void)state;
    struct bench *b = bench_open_coordinated(1);
    bench_put(b, 0, 1, "k", "v");
    bench_get(b, 0, 2, "k");
    bench_run(b, 20);
    assert_put(b, 1);
    assert_string_equal(b->answers[2].value, "v");
    bench_close(b);
}

static void every_node_writes_and_all_agree(void **state)
{
    (void)state;
    struct bench *b = bench_open_coordinated(3);
    bench_run(b, 20);
    for (uint32_t i = 0; i < 30; i++) {
        bench_put(b, i % 3, i, i % 2 == 0 ? "a" : "b", "v");
        bench_run(b, 2);
    }
    bench_run(b, 200);
    for (uint32_t i = 0; i < 30; i++)
        assert_put(b, i);
    assert_true(bench_is_converged(b));
    bench_close(b);
}

/* C1: no Prepare; one Accept to each, one vote of each to each. */
static void a_write_takes_one_round(void **state)
{
    (void)state;
    struct bench *b = bench_open_coordinated(3);
    bench_put(b, 0, 1, "k", "v");
    bench_run(b, 20); /* The first write also waits for the reservation. */
    uint64_t accepts = b->sent[MESSAGE_ACCEPT];
    uint64_t votes = b->sent[MESSAGE_VOTED];
    bench_put(b, 0, 2, "k", "w");
    bench_run(b, 3); /* A turn for the proposer, one for the votes, one for their count. */
    assert_put(b, 2);
    assert_int_equal(b->sent[MESSAGE_ACCEPT] - accepts, 2);
    assert_int_equal(b->sent[MESSAGE_VOTED] - votes, 6);
    assert_int_equal(b->sent[MESSAGE_PREPARE_RANGE], 0);
    bench_close(b);
}

/*
 * With two batches under way what comes is gathered: until one of them is done, a batch is full, or
 * some time has gone by.
 */
static void what_comes_meanwhile_is_gathered(void **state)
{
    (void)state;
    struct replica_tuning tuning = replica_tuning_default;
    tuning.gather_ns = 5 * MS;
    struct bench *b = bench_open_tuned(3, &tuning, MODE_COORDINATED);
    bench_run(b, 20);
    bench_put(b, 0, 1, "k", "v");
    bench_run(b, 20);
    for (uint32_t i = 0; i < 3; i++)
        b->stalled[i] = true;
    uint64_t accepts = b->sent[MESSAGE_ACCEPT];
    uint64_t handle = 2;
    for (; handle <= 3; handle++) {
        bench_put(b, 0, handle, "k", "v");
        bench_tick(b, 0);
    }
    assert_int_equal(b->sent[MESSAGE_ACCEPT] - accepts, 2 * 2);
    for (; handle <= 6; handle++) {
        bench_put(b, 0, handle, "k", "v");
        bench_tick(b, 0);
    }
    assert_int_equal(b->sent[MESSAGE_ACCEPT] - accepts, 2 * 2);
    b->now_ns += 4 * MS;
    bench_tick(b, 0);
    assert_int_equal(b->sent[MESSAGE_ACCEPT] - accepts, 2 * 2);
    b->now_ns += 1 * MS;
    bench_tick(b, 0);
    assert_int_equal(b->sent[MESSAGE_ACCEPT] - accepts, 3 * 2);
    /* A full one waits for nothing; of these some 80 KiB a part is left over. */
    for (; handle <= 1400; handle++)
        bench_put(b, 0, handle, "k", "a value of some fifty bytes, so that it takes fewer puts");
    bench_tick(b, 0);
    assert_int_equal(b->sent[MESSAGE_ACCEPT] - accepts, 4 * 2);
    for (uint32_t i = 0; i < 3; i++)
        b->stalled[i] = false;
    bench_run(b, 20);
    assert_int_equal(b->sent[MESSAGE_ACCEPT] - accepts, 5 * 2);
    for (uint64_t i = 1; i < handle; i++)
        assert_put(b, i);
    uint64_t slot = b->answers[4].slot;
    assert_int_equal(b->answers[6].slot, slot);
    assert_true(b->answers[3].slot < slot && b->answers[7].slot > slot);
    bench_close(b);
}

/* Planted bug 34. */
static void an_idle_cluster_stands_still(void **state)
{
    (void)state;
    struct bench *b = bench_open_coordinated(3);
    bench_put(b, 0, 1, "k", "v");
    bench_put(b, 1, 2, "k", "v");
    bench_run(b, 1000);
    assert_true(bench_is_converged(b));
    uint64_t sent = 0;
    for (size_t i = 0; i < sizeof(b->sent) / sizeof(b->sent[0]); i++)
        sent += i == MESSAGE_HEARTBEAT ? 0 : b->sent[i];
    uint64_t heartbeats = b->sent[MESSAGE_HEARTBEAT];
    struct replica_status before;
    struct replica_status after;
    replica_get_status(b->nodes[2], &before);
    bench_run(b, 10000);
    replica_get_status(b->nodes[2], &after);
    for (size_t i = 0; i < sizeof(b->sent) / sizeof(b->sent[0]); i++)
        sent -= i == MESSAGE_HEARTBEAT ? 0 : b->sent[i];
    assert_int_equal(sent, 0);
    assert_int_equal(before.position, after.position);
    assert_int_equal(before.frontier, after.frontier);
    assert_int_equal(b->sent[MESSAGE_HEARTBEAT] - heartbeats, 6 * 100);
    bench_close(b);
}

/* C5: little at first, more only when half of it is gone, and then it reaches where it should. */
static void an_idle_node_skips_ahead_step_by_step(void **state)
{
    (void)state;
    struct bench *b = bench_open_coordinated(3);
    bench_put(b, 0, 1, "k", "v");
    bench_run(b, 1000);
    struct replica_status s;
    replica_get_status(b->nodes[1], &s);
    assert_in_range(s.position - s.frontier, 64, 67);
    uint64_t highest = 0;
    for (uint32_t i = 2; i < 40; i++) {
        bench_put(b, 0, i, "k", "v");
        bench_run(b, 100);
        replica_get_status(b->nodes[1], &s);
        assert_true(s.position > s.frontier);
        highest = s.position - s.frontier > highest ? s.position - s.frontier : highest;
    }
    assert_in_range(highest, 253, 259);
    bench_close(b);
}

static void a_dead_node_stops_nobody_for_long(void **state)
{
    (void)state;
    struct bench *b = bench_open_coordinated(3);
    for (uint32_t i = 0; i < 9; i++)
        bench_put(b, i % 3, i, "k", "v");
    bench_run(b, 50);
    b->dead[2] = true;
    bench_put(b, 0, 20, "k", "w");
    bench_run(b, 30);
    assert_put(b, 20);
    for (uint32_t i = 30; i < 60; i++) {
        bench_put(b, i % 2, i, "k", "x");
        bench_run(b, 3);
    }
    bench_run(b, 20);
    for (uint32_t i = 30; i < 60; i++)
        assert_put(b, i);
    assert_true(bench_is_converged(b));
    bench_close(b);
}

/* C9: what was reserved before a restart is never used again. */
static void a_restart_begins_behind_what_was_reserved(void **state)
{
    (void)state;
    struct bench *b = bench_open_coordinated(3);
    bench_put(b, 0, 1, "k", "v");
    bench_run(b, 50);
    struct replica_status status;
    replica_get_status(b->nodes[0], &status);
    uint64_t reserved = status.reserved_to;
    assert_true(reserved > 0);
    bench_restart(b, 0);
    bench_run(b, 300);
    replica_get_status(b->nodes[0], &status);
    assert_true(status.position > reserved);
    bench_put(b, 0, 2, "k", "w");
    bench_put(b, 1, 3, "l", "x");
    bench_run(b, 200);
    assert_put(b, 2);
    assert_put(b, 3);
    assert_true(b->answers[2].slot > reserved);
    assert_true(bench_is_converged(b));
    bench_close(b);
}

static void all_restart_and_go_on(void **state)
{
    (void)state;
    struct bench *b = bench_open_coordinated(3);
    for (uint32_t round = 0; round < 12; round++) {
        for (uint32_t i = 0; i < 3; i++)
            bench_put(b, i, 10 * round + i, "k", "v");
        bench_run(b, 300);
        for (uint32_t i = 0; i < 3; i++)
            assert_put(b, 10 * round + i);
        for (uint32_t i = 0; i < 3; i++)
            bench_restart(b, i);
        bench_run(b, 500);
    }
    assert_true(bench_is_converged(b));
    bench_close(b);
}

static bool lose_between_1_and_2(const struct bench *b, const struct bench_letter *l)
{
    (void)b;
    return l->from + l->to == 1;
}

/* Planted bug 38. */
static void one_link_down_starves_nobody(void **state)
{
    (void)state;
    struct bench *b = bench_open_coordinated(3);
    bench_run(b, 20);
    b->lose = lose_between_1_and_2;
    for (uint32_t i = 0; i < 60; i++) {
        bench_put(b, i % 3, i, "k", "v");
        bench_run(b, 20);
    }
    bench_run(b, 200);
    for (uint32_t i = 0; i < 60; i++)
        assert_put(b, i);
    assert_true(bench_is_converged(b));
    bench_close(b);
}

static void reads_of_all_kinds(void **state)
{
    (void)state;
    struct bench *b = bench_open_coordinated(3);
    bench_put(b, 0, 1, "k", "v");
    bench_run(b, 20);
    bench_get_as(b, 1, 2, "k", CONSISTENCY_BARRIER);
    bench_get_as(b, 1, 3, "k", CONSISTENCY_QUORUM);
    bench_get_as(b, 1, 4, "k", CONSISTENCY_SEQUENTIAL);
    bench_get_as(b, 2, 5, "none", CONSISTENCY_QUORUM);
    bench_run(b, 20);
    for (uint64_t handle = 2; handle <= 4; handle++)
        assert_string_equal(b->answers[handle].value, "v");
    assert_true(b->answers[5].given);
    assert_false(b->answers[5].found);
    bench_close(b);
}

/* A quorum read sees a write that this node has not heard of. */
static void a_quorum_read_waits_for_what_others_accepted(void **state)
{
    (void)state;
    struct bench *b = bench_open_coordinated(3);
    bench_run(b, 20);
    b->dead[2] = true;
    bench_put(b, 0, 1, "k", "v");
    bench_run(b, 40);
    assert_put(b, 1);
    b->dead[2] = false;
    bench_get_as(b, 2, 2, "k", CONSISTENCY_QUORUM);
    bench_run(b, 300);
    assert_string_equal(b->answers[2].value, "v");
    bench_close(b);
}

/* What leaves anyway takes them along; what is alone asks. */
static void quorum_reads_ride_along(void **state)
{
    (void)state;
    struct replica_tuning tuning = replica_tuning_default;
    tuning.gather_ns = 5 * MS;
    struct bench *b = bench_open_tuned(3, &tuning, MODE_COORDINATED);
    bench_put(b, 0, 0, "k", "0"); /* The first one waits for slots to be reserved. */
    bench_run(b, 20);
    bench_put(b, 0, 1, "k", "1");
    bench_get_as(b, 0, 2, "k", CONSISTENCY_QUORUM);
    bench_run(b, 20);
    assert_put(b, 1);
    assert_string_equal(b->answers[2].value, "1");
    assert_int_equal(b->sent[MESSAGE_READ], 0);

    for (uint32_t i = 0; i < 3; i++)
        b->stalled[i] = true;
    for (uint64_t handle = 3; handle <= 5; handle++) {
        bench_put(b, 0, handle, "k", handle == 5 ? "5" : "3");
        bench_tick(b, 0);
    }
    bench_get_as(b, 0, 6, "k", CONSISTENCY_QUORUM); /* The third write is being gathered. */
    bench_tick(b, 0);
    assert_int_equal(b->sent[MESSAGE_READ], 0);
    for (uint32_t i = 0; i < 3; i++)
        b->stalled[i] = false;
    bench_run(b, 20);
    assert_string_equal(b->answers[6].value, "5");
    assert_int_equal(b->sent[MESSAGE_READ], 0);

    bench_get_as(b, 0, 7, "k", CONSISTENCY_QUORUM);
    bench_run(b, 20);
    assert_string_equal(b->answers[7].value, "5");
    assert_int_equal(b->sent[MESSAGE_READ], 2);
    bench_close(b);
}

/* With all that may be under way under way nothing leaves: then they ask. */
static void quorum_reads_do_not_wait_for_a_full_pipeline(void **state)
{
    (void)state;
    struct replica_tuning tuning = replica_tuning_default;
    tuning.pipeline_max = 2;
    struct bench *b = bench_open_tuned(3, &tuning, MODE_COORDINATED);
    bench_put(b, 0, 0, "k", "0");
    bench_run(b, 20);
    for (uint32_t i = 0; i < 3; i++)
        b->stalled[i] = true;
    for (uint64_t handle = 1; handle <= 3; handle++) {
        bench_put(b, 0, handle, "k", "v");
        bench_tick(b, 0);
    }
    bench_get_as(b, 0, 4, "k", CONSISTENCY_QUORUM);
    bench_tick(b, 0);
    assert_int_equal(b->sent[MESSAGE_READ], 2);
    for (uint32_t i = 0; i < 3; i++)
        b->stalled[i] = false;
    bench_run(b, 20);
    assert_string_equal(b->answers[4].value, "v");
    bench_close(b);
}

static struct message late;

/* Node 2 hears of nothing that node 0 says, and nobody answers its questions. */
static bool lose_of_0_and_questions(const struct bench *b, const struct bench_letter *l)
{
    (void)b;
    if (l->from == 0 && l->to == 2 && l->message.kind == MESSAGE_ACCEPT) {
        message_fini(&late);
        late = l->message;
        value_ref(late.value);
    }
    return (l->from == 0 && l->to == 2) || l->message.kind == MESSAGE_ASK;
}

/* Whose messages are late is heard all the same: others need not be asked about it at once. */
static void who_is_late_is_not_out_of_hearing(void **state)
{
    (void)state;
    struct bench *b = bench_open_coordinated(3);
    bench_put(b, 0, 5, "k", "v");
    bench_put(b, 1, 6, "k", "v");
    bench_run(b, 20);
    b->lose = lose_of_0_and_questions;
    uint64_t asked = b->sent[MESSAGE_ASK];
    bench_put(b, 0, 1, "k", "v");
    bench_run(b, 1);
    bench_put(b, 1, 2, "k", "v");
    bench_run(b, 5);
    assert_true(b->sent[MESSAGE_ASK] > asked);
    bench_say(b, 0, 2, late);
    bench_tick(b, 2);
    asked = b->sent[MESSAGE_ASK];
    bench_put(b, 0, 3, "k", "v");
    bench_run(b, 1);
    bench_put(b, 1, 4, "k", "v");
    bench_run(b, 2);
    assert_int_equal(b->sent[MESSAGE_ASK], asked);
    bench_run(b, 3);
    assert_true(b->sent[MESSAGE_ASK] > asked);
    message_fini(&late);
    bench_close(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cluster_of_one_serves),
        cmocka_unit_test(every_node_writes_and_all_agree),
        cmocka_unit_test(a_write_takes_one_round),
        cmocka_unit_test(what_comes_meanwhile_is_gathered),
        cmocka_unit_test(an_idle_cluster_stands_still),
        cmocka_unit_test(an_idle_node_skips_ahead_step_by_step),
        cmocka_unit_test(a_dead_node_stops_nobody_for_long),
        cmocka_unit_test(a_restart_begins_behind_what_was_reserved),
        cmocka_unit_test(all_restart_and_go_on),
        cmocka_unit_test(one_link_down_starves_nobody),
        cmocka_unit_test(reads_of_all_kinds),
        cmocka_unit_test(a_quorum_read_waits_for_what_others_accepted),
        cmocka_unit_test(quorum_reads_ride_along),
        cmocka_unit_test(quorum_reads_do_not_wait_for_a_full_pipeline),
        cmocka_unit_test(who_is_late_is_not_out_of_hearing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
