/* session_test.c -- what makes a write happen once: client_id, op_id, floor and born. */
#include "fixture.h"

#include <string.h>

#include "kv/command.h"
#include "wire/kv_wire.h"

/* Answers that came, by kind of ending. */
struct ends {
    struct counter ok;
    struct counter other;
};

static void on_end(void *context, struct dkv_answer *answer)
{
    struct ends *ends = context;
    counter_add(answer->status == DKV_OK ? &ends->ok : &ends->other, 1);
}

static enum dkv_status submit_put(struct dkv_client *client, uint64_t op_id, struct ends *ends)
{
    const struct dkv_op op = {
        .kind = DKV_PUT, .key = text("k"), .value = text("v"), .op_id = op_id};
    return dkv_submit(client, &op, on_end, ends, NULL);
}

static void test_floor_is_the_oldest_without_answer(void **state)
{
    (void)state;
    struct ends ends = {COUNTER_INIT, COUNTER_INIT};
    struct dkv_client *client = fixture_client(NULL);
    fake_plan(&one, &(struct fake_plan){.does = FAKE_HOLDS, .times = 3});
    for (uint64_t i = 1; i <= 3; i++) {
        assert_int_equal(submit_put(client, 0, &ends), DKV_OK);
        assert_int_equal(fake_seen(&one, i - 1).op_id, i);
        assert_int_equal(fake_seen(&one, i - 1).floor, 1);
    }
    /* 2 is answered: 1 is still the floor. */
    fake_release(&one, 1);
    assert_true(counter_wait(&ends.ok, 1));
    struct dkv_answer a = put(client, "v");
    assert_int_equal(a.op_id, 4);
    assert_int_equal(a.floor, 1);
    assert_int_equal(fake_seen(&one, 3).floor, 1);
    /* 1 is answered too: 3 is. */
    fake_release(&one, 0);
    assert_true(counter_wait(&ends.ok, 2));
    a = put(client, "v");
    assert_int_equal(fake_seen(&one, 4).floor, 3);
    fake_release(&one, 2);
    assert_true(counter_wait(&ends.ok, 3));
    a = put(client, "v");
    assert_int_equal(fake_seen(&one, 5).op_id, 6);
    assert_int_equal(fake_seen(&one, 5).floor, 6);
    /* Op ids in another order than they are sent. */
    fake_plan(&one, &(struct fake_plan){.does = FAKE_HOLDS, .times = 2});
    assert_int_equal(submit_put(client, 20, &ends), DKV_OK);
    assert_int_equal(fake_seen(&one, 6).floor, 20);
    assert_int_equal(submit_put(client, 10, &ends), DKV_OK);
    assert_int_equal(fake_seen(&one, 7).floor, 10);
    a = put(client, "v");
    assert_int_equal(a.op_id, 21);
    assert_int_equal(fake_seen(&one, 8).floor, 10);
    dkv_close(client);
    assert_int_equal(counter_get(&ends.other), 2);
}

static void test_born_is_what_was_seen(void **state)
{
    (void)state;
    struct dkv_client *client = fixture_client(NULL);
    put(client, "v");
    assert_int_equal(fake_seen(&one, 0).born, 100);
    put(client, "v");
    assert_int_equal(fake_seen(&one, 1).born, 101);
    fake_set_slot(&one, 500);
    struct dkv_answer a;
    dkv_execute(client, &(struct dkv_op){.kind = DKV_GET, .key = text("k")}, &a);
    dkv_answer_fini(&a);
    a = put(client, "v");
    assert_int_equal(fake_seen(&one, 3).born, 500);
    assert_int_equal(a.born, 500);
    assert_int_equal(counter_get(&one.hellos), 1);
    /* A sequential read is never older than that. */
    dkv_execute(client,
                &(struct dkv_op){.kind = DKV_GET, .key = text("k"), .consistency = DKV_SEQUENTIAL},
                &a);
    dkv_answer_fini(&a);
    assert_int_equal(fake_seen(&one, 4).consistency, WIRE_SEQUENTIAL);
    assert_int_equal(fake_seen(&one, 4).min_slot, 501);
    /* A quorum read asks for what it wants, and needs no slot for it. */
    dkv_execute(client,
                &(struct dkv_op){.kind = DKV_GET, .key = text("k"), .consistency = DKV_QUORUM}, &a);
    dkv_answer_fini(&a);
    assert_int_equal(fake_seen(&one, 5).consistency, WIRE_QUORUM);
    assert_int_equal(fake_seen(&one, 5).min_slot, 0);
    dkv_close(client);
}

