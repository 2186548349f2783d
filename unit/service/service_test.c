/* service_test.c -- one node, called as clients do: each answer and each code of the product. */
#include "world.h"

#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "node/monotime.h"
#include "wire/health_wire.h"
#include "wire/kv_wire.h"
#include "wire/log_wire.h"

#define WAIT_NS (5 * MONOTIME_S)

/* Send it; the call must end like this. Gives what was said. */
static struct rpc_result expect(const char *method, struct buf *request, enum rpc_status status)
{
    struct rpc_result r = world_call(&world, 0, method, request, WAIT_NS);
    if (r.status != status)
        fail_msg("%s: %s, %s", method, rpc_status_name(r.status), r.text);
    buf_fini(&r.body);
    return r;
}

static void test_put_get_delete(void **state)
{
    (void)state;
    char value[32];
    assert_int_equal(world_put(&world, 0, "k", "v1"), RPC_OK);
    assert_int_equal(world_get(&world, 0, "k", WIRE_BARRIER, WAIT_NS, value, sizeof(value)),
                     RPC_OK);
    assert_string_equal(value, "v1");
    struct command c = {.kind = COMMAND_DELETE, .key = bytes_of("k"), .want_previous = true};
    struct rpc_result r;
    assert_int_equal(world_write(&world, 0, &c, WAIT_NS, &r), RPC_OK);
    struct wire_arena arena;
    struct wire_error error;
    struct wire_write_answer answer;
    wire_arena_init(&arena);
    assert_int_equal(wire_decode_write_answer(buf_bytes(&r.body), &arena, &answer, &error), 0);
    assert_true(answer.applied && answer.found && answer.has_previous);
    assert_true(bytes_equal(answer.previous, bytes_of("v1")));
    assert_int_equal(answer.node, 1);
    wire_arena_fini(&arena);
    buf_fini(&r.body);
    assert_int_equal(world_get(&world, 0, "k", WIRE_QUORUM, WAIT_NS, value, sizeof(value)), RPC_OK);
    assert_string_equal(value, "");
    assert_int_equal(world_get(&world, 0, "k", WIRE_SEQUENTIAL, WAIT_NS, value, sizeof(value)),
                     RPC_OK);
    assert_string_equal(value, "");
}

static void test_failed_comparison_is_ok(void **state)
{
    (void)state;
    assert_int_equal(world_put(&world, 0, "cas", "now"), RPC_OK);
    struct command c = {.kind = COMMAND_CAS,
                        .key = bytes_of("cas"),
                        .value = bytes_of("then"),
                        .expect = EXPECT_VALUE,
                        .expected = bytes_of("before")};
    assert_int_equal(world_write(&world, 0, &c, WAIT_NS, NULL), RPC_OK);
    char value[32];
    assert_int_equal(world_get(&world, 0, "cas", WIRE_BARRIER, WAIT_NS, value, sizeof(value)),
                     RPC_OK);
    assert_string_equal(value, "now");
}

static void test_sessions_say_why(void **state)
{
    (void)state;
    struct command c = {.kind = COMMAND_PUT,
                        .key = bytes_of("s"),
                        .value = bytes_of("1"),
                        .client_id = bytes_of("me"),
                        .op_id = 1,
                        .floor = 1};
    struct rpc_result r;
    assert_int_equal(world_write(&world, 0, &c, WAIT_NS, NULL), RPC_OK);
    assert_int_equal(world_write(&world, 0, &c, WAIT_NS, NULL), RPC_OK);
    c.value = bytes_of("2");
    assert_int_equal(world_write(&world, 0, &c, WAIT_NS, &r), RPC_FAILED_PRECONDITION);
    assert_string_equal(r.reason, "MISMATCH");
    c.op_id = 3;
    c.floor = 3;
    assert_int_equal(world_write(&world, 0, &c, WAIT_NS, NULL), RPC_OK);
    c.op_id = 1;
    c.floor = 1;
    assert_int_equal(world_write(&world, 0, &c, WAIT_NS, &r), RPC_FAILED_PRECONDITION);
    assert_string_equal(r.reason, "STALE");
}

