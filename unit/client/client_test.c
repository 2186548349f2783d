/* client_test.c -- operations, their answers, and the way from one node to the next. */
#include "fixture.h"

#include <string.h>

#include "base/mem.h"
#include "wire/kv_wire.h"

static struct dkv_answer execute(struct dkv_client *client, struct dkv_op op)
{
    struct dkv_answer answer;
    op.key = text("k");
    dkv_execute(client, &op, &answer);
    return answer;
}

static bool is_text(struct dkv_bytes b, const char *s)
{
    return b.size == strlen(s) && memcmp(b.data, s, b.size) == 0;
}

static void test_every_kind(void **state)
{
    (void)state;
    struct dkv_client *client = fixture_client_of(fixture_both(), NULL);
    struct dkv_answer a = execute(client, (struct dkv_op){.kind = DKV_GET});
    assert_int_equal(a.status, DKV_OK);
    assert_false(a.found);
    assert_false(a.has_value);
    dkv_answer_fini(&a);

    a = put(client, "v1");
    assert_int_equal(a.status, DKV_OK);
    assert_string_equal(a.text, "");
    assert_true(a.applied);
    assert_int_equal(a.slot, 101);
    assert_int_equal(a.revision, 9);
    assert_int_equal(a.node, 1);
    assert_int_equal(a.op_id, 1);
    assert_int_equal(a.attempts, 1);
    assert_false(a.has_previous);
    dkv_answer_fini(&a);

    a = execute(client, (struct dkv_op){.kind = DKV_GET});
    assert_true(a.found);
    assert_true(is_text(a.value, "v1"));
    assert_int_equal(a.mod_revision, 5);
    assert_int_equal(a.create_revision, 3);
    assert_int_equal(a.version, 2);
    dkv_answer_fini(&a);

    a = execute(client, (struct dkv_op){.kind = DKV_APPEND, .value = text("x")});
    assert_true(a.has_value);
    assert_true(is_text(a.value, "before and after"));
    dkv_answer_fini(&a);

    a = execute(client, (struct dkv_op){.kind = DKV_DELETE, .want_previous = true});
    assert_true(a.has_previous);
    assert_true(is_text(a.previous, "before"));
    dkv_answer_fini(&a);

    a = execute(client, (struct dkv_op){.kind = DKV_CAS,
                                        .expect = DKV_EXPECT_REVISION,
                                        .expected_revision = 12,
                                        .value = text("x")});
    assert_int_equal(a.status, DKV_OK);
    assert_false(a.applied);
    assert_true(is_text(a.previous, "before"));
    dkv_answer_fini(&a);

    struct fake_seen cas = fake_seen(&one, 5);
    assert_int_equal(cas.kind, COMMAND_CAS);
    assert_int_equal(cas.expect, EXPECT_REVISION);
    assert_int_equal(cas.expected_revision, 12);
    assert_true(fake_seen(&one, 4).want_previous);
    assert_int_equal(fake_seen(&one, 4).kind, COMMAND_DELETE);
    dkv_close(client);
}

static void test_bounds(void **state)
{
    (void)state;
    static uint8_t long_bytes[VALUE_SIZE_MAX + 1];
    struct dkv_client *client = fixture_client_of(fixture_both(), NULL);
    const struct dkv_bytes key = text("k");
    const struct dkv_op bad[] = {
        {.kind = DKV_GET, .key = text("")},
        {.kind = DKV_GET, .key = {.data = long_bytes, .size = KEY_SIZE_MAX + 1}},
        {.kind = DKV_PUT, .key = {.data = long_bytes, .size = KEY_SIZE_MAX + 1}},
        {.kind = DKV_PUT, .key = key, .value = {.data = long_bytes, .size = VALUE_SIZE_MAX + 1}},
        {.kind = DKV_DELETE, .key = key, .value = text("v")},
        {.kind = DKV_CAS, .key = key, .value = text("v")},
        {.kind = DKV_CAS, .key = key, .expect = DKV_EXPECT_REVISION},
        {.kind = DKV_CAS,
         .key = key,
         .expect = DKV_EXPECT_VALUE,
         .expected = {.data = long_bytes, .size = VALUE_SIZE_MAX + 1}},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct dkv_answer a;
        dkv_execute(client, &bad[i], &a);
        assert_int_equal(a.status, DKV_INVALID);
        assert_true(strlen(a.text) > 0);
    }
    assert_int_equal(counter_get(&one.arrived), 0);
    const struct dkv_op largest = {.kind = DKV_PUT,
                                   .key = {.data = long_bytes, .size = KEY_SIZE_MAX},
                                   .value = {.data = long_bytes, .size = VALUE_SIZE_MAX}};
    struct dkv_answer a;
    dkv_execute(client, &largest, &a);
    assert_int_equal(a.status, DKV_OK);
    dkv_close(client);

    /* What a client cannot be opened with. */
    const struct dkv_options options[] = {
        {.endpoints = NULL},
        {.endpoints = "nowhere"},
        {.endpoints = "a:1", .client_id = {.data = long_bytes, .size = CLIENT_ID_SIZE_MAX + 1}},
    };
    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
        assert_int_equal(dkv_open(&options[i], &client), DKV_INVALID);
}