/* Nothing was applied anywhere yet: born is 0, not a slot that nobody saw. */
static void test_born_in_a_new_cluster(void **state)
{
    (void)state;
    fake_set_slot(&one, 0);
    struct dkv_client *client = fixture_client(NULL);
    struct dkv_answer a = put(client, "v");
    assert_int_equal(a.status, DKV_OK);
    assert_int_equal(fake_seen(&one, 0).born, 0);
    assert_int_equal(counter_get(&one.hellos), 1);
    dkv_close(client);
}

static const struct fake_plan expired = {
    .does = FAKE_FAILS, .times = 1, .status = RPC_FAILED_PRECONDITION, .reason = "SESSION_EXPIRED"};

static void test_a_forgotten_client_takes_a_new_born(void **state)
{
    (void)state;
    struct dkv_client *client = fixture_client(NULL);
    put(client, "v");
    fake_set_slot(&one, 900);
    fake_plan(&one, &expired);
    struct dkv_answer a = put(client, "v");
    assert_int_equal(a.status, DKV_OK);
    assert_int_equal(a.attempts, 2);
    assert_int_equal(fake_seen(&one, 1).born, 101);
    assert_int_equal(fake_seen(&one, 2).born, 900);
    assert_int_equal(fake_seen(&one, 1).op_id, 2);
    assert_int_equal(fake_seen(&one, 2).op_id, 2);
    assert_int_equal(a.born, 900);
    dkv_close(client);
}

/* It may have been executed: to send it again with a new born could execute it twice. */
static void test_no_new_born_in_doubt(void **state)
{
    (void)state;
    const struct dkv_options options = {.attempt_timeout_ms = 100};
    struct dkv_client *client = fixture_client(&options);
    put(client, "v");
    /* Node 1 does not answer in time, then says that the session is gone. */
    fake_plan(&one, &(struct fake_plan){.does = FAKE_HOLDS, .times = 1});
    struct ends ends = {COUNTER_INIT, COUNTER_INIT};
    assert_int_equal(submit_put(client, 0, &ends), DKV_OK);
    fake_seen(&one, 1);
    fake_plan(&one, &expired);
    assert_true(counter_wait(&ends.other, 1));
    assert_int_equal(fake_seen(&one, 2).born, fake_seen(&one, 1).born);
    assert_int_equal(counter_get(&one.arrived), 3);

    /* Nor when the caller says which op it is: it may have been sent by somebody before. */
    fake_plan(&one, &expired);
    assert_int_equal(submit_put(client, 77, &ends), DKV_OK);
    assert_true(counter_wait(&ends.other, 2));
    assert_int_equal(counter_get(&one.arrived), 4);
    dkv_close(client);
}

