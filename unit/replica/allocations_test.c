/*
 * allocations_test.c -- once warm, a replica serves without asking malloc for anything.
 *
 * Through checkpoints too: what one lets go at once is taken again one by one. Under a sanitizer
 * the pool is off, and there is nothing to count.
 */
#include "../unit.h"

#include <stdio.h>
#include <string.h>

#include "base/pool.h"
#include "bench.h"
#include "kv/command.h"

#define NODES 3
#define KEYS 50
#define CHECKPOINT_SLOTS 500
#define WARM_ROUNDS 600
#define ROUNDS 400

enum work {
    WORK_PUT,
    WORK_PUT_IN_SESSION,
    WORK_DELETE,
    WORK_READ_BEHIND_BARRIER,
    WORK_READ_BY_QUORUM,
    WORK_READ_LOCALLY,
};

static void put(struct bench *b, uint32_t node, uint64_t handle, const char *key, uint64_t op_id)
{
    char client_id[16];
    snprintf(client_id, sizeof(client_id), "client %u", (unsigned)node);
    const struct command c = {
        .kind = COMMAND_PUT,
        .key = bytes_of(key),
        .value = bytes_of("a value of more bytes than sixty-four, which is what the least block "
                          "of the pool has"),
        .client_id = bytes_of(op_id > 0 ? client_id : ""),
        .op_id = op_id,
        .floor = op_id,
    };
    bench_write(b, node, handle, &c);
}

static void remove_key(struct bench *b, uint32_t node, uint64_t handle, const char *key)
{
    const struct command c = {.kind = COMMAND_DELETE, .key = bytes_of(key)};
    bench_write(b, node, handle, &c);
}

static void submit(struct bench *b, uint32_t node, uint64_t handle, uint64_t round, enum work work)
{
    char key[16];
    snprintf(key, sizeof(key), "key %u", (unsigned)((round * NODES + node) % KEYS));
    switch (work) {
    case WORK_PUT:
        put(b, node, handle, key, 0);
        break;
    case WORK_PUT_IN_SESSION:
        put(b, node, handle, key, round + 1);
        break;
    case WORK_DELETE: /* All of them in turn are made, then all are deleted. */
        if ((round * NODES + node) / KEYS % 2 == 0)
            put(b, node, handle, key, 0);
        else
            remove_key(b, node, handle, key);
        break;
    case WORK_READ_BEHIND_BARRIER:
        bench_get_as(b, node, handle, key, CONSISTENCY_BARRIER);
        break;
    case WORK_READ_BY_QUORUM:
        bench_get_as(b, node, handle, key, CONSISTENCY_QUORUM);
        break;
    case WORK_READ_LOCALLY:
        bench_get_as(b, node, handle, key, CONSISTENCY_SEQUENTIAL);
        break;
    }
}

/* Each node puts a key and does its work, all of which is answered. */
static void run_round(struct bench *b, uint64_t round, enum work work)
{
    memset(b->answers, 0, sizeof(b->answers[0]) * NODES * 2);
    for (uint32_t node = 0; node < NODES; node++) {
        submit(b, node, 2 * node, round, work);
        put(b, node, 2 * node + 1, "a key that always is", 0);
    }
    for (int ms = 0; ms < 20; ms++)
        bench_run(b, 1);
    for (uint32_t handle = 0; handle < NODES * 2; handle++) {
        assert_true(b->answers[handle].given);
        assert_int_equal(b->answers[handle].status, ANSWER_OK);
        if (handle % 2 == 1 || work < WORK_READ_BEHIND_BARRIER)
            assert_true(b->answers[handle].applied);
    }
}

static void run(enum mode mode, enum work work)
{
    if (!pool_is_on())
        skip();
    struct replica_tuning tuning = replica_tuning_default;
    tuning.checkpoint_slots = CHECKPOINT_SLOTS;
    struct bench *b = bench_open_tuned(NODES, &tuning, mode);
    b->checkpoints = true;
    b->no_disk = true;
    uint64_t round = 0;
    for (; round < WARM_ROUNDS; round++)
        run_round(b, round, work);
    uint64_t frozen_before = b->frozen_slot[0];
    unsigned long allocations = b->allocations;
    for (; round < WARM_ROUNDS + ROUNDS; round++)
        run_round(b, round, work);
    assert_int_equal(b->allocations - allocations, 0);
    assert_true(frozen_before > 0 && b->frozen_slot[0] > frozen_before);
    bench_close(b);
}

static void run_both(enum work work)
{
    run(MODE_CLASSIC, work);
    run(MODE_COORDINATED, work);
}

static void test_put(void **state)
{
    (void)state;
    run_both(WORK_PUT);
}

static void test_put_in_session(void **state)
{
    (void)state;
    run_both(WORK_PUT_IN_SESSION);
}

static void test_delete(void **state)
{
    (void)state;
    run_both(WORK_DELETE);
}

static void test_read_behind_barrier(void **state)
{
    (void)state;
    run_both(WORK_READ_BEHIND_BARRIER);
}

static void test_read_by_quorum(void **state)
{
    (void)state;
    run_both(WORK_READ_BY_QUORUM);
}

static void test_read_locally(void **state)
{
    (void)state;
    run_both(WORK_READ_LOCALLY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_put),
        cmocka_unit_test(test_put_in_session),
        cmocka_unit_test(test_delete),
        cmocka_unit_test(test_read_behind_barrier),
        cmocka_unit_test(test_read_by_quorum),
        cmocka_unit_test(test_read_locally),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