static void test_moves_on_from_a_dead_node(void **state)
{
    (void)state;
    const uint16_t ports[] = {0, fake_port(&two)};
    struct dkv_client *client = fixture_client_of(fixture_endpoints(ports, 2), NULL);
    struct dkv_answer a = put(client, "v");
    assert_int_equal(a.status, DKV_OK);
    assert_int_equal(a.node, 2);
    /* And stays with the one that works. */
    a = put(client, "v");
    assert_int_equal(a.attempts, 1);
    assert_int_equal(a.node, 2);
    dkv_close(client);
}

static void test_moves_on_from_a_node_that_hangs(void **state)
{
    (void)state;
    const struct dkv_options options = {.attempt_timeout_ms = 150};
    struct dkv_client *client = fixture_client_of(fixture_both(), &options);
    fake_plan(&one, &(struct fake_plan){.does = FAKE_HOLDS, .times = 1});
    uint64_t began_ns = now_ns();
    struct dkv_answer a = put(client, "v");
    assert_int_equal(a.status, DKV_OK);
    assert_int_equal(a.node, 2);
    assert_int_equal(a.attempts, 2);
    assert_true(now_ns() - began_ns >= 150 * MS_NS);

    struct fake_seen first = fake_seen(&one, 0);
    struct fake_seen second = fake_seen(&two, 0);
    assert_int_equal(first.client_id_size, 16);
    assert_memory_equal(first.client_id, second.client_id, 16);
    assert_memory_equal(first.client_id, dkv_client_id(client).data, 16);
    assert_int_equal(first.op_id, second.op_id);
    assert_int_equal(first.born, second.born);
    assert_int_equal(first.born, 100);
    dkv_close(client);
}

/* How an operation ends when every attempt ends like this. The last round begins after 300 ms. */
static enum dkv_status outcome(enum dkv_kind kind, struct fake_plan plan, bool no_session)
{
    plan.does = FAKE_FAILS;
    plan.times = UINT32_MAX;
    fake_plan(&one, &plan);
    fake_plan(&two, &plan);
    const struct dkv_options options = {.timeout_ms = 600, .no_session = no_session};
    struct dkv_client *client = fixture_client_of(fixture_both(), &options);
    struct dkv_answer a = execute(client, (struct dkv_op){.kind = kind});
    assert_true(strstr(a.text, "as planned") != NULL);
    assert_int_equal(a.node, 0);
    dkv_close(client);
    return a.status;
}

static void test_outcomes(void **state)
{
    (void)state;
    const struct fake_plan never = {.status = RPC_UNAVAILABLE, .reason = WIRE_REASON_NOT_APPLIED};
    assert_int_equal(outcome(DKV_PUT, never, false), DKV_UNAVAILABLE);
    assert_int_equal(outcome(DKV_PUT, never, true), DKV_UNAVAILABLE);
    assert_int_equal(outcome(DKV_GET, never, false), DKV_UNAVAILABLE);
    const struct fake_plan broken = {.status = RPC_UNAVAILABLE};
    assert_int_equal(outcome(DKV_PUT, broken, false), DKV_UNKNOWN);
    assert_int_equal(outcome(DKV_PUT, broken, true), DKV_UNKNOWN);
    assert_int_equal(outcome(DKV_GET, broken, false), DKV_UNAVAILABLE);
    const struct fake_plan late = {.status = RPC_DEADLINE_EXCEEDED};
    assert_int_equal(outcome(DKV_APPEND, late, false), DKV_UNKNOWN);
    assert_int_equal(outcome(DKV_GET, late, false), DKV_UNAVAILABLE);
    assert_int_equal(outcome(DKV_PUT, (struct fake_plan){.status = RPC_INTERNAL}, false),
                     DKV_UNKNOWN);

    static const struct {
        struct fake_plan plan;
        enum dkv_status status;
    } final[] = {
        {{.status = RPC_INVALID_ARGUMENT}, DKV_INVALID},
        {{.status = RPC_OUT_OF_RANGE}, DKV_TOO_LARGE},
        {{.status = RPC_PERMISSION_DENIED}, DKV_DENIED},
        {{.status = RPC_UNIMPLEMENTED}, DKV_UNSUPPORTED},
        {{.status = RPC_RESOURCE_EXHAUSTED}, DKV_BUSY},
        {{.status = RPC_FAILED_PRECONDITION, .reason = "STALE"}, DKV_STALE},
        {{.status = RPC_FAILED_PRECONDITION, .reason = "MISMATCH"}, DKV_MISMATCH},
        {{.status = RPC_FAILED_PRECONDITION, .reason = "?"}, DKV_FAILED},
    };
    for (size_t i = 0; i < sizeof(final) / sizeof(final[0]); i++) {
        uint64_t before = counter_get(&one.arrived) + counter_get(&two.arrived);
        assert_int_equal(outcome(DKV_APPEND, final[i].plan, false), final[i].status);
        /* One attempt settles it. */
        assert_int_equal(counter_get(&one.arrived) + counter_get(&two.arrived), before + 1);
    }
}