static void test_value_limit(void **state)
{
    (void)state;
    static uint8_t large[VALUE_SIZE_MAX];
    struct command c = {
        .kind = COMMAND_PUT, .key = bytes_of("large"), .value = {large, sizeof(large)}};
    assert_int_equal(world_write(&world, 0, &c, WAIT_NS, NULL), RPC_OK);
    c.kind = COMMAND_APPEND;
    c.value.size = 1;
    struct rpc_result r;
    assert_int_equal(world_write(&world, 0, &c, WAIT_NS, &r), RPC_OUT_OF_RANGE);
    assert_non_null(strstr(r.text, "nothing was changed"));
}

static void test_bad_requests(void **state)
{
    (void)state;
    struct buf garbage = {0};
    assert_int_equal(buf_append(&garbage, bytes_of("\xff\xff\xff")), 0);
    expect(WIRE_KV_PUT, &garbage, RPC_INVALID_ARGUMENT);
    assert_int_equal(buf_append(&garbage, bytes_of("\xff\xff\xff")), 0);
    expect(WIRE_ADMIN_STATUS, &garbage, RPC_INVALID_ARGUMENT);
    struct rpc_result r = expect(WIRE_KV_PUT, NULL, RPC_INVALID_ARGUMENT);
    assert_non_null(strstr(r.text, "key"));
    expect("/dkv.v1.KV/Nothing", NULL, RPC_UNIMPLEMENTED);
    expect(WIRE_HEALTH_WATCH, NULL, RPC_UNIMPLEMENTED);
}

static void test_faults_are_denied(void **state)
{
    (void)state;
    struct rpc_result r = expect(WIRE_ADMIN_SET_FAULTS, NULL, RPC_PERMISSION_DENIED);
    assert_non_null(strstr(r.text, "--enable-fault-injection"));
    expect(WIRE_ADMIN_CLEAR_FAULTS, NULL, RPC_PERMISSION_DENIED);
    expect(WIRE_ADMIN_DIE, NULL, RPC_PERMISSION_DENIED);
    expect(WIRE_ADMIN_GET_FAULTS, NULL, RPC_OK);
}

static void test_status(void **state)
{
    (void)state;
    struct rpc_result r = world_call(&world, 0, WIRE_ADMIN_STATUS, NULL, WAIT_NS);
    assert_int_equal(r.status, RPC_OK);
    struct wire_arena arena;
    struct wire_error error;
    struct wire_status status;
    wire_arena_init(&arena);
    assert_int_equal(wire_decode_status(buf_bytes(&r.body), &arena, &status, &error), 0);
    assert_int_equal(status.id, 1);
    assert_string_equal(status.cluster, "test");
    assert_int_equal(status.members.count, 1);
    assert_true(status.admitted);
    assert_true(status.applied > 0 && status.applied == status.chosen_to);
    wire_arena_fini(&arena);
    buf_fini(&r.body);
}

static const struct wire_metric *find_metric(const struct wire_metrics *m, const char *name)
{
    for (size_t i = 0; i < m->metrics_count; i++)
        if (strcmp(m->metrics[i].name, name) == 0)
            return &m->metrics[i];
    fail_msg("there is no metric %s", name);
    return NULL;
}

static void test_metrics_have_their_names(void **state)
{
    (void)state;
    static const char *const names[] = {
        "applied_ops_total",  "duplicate_suppressed_total", "paxos_prepare_total",
        "paxos_accept_total", "paxos_propose_total",        "chosen_index",
        "last_applied_index", "catchup_entries_applied",    "process_cpu_seconds_total",
    };
    assert_int_equal(world_put(&world, 0, "m", "1"), RPC_OK);
    struct rpc_result r = world_call(&world, 0, WIRE_ADMIN_METRICS, NULL, WAIT_NS);
    assert_int_equal(r.status, RPC_OK);
    struct wire_arena arena;
    struct wire_error error;
    struct wire_metrics metrics;
    wire_arena_init(&arena);
    assert_int_equal(wire_decode_metrics(buf_bytes(&r.body), &arena, &metrics, &error), 0);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        find_metric(&metrics, names[i]);
    assert_true(find_metric(&metrics, "applied_ops_total")->value > 0);
    bool found = false;
    for (size_t i = 0; i < metrics.histograms_count; i++)
        found = found || (strcmp(metrics.histograms[i].labels, "op=\"put\"") == 0 &&
                          metrics.histograms[i].count > 0 && metrics.histograms[i].p50 > 0);
    assert_true(found);
    wire_arena_fini(&arena);
    buf_fini(&r.body);
}

