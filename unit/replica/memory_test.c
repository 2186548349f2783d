/*
 * memory_test.c -- each allocation of a node among three fails once, at work of all kinds: the step
 * says so, nothing leaks, and the two others go on.
 */
#include "../unit.h"

#include "bench.h"

#define ANSWERS 40

static bool lose_some(const struct bench *b, const struct bench_letter *letter)
{
    return (b->now_ns / MS + letter->message.slot + letter->to) % 5 == 0;
}

/*
 * All three propose and read at once, messages are lost, slots are put in the queue again,
 * checkpoints are taken; node 2 is away for a while and fetches what it missed.
 */
static void work(struct bench *b)
{
    for (uint64_t i = 0; i < ANSWERS; i++) {
        bench_append(b, (uint32_t)(i % 2), i, i % 4 < 2 ? "k" : "l", "x", i % 3 == 0 ? "c" : "",
                     i % 3 == 0 ? i + 1 : 0);
        bench_get(b, (uint32_t)(i % 2), 100 + i, "k");
        b->lose = i < 20 ? lose_some : NULL;
        b->dead[2] = b->dead[2] || i == 9;
        bench_run(b, 8);
    }
    if (b->memory >= 0 || b->short_of_memory != 2)
        b->dead[2] = false;
    bench_put(b, 2, 200, "k", "end");
    bench_run(b, 1500);
}

/* False when the work took no more than `allocations`. */
static bool fails(uint32_t node, long allocations)
{
    struct replica_tuning tuning = replica_tuning_default;
    tuning.checkpoint_slots = 4;
    tuning.batch_bytes_max = 64;
    struct bench *b = bench_open_tuned(3, &tuning, MODE_CLASSIC);
    b->checkpoints = true;
    b->short_of_memory = node;
    b->memory = allocations;
    work(b);
    bool has_failed = b->memory < 0;
    assert_true(has_failed == b->dead[node]);
    assert_true(bench_is_converged(b));
    for (uint64_t i = 0; i < ANSWERS; i++)
        assert_true(b->answers[i].given || i % 2 == node);
    bench_close(b);
    return has_failed;
}

static void a_proposer_runs_out_of_memory(void **state)
{
    (void)state;
    long n = 0;
    while (fails(0, n))
        n++;
    assert_true(n > 150);
}

static void who_catches_up_runs_out_of_memory(void **state)
{
    (void)state;
    long n = 0;
    while (fails(2, n))
        n++;
    assert_true(n > 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_proposer_runs_out_of_memory),
        cmocka_unit_test(who_catches_up_runs_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