/* An attempt whose outcome is open stays open when a later one is turned away. */
static void test_doubt_stays(void **state)
{
    (void)state;
    static const struct fake_plan later[] = {
        {.does = FAKE_FAILS, .times = UINT32_MAX, .status = RPC_RESOURCE_EXHAUSTED},
        {.does = FAKE_FAILS, .times = UINT32_MAX, .status = RPC_PERMISSION_DENIED},
        {.does = FAKE_FAILS,
         .times = UINT32_MAX,
         .status = RPC_UNAVAILABLE,
         .reason = WIRE_REASON_NOT_APPLIED},
    };
    for (size_t i = 0; i < sizeof(later) / sizeof(later[0]); i++) {
        fake_plan(&one, &(struct fake_plan){.does = FAKE_FAILS,
                                            .times = UINT32_MAX,
                                            .status = RPC_DEADLINE_EXCEEDED});
        fake_plan(&two, &later[i]);
        const uint16_t ports[] = {fake_port(&one), fake_port(&two)};
        struct dkv_client *client = fixture_client_of(fixture_endpoints(ports, 2),
                                                      &(struct dkv_options){.timeout_ms = 300});
        /* Where there is a second round, node 1 does not settle it either. */
        struct dkv_op op = {.kind = DKV_PUT, .value = text("v")};
        struct dkv_answer a = execute(client, op);
        assert_int_equal(a.status, DKV_UNKNOWN);
        dkv_close(client);
    }
}

static void test_busy_nodes_are_asked_again(void **state)
{
    (void)state;
    const struct fake_plan busy = {
        .does = FAKE_FAILS, .times = 2, .status = RPC_RESOURCE_EXHAUSTED, .retry_after_ms = 30};
    fake_plan(&one, &busy);
    fake_plan(&two, &busy);
    struct dkv_client *client = fixture_client_of(fixture_both(), NULL);
    uint64_t began_ns = now_ns();
    struct dkv_answer a = put(client, "v");
    assert_int_equal(a.status, DKV_OK);
    assert_int_equal(a.attempts, 5);
    assert_true(now_ns() - began_ns >= 4 * 30 * MS_NS);
    dkv_close(client);
}

static void test_babble(void **state)
{
    (void)state;
    fake_plan(&one, &(struct fake_plan){.does = FAKE_BABBLES, .times = 1});
    struct dkv_client *client = fixture_client_of(fixture_both(), NULL);
    struct dkv_answer a = put(client, "v");
    assert_int_equal(a.status, DKV_FAILED);
    assert_true(strlen(a.text) > 0);
    dkv_close(client);
}

/* Whichever allocation fails, of the client or of the node: one answer comes, and nothing leaks. */
static void test_no_memory(void **state)
{
    (void)state;
    unsigned opened = 0;
    for (long n = 0; n < 60; n++) {
        struct dkv_options options = {.endpoints = fixture_both(), .timeout_ms = 5000};
        struct dkv_client *client = NULL;
        mem_fail_after(n);
        enum dkv_status status = dkv_open(&options, &client);
        if (status == DKV_OK) {
            struct dkv_answer a =
                execute(client, (struct dkv_op){.kind = DKV_APPEND, .value = text("v")});
            assert_true(a.status == DKV_OK || a.status == DKV_NO_MEMORY ||
                        a.status == DKV_UNKNOWN || a.status == DKV_FAILED);
            mem_fail_after(-1);
            dkv_answer_fini(&a);
            a = put(client, "v");
            assert_int_equal(a.status, DKV_OK);
            dkv_close(client);
            opened++;
        } else {
            assert_int_equal(status, DKV_NO_MEMORY);
        }
        mem_fail_after(-1);
    }
    assert_in_range(opened, 30, 59);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST_TWO(test_every_kind),
        FIXTURE_TEST_TWO(test_bounds),
        FIXTURE_TEST_TWO(test_moves_on_from_a_dead_node),
        FIXTURE_TEST_TWO(test_moves_on_from_a_node_that_hangs),
        FIXTURE_TEST_TWO(test_outcomes),
        FIXTURE_TEST_TWO(test_doubt_stays),
        FIXTURE_TEST_TWO(test_busy_nodes_are_asked_again),
        FIXTURE_TEST_TWO(test_babble),
        FIXTURE_TEST_TWO(test_no_memory),
    };
    return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
