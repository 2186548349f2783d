/*
 * rewound_test.c -- a disk that went back in time is found out, and before a slot is used twice if
 * one who remembers is there.
 *
 * A node is started from an older copy of its own disk: the boot comes again, and what was reserved
 * and used since is not known of. docs/protocol.md, section 7, rule C9.
 */
#include "../unit.h"

#include "bench.h"

/* Node 0 has used slots in its first life; of its second one, *out_records are on its disk. */
static struct bench *open_in_second_life(size_t *out_records)
{
    struct bench *b = bench_open_coordinated(3);
    bench_put(b, 0, 1, "k", "v");
    bench_run(b, 50);
    bench_restart(b, 0);
    *out_records = b->disks[0].synced;
    bench_run(b, 300);
    b->ends_with[0] = ERR_CORRUPT;
    return b;
}

static uint64_t used_by_0;

/* Loses nothing; counts what node 0 uses own slots for. */
static bool count_uses_by_0(const struct bench *b, const struct bench_letter *letter)
{
    (void)b;
    enum message_kind kind = letter->message.kind;
    used_by_0 += letter->from == 0 && (kind == MESSAGE_ACCEPT || kind == MESSAGE_SKIP);
    return false;
}

/* It ends, and of what clients of its third life want nothing has left it. */
static void assert_found_out(struct bench *b, size_t records)
{
    bench_rewind(b, 0, records);
    used_by_0 = 0;
    b->lose = count_uses_by_0;
    bench_put(b, 0, 3, "k", "x");
    bench_run(b, 300);
    assert_true(b->dead[0]);
    assert_false(b->answers[3].given);
    assert_int_equal(used_by_0, 0);
}

static void by_who_saw_it_propose(void **state)
{
    (void)state;
    size_t records;
    struct bench *b = open_in_second_life(&records);
    bench_put(b, 0, 2, "k", "w");
    bench_run(b, 50);
    assert_true(b->answers[2].given);
    assert_found_out(b, records);
    bench_close(b);
}

/* It has used nothing, but has said that it never will. */
static void by_who_heard_it_skip(void **state)
{
    (void)state;
    struct bench *b = bench_open_coordinated(3);
    bench_run(b, 50);
    size_t records = b->disks[0].synced;
    b->ends_with[0] = ERR_CORRUPT;
    for (uint64_t handle = 10; handle < 20; handle++) {
        bench_put(b, 1, handle, "k", "w");
        bench_run(b, 30);
    }
    assert_int_not_equal(b->sent[MESSAGE_SKIP], 0);
    assert_found_out(b, records);
    bench_close(b);
}

/* Those who remember have been restarted since. */
static void by_who_reads_it_in_its_log(void **state)
{
    (void)state;
    size_t records;
    struct bench *b = open_in_second_life(&records);
    bench_put(b, 0, 2, "k", "w");
    bench_run(b, 50);
    bench_restart(b, 1);
    bench_restart(b, 2);
    assert_found_out(b, records);
    bench_close(b);
}

static uint32_t cut_off;

static bool lose_all_of_one(const struct bench *b, const struct bench_letter *letter)
{
    (void)b;
    return letter->from == cut_off || letter->to == cut_off;
}

/* Node 0's second life has a client's answer, and node 1 has heard of nothing in it. */
static struct bench *open_unseen_by_1(uint32_t nodes, size_t *out_records)
{
    struct bench *b = bench_open_coordinated(nodes);
    bench_put(b, 0, 1, "k", "v");
    bench_run(b, 50);
    b->lose = lose_all_of_one;
    cut_off = 1;
    bench_restart(b, 0);
    *out_records = b->disks[0].synced;
    bench_run(b, 300);
    bench_put(b, 0, 2, "k", "w");
    bench_run(b, 50);
    assert_true(b->answers[2].given);
    return b;
}

/* The boot alone tells it: it is that of another life. */
static void by_who_has_met_it(void **state)
{
    (void)state;
    size_t records;
    struct bench *b = open_in_second_life(&records);
    assert_found_out(b, records);
    bench_close(b);
}

/*
 * Who remembers is away, and the others know of nothing: what was chosen with it is lost then, as
 * nobody else but this disk had voted for it. But it does not go on when that one is back, though
 * it has used the same slot, with the same ballot and tag, meanwhile.
 */
static void by_who_comes_back_later(void **state)
{
    (void)state;
    size_t records;
    struct bench *b = open_unseen_by_1(3, &records);
    bench_rewind(b, 0, records);
    cut_off = 2;
    bench_put(b, 0, 3, "k", "x");
    bench_run(b, 500);
    assert_true(b->answers[3].given);
    assert_int_equal(b->answers[3].slot, b->answers[2].slot);
    b->lose = NULL;
    b->ends_with[0] = ERR_CORRUPT;
    bench_step(b, 2, (struct event){.kind = EVENT_PEER_UP, .peer = 0});
    bench_run(b, 500);
    assert_true(b->dead[0]);
    bench_close(b);
}