static void test_a_session_by_hand(void **state)
{
    (void)state;
    const struct dkv_options options = {
        .client_id = text("me"),
        .first_op_id = 9,
        .floor = 4,
        .born_is_given = true,
        .born = 55,
        .timeout_ms = 300,
    };
    struct dkv_client *client = fixture_client(&options);
    struct dkv_answer a = put(client, "v");
    assert_int_equal(a.status, DKV_OK);
    struct fake_seen seen = fake_seen(&one, 0);
    assert_int_equal(seen.client_id_size, 2);
    assert_memory_equal(seen.client_id, "me", 2);
    assert_int_equal(seen.op_id, 9);
    assert_int_equal(seen.floor, 4);
    assert_int_equal(seen.born, 55);
    assert_int_equal(counter_get(&one.hellos), 0);
    dkv_close(client);

    /* What became of the first time is open until a node tells. */
    client = fixture_client(&options);
    fake_plan(&one, &(struct fake_plan){.does = FAKE_FAILS,
                                        .times = UINT32_MAX,
                                        .status = RPC_UNAVAILABLE,
                                        .reason = WIRE_REASON_NOT_APPLIED});
    a = put(client, "v");
    assert_int_equal(a.status, DKV_UNKNOWN);
    fake_plan(&one, &expired);
    a = put(client, "v");
    assert_int_equal(a.status, DKV_EXPIRED);
    dkv_close(client);
}

static void test_without_a_session(void **state)
{
    (void)state;
    const struct dkv_options options = {.no_session = true, .attempt_timeout_ms = 100};
    struct dkv_client *client = fixture_client(&options);
    struct dkv_answer a = put(client, "v");
    assert_int_equal(a.status, DKV_OK);
    assert_int_equal(a.op_id, 0);
    assert_int_equal(fake_seen(&one, 0).client_id_size, 0);
    assert_int_equal(fake_seen(&one, 0).op_id, 0);
    assert_int_equal(counter_get(&one.hellos), 0);
    /* Never a second time when the first may have been applied, */
    fake_plan(&one, &(struct fake_plan){.does = FAKE_HOLDS, .times = 1});
    a = put(client, "v");
    assert_int_equal(a.status, DKV_UNKNOWN);
    assert_int_equal(counter_get(&one.arrived), 2);
    /* again when it was not. */
    fake_plan(&one, &(struct fake_plan){.does = FAKE_FAILS,
                                        .times = 2,
                                        .status = RPC_UNAVAILABLE,
                                        .reason = WIRE_REASON_NOT_APPLIED});
    a = put(client, "v");
    assert_int_equal(a.status, DKV_OK);
    assert_int_equal(a.attempts, 3);
    dkv_close(client);
}

static void test_the_window(void **state)
{
    (void)state;
    struct ends ends = {COUNTER_INIT, COUNTER_INIT};
    struct dkv_client *client = fixture_client(&(struct dkv_options){.attempt_timeout_ms = 10000});
    fake_plan(&one, &(struct fake_plan){.does = FAKE_HOLDS, .times = UINT32_MAX});
    for (int i = 0; i < DKV_WRITES_MAX; i++)
        assert_int_equal(submit_put(client, 0, &ends), DKV_OK);
    assert_int_equal(submit_put(client, 0, &ends), DKV_BUSY);
    assert_true(counter_wait(&one.arrived, DKV_WRITES_MAX));
    for (uint64_t i = 0; i < DKV_WRITES_MAX; i++) {
        struct fake_seen seen = fake_seen(&one, i);
        assert_true(seen.op_id < seen.floor + DKV_WRITES_MAX);
    }
    for (uint32_t i = 0; i < DKV_WRITES_MAX; i++)
        fake_release(&one, i);
    assert_true(counter_wait(&ends.ok, DKV_WRITES_MAX));
    fake_plan(&one, &(struct fake_plan){.does = FAKE_ANSWERS});
    assert_int_equal(put(client, "v").status, DKV_OK);
    dkv_close(client);
    assert_int_equal(counter_get(&ends.other), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST_ONE(test_floor_is_the_oldest_without_answer),
        FIXTURE_TEST_ONE(test_born_is_what_was_seen),
        FIXTURE_TEST_ONE(test_born_in_a_new_cluster),
        FIXTURE_TEST_ONE(test_a_forgotten_client_takes_a_new_born),
        FIXTURE_TEST_ONE(test_no_new_born_in_doubt),
        FIXTURE_TEST_ONE(test_a_session_by_hand),
        FIXTURE_TEST_ONE(test_without_a_session),
        FIXTURE_TEST_ONE(test_the_window),
    };
    return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