/* One answer of FetchLog: counts its slots, and gives where to go on. */
static uint64_t read_log(uint64_t from, uint64_t *last, uint64_t *batches)
{
    struct wire_log_request request = {.from = from, .limit = 7};
    struct buf bytes = {0};
    assert_int_equal(wire_encode_log_request(&request, &bytes), 0);
    struct rpc_result r = world_call(&world, 0, WIRE_ADMIN_FETCH_LOG, &bytes, WAIT_NS);
    assert_int_equal(r.status, RPC_OK);
    struct wire_arena arena;
    struct wire_error error;
    struct wire_log log;
    struct wire_log_slot slot;
    wire_arena_init(&arena);
    assert_int_equal(wire_log_begin(buf_bytes(&r.body), &log, &error), 0);
    while (wire_log_next(&log, &arena, &slot, &error) == 0) {
        assert_int_equal(slot.slot, *last + 1);
        assert_true(slot.chosen);
        *last = slot.slot;
        *batches += slot.value_kind == VALUE_BATCH && slot.commands_count > 0;
    }
    wire_arena_fini(&arena);
    buf_fini(&r.body);
    return log.next;
}

/* Partly from the disk, partly from memory: there is a checkpoint every 20 slots. */
static void test_log_is_read_whole(void **state)
{
    (void)state;
    for (int i = 0; i < 70; i++)
        assert_int_equal(world_put(&world, 0, "log", "x"), RPC_OK);
    uint64_t last = 0;
    uint64_t batches = 0;
    uint64_t next = 1;
    while (next != 0) {
        next = read_log(next, &last, &batches);
        assert_true(next == 0 || next == last + 1);
    }
    assert_true(batches >= 70);
}

static void test_health(void **state)
{
    (void)state;
    static const struct {
        const char *service;
        enum rpc_status status;
    } cases[] = {{"", RPC_OK}, {"dkv.v1.KV", RPC_OK}, {"nobody", RPC_NOT_FOUND}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct buf request = {0};
        assert_int_equal(wire_encode_health_request(cases[i].service, &request), 0);
        struct rpc_result r = world_call(&world, 0, WIRE_HEALTH_CHECK, &request, WAIT_NS);
        assert_int_equal(r.status, cases[i].status);
        struct wire_arena arena;
        struct wire_error error;
        enum wire_serving serving = WIRE_SERVING_UNKNOWN;
        wire_arena_init(&arena);
        if (r.status == RPC_OK) {
            assert_int_equal(
                wire_decode_health_answer(buf_bytes(&r.body), &arena, &serving, &error), 0);
            assert_int_equal(serving, WIRE_SERVING);
        }
        wire_arena_fini(&arena);
        buf_fini(&r.body);
    }
}

static void test_nothing_is_lost_by_a_restart(void **state)
{
    (void)state;
    char value[32];
    assert_int_equal(world_put(&world, 0, "kept", "yes"), RPC_OK);
    world_stop(&world, 0);
    world_start(&world, 0);
    world_wait_ready(&world, 0);
    assert_int_equal(world_get(&world, 0, "kept", WIRE_BARRIER, WAIT_NS, value, sizeof(value)),
                     RPC_OK);
    assert_string_equal(value, "yes");
}

int main(void)
{
    world_begin();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_put_get_delete),
        cmocka_unit_test(test_failed_comparison_is_ok),
        cmocka_unit_test(test_sessions_say_why),
        cmocka_unit_test(test_value_limit),
        cmocka_unit_test(test_bad_requests),
        cmocka_unit_test(test_faults_are_denied),
        cmocka_unit_test(test_status),
        cmocka_unit_test(test_metrics_have_their_names),
        cmocka_unit_test(test_log_is_read_whole),
        cmocka_unit_test(test_health),
        cmocka_unit_test(test_nothing_is_lost_by_a_restart),
    };
    int failed = cmocka_run_group_tests(tests, world_setup_alone, world_teardown);
    return failed != 0 || mem_outstanding() != 0;
}
