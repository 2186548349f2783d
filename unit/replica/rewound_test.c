/*
 * rewound_test.c -- a disk that went back in time is found out before a slot is used twice.
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
        cmocka_unit_test(nobody_else_is_taken_for_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
