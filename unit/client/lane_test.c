/* lane_test.c -- operations that share a stream: gathered, cut off, sent again. */
#include "fixture.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"

/* What many answers have in common. */
struct tally {
    struct counter answers;
    pthread_mutex_t lock;
    uint32_t by_status[DKV_NO_MEMORY + 1];
    uint32_t by_node[3];
    uint32_t attempts_max;
    uint32_t again; /* So many more are submitted by callbacks. */
    struct dkv_client *client;
};

static void tally_submit(struct tally *t, enum dkv_kind kind);

static void tally_on_answer(void *context, struct dkv_answer *a)
{
    struct tally *t = context;
    pthread_mutex_lock(&t->lock);
    t->by_status[a->status]++;
    t->by_node[a->node]++;
    t->attempts_max = a->attempts > t->attempts_max ? a->attempts : t->attempts_max;
    bool again = t->again > 0;
    t->again -= again;
    pthread_mutex_unlock(&t->lock);
    if (again)
        tally_submit(t, DKV_GET);
    counter_add(&t->answers, 1);
}

static void tally_submit(struct tally *t, enum dkv_kind kind)
{
    const struct dkv_op op = {.kind = kind, .key = text("k"), .value = text("v")};
    assert_int_equal(dkv_submit(t->client, &op, tally_on_answer, t, NULL), DKV_OK);
}

static void tally_init(struct tally *t, struct dkv_client *client)
{
    *t = (struct tally){.client = client, .answers = COUNTER_INIT};
    pthread_mutex_init(&t->lock, NULL);
}

static void test_one_stream_for_all(void **state)
{
    (void)state;
    struct dkv_client *client = fixture_client_of(fixture_both(), NULL);
    for (int i = 0; i < 20; i++) {
        struct dkv_answer a = put(client, "v");
        assert_int_equal(a.status, DKV_OK);
        assert_int_equal(a.attempts, 1);
    }
    assert_int_equal(counter_get(&one.opened), 1);
    /* Counted after it was handed on, so perhaps after it was answered. */
    assert_true(counter_wait(&one.messages, 20));
    assert_int_equal(counter_get(&one.messages), 20);
    assert_int_equal(counter_get(&two.opened), 0);
    dkv_close(client);
}

/* What callbacks submit while answers are handed out leaves in one message. */
static void test_answers_beget_operations(void **state)
{
    (void)state;
    struct dkv_client *client = fixture_client_of(fixture_both(), NULL);
    struct tally t;
    tally_init(&t, client);
    t.again = 10000;
    for (int i = 0; i < 100; i++)
        tally_submit(&t, DKV_GET);
    assert_true(counter_wait(&t.answers, 10100));
    assert_int_equal(t.by_status[DKV_OK], 10100);
    assert_int_equal(counter_get(&one.arrived), 10100);
    assert_true(counter_get(&one.messages) < 10100 / 4);
    dkv_close(client);
}

/* All that was under way goes to the other node, under the numbers that it had. */
static void test_a_stream_that_breaks(void **state)
{
    (void)state;
    struct dkv_client *client = fixture_client_of(fixture_both(), NULL);
    struct tally t;
    tally_init(&t, client);
    fake_plan(&one, &(struct fake_plan){.does = FAKE_HOLDS, .times = 300});
    for (int i = 0; i < 300; i++)
        tally_submit(&t, DKV_APPEND);
    assert_true(counter_wait(&one.arrived, 300));
    fake_break_streams(&one);
    assert_true(counter_wait(&t.answers, 300));
    assert_int_equal(t.by_status[DKV_OK], 300);
    assert_int_equal(t.by_node[2], 300);
    assert_int_equal(t.attempts_max, 2);
    bool seen[301] = {false};
    for (uint64_t i = 0; i < 300; i++) {
        struct fake_seen again = fake_seen(&two, i);
        assert_in_range(again.op_id, 1, 300);
        assert_false(seen[again.op_id]);
        seen[again.op_id] = true;
        assert_int_equal(again.born, 100);
        assert_memory_equal(again.client_id, dkv_client_id(client).data, 16);
    }
    dkv_close(client);
}

