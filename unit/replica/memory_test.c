/*
 * memory_test.c -- each allocation of a node among three fails once, at work of all kinds: the step
 * says so, nothing leaks, and the two others go on.
 */
#include "../unit.h"

#include "alone.h"

#define ANSWERS 40

static bool lose_some(const struct bench *b, const struct bench_letter *letter)
{
    return (b->now_ns / MS + letter->message.slot + letter->to) % 5 == 0;
}

/*
 * All three propose and read at once, messages are lost, slots are put in the queue again,
 * checkpoints are taken; node 2 is away for a while and fetches what it missed. In coordinated mode
 * its slots are taken over meanwhile.
 */
static void work(struct bench *b)
{
    for (uint64_t i = 0; i < ANSWERS; i++) {
        bench_append(b, (uint32_t)(i % 2), i, i % 4 < 2 ? "k" : "l", "x", i % 3 == 0 ? "c" : "",
                     i % 3 == 0 ? i + 1 : 0);
        bench_get_as(b, (uint32_t)(i % 2), 100 + i, "k",
                     i % 5 == 0 ? CONSISTENCY_QUORUM : CONSISTENCY_BARRIER);
        b->lose = i < 20 ? lose_some : NULL;
        b->dead[2] = b->dead[2] || i == 9;
        bench_run(b, 8);
    }
    if (b->memory >= 0 || b->short_of_memory != 2)
        b->dead[2] = false;
    bench_put(b, 2, 200, "k", "end");
    bench_run(b, 1500);
}

/* Skipping, asking, echoing and taking over, too. */
static void assert_all_kinds_of_work(const struct bench *b)
{
    static const enum message_kind kinds[] = {
        MESSAGE_ACCEPT,      MESSAGE_VOTED,      MESSAGE_SKIP,          MESSAGE_SKIPPED,
        MESSAGE_ASK,         MESSAGE_LEARN,      MESSAGE_LEARN_NOOP,    MESSAGE_PREPARE_RANGE,
        MESSAGE_ACCEPT_NOOP, MESSAGE_FETCH,      MESSAGE_PROMISE_RANGE, MESSAGE_REFUSED_RANGE,
        MESSAGE_READ,        MESSAGE_READ_ANSWER};
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (b->sent[kinds[i]] == 0)
            print_error("no message of kind %d\n", (int)kinds[i]);
        assert_int_not_equal(b->sent[kinds[i]], 0);
    }
}

/* False when the work took no more than `allocations`. */
static bool fails(enum mode mode, uint32_t node, long allocations)
{
    struct replica_tuning tuning = replica_tuning_default;
    tuning.checkpoint_slots = 4;
    tuning.batch_bytes_max = 64;
    tuning.reserve_slots = 64;
    tuning.ahead_slots_min = 8;
    tuning.ahead_slots_max = 32;
    tuning.alpha = 256;
    struct bench *b = bench_open_tuned(3, &tuning, mode);
    b->checkpoints = true;
    b->short_of_memory = node;
    b->memory = allocations;
    work(b);
    bool has_failed = b->memory < 0;
    assert_true(has_failed == b->dead[node]);
    assert_true(bench_is_converged(b));
    for (uint64_t i = 0; i < ANSWERS; i++)
        assert_true(b->answers[i].given || i % 2 == node);
    if (mode == MODE_COORDINATED && !has_failed)
        assert_all_kinds_of_work(b);
    bench_close(b);
    return has_failed;
}

static void each_allocation_fails_once(enum mode mode, uint32_t node, long at_least)
{
    long n = 0;
    while (fails(mode, node, n))
        n++;
    assert_true(n > at_least);
}

static void a_proposer_runs_out_of_memory(void **state)
{
    (void)state;
    each_allocation_fails_once(MODE_CLASSIC, 0, 150);
}

static void who_catches_up_runs_out_of_memory(void **state)
{
    (void)state;
    each_allocation_fails_once(MODE_CLASSIC, 2, 50);
}

static void a_coordinator_runs_out_of_memory(void **state)
{
    (void)state;
    each_allocation_fails_once(MODE_COORDINATED, 0, 150);
}

static void who_was_taken_over_runs_out_of_memory(void **state)
{
    (void)state;
    each_allocation_fails_once(MODE_COORDINATED, 2, 50);
}

#define FAR                                    \
    {                                          \
        .first = 4, .last = 40000, .stride = 3 \
    }
#define OF_NODE_1(n)                       \
    {                                      \
        .round = (n), .node = 2, .boot = 1 \
    }

/* False when the message, and the turn that follows, take no more than `allocations`. */
static bool fails_at(struct message m, long allocations)
{
    struct bench *b = alone_open(3);
    struct value *v = alone_value(1, 1, 1);
    if (m.slot != 0)
        m.value = v;
    if (m.kind == MESSAGE_LEARN)
        m.tag = v->tag;
    b->memory = allocations;
    bench_say(b, 1, 0, m);
    alone_run(b, 1);
    bool has_failed = b->memory < 0;
    assert_true(b->dead[0] == has_failed);
    value_unref(v);
    bench_close(b);
    return has_failed;
}

/* Whatever it is that first names slots far ahead. */
static void there_is_no_room_for_slots(void **state)
{
    (void)state;
    static const struct message messages[] = {
        {.kind = MESSAGE_SKIP, .interval = FAR},
        {.kind = MESSAGE_LEARN_NOOP, .interval = FAR},
        {.kind = MESSAGE_PREPARE_RANGE, .interval = FAR, .ballot = OF_NODE_1(1)},
        {.kind = MESSAGE_ACCEPT_NOOP, .interval = FAR, .ballot = OF_NODE_1(1)},
        {.kind = MESSAGE_VOTED, .interval = FAR, .ballot = OF_NODE_1(0)},
        {.kind = MESSAGE_CHOSEN, .interval = FAR},
        {.kind = MESSAGE_ACCEPT, .slot = 40000, .ballot = OF_NODE_1(0)},
        {.kind = MESSAGE_LEARN, .slot = 40000},
    };
    for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++) {
        long n = 0;
        while (fails_at(messages[i], n))
            n++;
        assert_true(n > 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_proposer_runs_out_of_memory),
        cmocka_unit_test(who_catches_up_runs_out_of_memory),
        cmocka_unit_test(a_coordinator_runs_out_of_memory),
        cmocka_unit_test(who_was_taken_over_runs_out_of_memory),
        cmocka_unit_test(there_is_no_room_for_slots),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