static uint64_t known_to;

/* Of five, node 0 hears node 1, and nobody else hears or is heard by that one. */
static bool lose_all_but_1_to_0(const struct bench *b, const struct bench_letter *letter)
{
    (void)b;
    const struct message *m = &letter->message;
    /* What its first life proposed may be said again, and taken over by itself. */
    bool is_first = m->kind == MESSAGE_ACCEPT && m->ballot.round == 0 && m->slot > known_to;
    used_by_0 += letter->from == 0 && (is_first || m->kind == MESSAGE_SKIP);
    bool is_between = letter->from + letter->to == 1;
    return !is_between && (letter->to <= 1 || letter->from == 1);
}

/* Not even a slot that others take over is said to be skipped before a majority has said Hello. */
static void nothing_is_skipped_for_a_revoker_either(void **state)
{
    (void)state;
    size_t records;
    struct bench *b = open_unseen_by_1(5, &records);
    bench_rewind(b, 0, records);
    b->lose = lose_all_but_1_to_0;
    used_by_0 = 0;
    known_to = b->answers[1].slot; /* What its first life proposed may be said again. */
    bench_put(b, 0, 3, "k", "x");
    bench_run(b, 400); /* A chunk is reserved. */
    struct message prepare = {
        .kind = MESSAGE_PREPARE_RANGE,
        .interval = {.first = b->answers[2].slot, .last = b->answers[2].slot, .stride = 5},
        .ballot = {.round = 9, .node = 2, .boot = 1},
    };
    bench_say(b, 1, 0, prepare);
    bench_run(b, 30);
    assert_int_equal(used_by_0, 0);
    b->lose = NULL;
    b->ends_with[0] = ERR_CORRUPT;
    for (uint32_t i = 2; i < 5; i++)
        bench_step(b, i, (struct event){.kind = EVENT_PEER_UP, .peer = 0});
    bench_run(b, 500);
    assert_true(b->dead[0]);
    for (uint32_t i = 1; i < 5; i++)
        assert_false(b->dead[i]);
    bench_close(b);
}

/* What is taken over meanwhile is skipped once they have. */
static void what_was_taken_over_is_skipped_later(void **state)
{
    (void)state;
    struct bench *b = bench_open_coordinated(5);
    bench_put(b, 0, 1, "k", "v");
    bench_run(b, 50);
    b->lose = lose_all_but_1_to_0;
    bench_restart(b, 0);
    bench_put(b, 0, 3, "k", "x");
    bench_run(b, 400);
    struct replica_status status;
    replica_get_status(b->nodes[0], &status);
    struct message prepare = {
        .kind = MESSAGE_PREPARE_RANGE,
        .interval = {.first = status.position, .last = status.position + 500, .stride = 5},
        .ballot = {.round = 9, .node = 2, .boot = 1},
    };
    used_by_0 = 0;
    known_to = b->answers[1].slot;
    bench_say(b, 1, 0, prepare);
    bench_run(b, 30);
    assert_int_equal(used_by_0, 0);
    b->lose = NULL;
    for (uint32_t i = 1; i < 5; i++)
        bench_step(b, i, (struct event){.kind = EVENT_PEER_UP, .peer = 0});
    bench_run(b, 2000);
    assert_true(b->answers[3].given);
    assert_true(b->answers[3].slot > prepare.interval.last);
    assert_true(bench_is_converged(b));
    bench_close(b);
}

/* A disk that has all it ever had is no such case, however often it starts. */
static void nobody_else_is_taken_for_one(void **state)
{
    (void)state;
    struct bench *b = bench_open_coordinated(3);
    for (uint32_t round = 0; round < 8; round++) {
        for (uint32_t i = 0; i < 12; i++) {
            bench_put(b, i % 3, 100 * round + i, "k", "v");
            bench_run(b, i % 5);
        }
        bench_restart(b, round % 3);
        bench_run(b, 100 * (round % 2));
    }
    bench_run(b, 1000);
    assert_true(bench_is_converged(b));
    bench_close(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(by_who_saw_it_propose),
        cmocka_unit_test(by_who_heard_it_skip),
        cmocka_unit_test(by_who_reads_it_in_its_log),
        cmocka_unit_test(by_who_has_met_it),
        cmocka_unit_test(by_who_comes_back_later),
        cmocka_unit_test(nothing_is_skipped_for_a_revoker_either),
        cmocka_unit_test(what_was_taken_over_is_skipped_later),
        cmocka_unit_test(nobody_else_is_taken_for_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