/* The stream is made anew for the next operation. */
static void test_comes_back(void **state)
{
    (void)state;
    const uint16_t ports[] = {fake_port(&one)};
    struct dkv_client *client = fixture_client_of(fixture_endpoints(ports, 1), NULL);
    for (uint64_t i = 1; i <= 5; i++) {
        struct dkv_answer a = put(client, "v");
        assert_int_equal(a.status, DKV_OK);
        assert_int_equal(counter_get(&one.opened), i);
        fake_break_streams(&one);
        sleep_ms(20);
    }
    dkv_close(client);
}

/* Nothing is sent before the node took the stream, so the outcome is no riddle. */
static void test_what_was_not_sent_was_not_applied(void **state)
{
    (void)state;
    const uint16_t ports[] = {0, 0};
    const char *nobody = fixture_endpoints(ports, 2);
    struct dkv_options options = {.timeout_ms = 300, .no_session = true};
    struct dkv_client *client = fixture_client_of(nobody, &options);
    struct dkv_answer a = put(client, "v");
    assert_int_equal(a.status, DKV_UNAVAILABLE);
    dkv_close(client);
    /* A call cannot tell. */
    options.calls_only = true;
    client = fixture_client_of(nobody, &options);
    a = put(client, "v");
    assert_int_equal(a.status, DKV_UNKNOWN);
    dkv_close(client);
}

/* An attempt ends when its time is up, though the stream is well; the answer that comes then is
 * nobody's. */
static void test_late_answers(void **state)
{
    (void)state;
    const uint16_t ports[] = {fake_port(&one)};
    struct dkv_client *client = fixture_client_of(
        fixture_endpoints(ports, 1), &(struct dkv_options){.timeout_ms = 200, .no_session = true});
    fake_plan(&one, &(struct fake_plan){.does = FAKE_HOLDS, .times = 2});
    for (uint32_t i = 0; i < 2; i++) {
        uint64_t began_ns = now_ns();
        struct dkv_answer a = put(client, "v");
        assert_int_equal(a.status, DKV_UNKNOWN);
        assert_in_range(now_ns() - began_ns, 150 * MS_NS, 5 * SECOND_NS);
        fake_release(&one, i);
    }
    struct dkv_answer a = put(client, "v");
    assert_int_equal(a.status, DKV_OK);
    assert_int_equal(counter_get(&one.opened), 1);
    dkv_close(client);
}

/* More than a stream has numbers for wait for their turn. */
static void test_more_than_fit(void **state)
{
    (void)state;
    const uint32_t more = 100;
    struct dkv_client *client = fixture_client(&(struct dkv_options){
        .timeout_ms = 300000, .attempt_timeout_ms = 300000, .no_session = true});
    struct tally t;
    tally_init(&t, client);
    fake_plan(&one, &(struct fake_plan){.does = FAKE_HOLDS, .times = FAKE_HELD_MAX});
    for (uint32_t i = 0; i < FAKE_HELD_MAX + more; i++)
        tally_submit(&t, DKV_PUT);
    assert_true(counter_wait(&one.arrived, FAKE_HELD_MAX));
    assert_int_equal(counter_get(&t.answers), 0);
    for (uint32_t i = 0; i < FAKE_HELD_MAX; i++)
        fake_release(&one, i);
    assert_true(counter_wait(&t.answers, FAKE_HELD_MAX + more));
    assert_int_equal(t.by_status[DKV_OK], FAKE_HELD_MAX + more);
    assert_int_equal(t.attempts_max, 1);
    dkv_close(client);
}

static void test_calls_only(void **state)
{
    (void)state;
    struct dkv_client *client =
        fixture_client_of(fixture_both(), &(struct dkv_options){.calls_only = true});
    struct dkv_answer a = put(client, "v");
    assert_int_equal(a.status, DKV_OK);
    assert_int_equal(counter_get(&one.opened), 0);
    dkv_close(client);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST_TWO(test_one_stream_for_all),
        FIXTURE_TEST_TWO(test_answers_beget_operations),
        FIXTURE_TEST_TWO(test_a_stream_that_breaks),
        FIXTURE_TEST_TWO(test_comes_back),
        FIXTURE_TEST_TWO(test_what_was_not_sent_was_not_applied),
        FIXTURE_TEST_TWO(test_late_answers),
        FIXTURE_TEST_ONE(test_more_than_fit),
        FIXTURE_TEST_TWO(test_calls_only),
    };
    return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
