/* admin_test.c -- the calls of the Admin service, and what can go wrong with them. */
#include <pthread.h>

#include "../rpc/world.h"

#include <string.h>

#include "client/admin.h"

/* What the server of a test says, whatever it is asked. */
static struct {
    pthread_mutex_t lock;
    enum rpc_status status;
    struct buf reply;
    struct buf request; /* The last one. */
} said = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* From now on the server says this. The reply, which may be NULL, moves in. */
static void say(enum rpc_status status, struct buf *reply)
{
    pthread_mutex_lock(&said.lock);
    said.status = status;
    buf_fini(&said.reply);
    if (reply != NULL)
        said.reply = *reply;
    pthread_mutex_unlock(&said.lock);
    if (reply != NULL)
        *reply = (struct buf){0};
}

static void on_call(void *context, struct rpc_call *call, struct bytes request,
                    uint64_t deadline_ns)
{
    (void)context;
    (void)deadline_ns;
    struct buf reply = {0};
    pthread_mutex_lock(&said.lock);
    enum rpc_status status = said.status;
    buf_clear(&said.request);
    int err = buf_append(&said.request, request);
    if (err == 0)
        err = buf_append(&reply, buf_bytes(&said.reply));
    pthread_mutex_unlock(&said.lock);
    if (err != 0 || status != RPC_OK)
        rpc_call_fail(call, status, "as told", NULL, 0);
    else
        rpc_call_answer(call, &reply);
    buf_fini(&reply);
}

struct world {
    struct rpc_server *server;
    struct dkv_io *io;
    struct admin *admin;
    struct admin_error error;
};

static struct world world;

static int setup(void **state)
{
    (void)state;
    static const char *const names[] = {
        WIRE_ADMIN_HEALTH,     WIRE_ADMIN_STATUS,     WIRE_ADMIN_METRICS,      WIRE_ADMIN_FETCH_LOG,
        WIRE_ADMIN_SET_FAULTS, WIRE_ADMIN_GET_FAULTS, WIRE_ADMIN_CLEAR_FAULTS, WIRE_ADMIN_DIE,
    };
    struct rpc_method methods[8];
    for (size_t i = 0; i < 8; i++)
        methods[i] = (struct rpc_method){.name = names[i], .unary = on_call};
    say(RPC_OK, NULL);
    world.server = server_start(methods, 8);
    assert_int_equal(dkv_io_open(&world.io), DKV_OK);
    const char *address = loopback(rpc_server_port(world.server));
    assert_int_equal(admin_open(world.io, address, 2000, &world.admin), DKV_OK);
    assert_string_equal(admin_address(world.admin), address);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    admin_close(world.admin);
    admin_close(NULL);
    dkv_io_close(world.io);
    rpc_server_close(world.server);
    buf_fini(&said.reply);
    buf_fini(&said.request);
    return 0;
}

static void test_health_and_status(void **state)
{
    (void)state;
    const struct wire_health health = {.ready = false, .node = 2, .detail = "awaits node 3"};
    struct buf reply = {0};
    assert_int_equal(wire_encode_health(&health, &reply), 0);
    say(RPC_OK, &reply);
    struct wire_health got;
    assert_int_equal(admin_health(world.admin, &got, &world.error), DKV_OK);
    assert_false(got.ready);
    assert_int_equal(got.node, 2);
    assert_string_equal(got.detail, "awaits node 3");

    const struct wire_status status = {
        .id = 2,
        .cluster = "dkv",
        .mode = MODE_CLASSIC,
        .members = {.count = 3, .ids = {1, 2, 3}},
        .applied = 77,
        .version = "0.1.0",
    };
    assert_int_equal(wire_encode_status(&status, &reply), 0);
    say(RPC_OK, &reply);
    struct wire_status got_status;
    assert_int_equal(admin_status(world.admin, &got_status, &world.error), DKV_OK);
    assert_int_equal(got_status.applied, 77);
    assert_string_equal(got_status.cluster, "dkv");
}

static void test_metrics(void **state)
{
    (void)state;
    const struct wire_metric metric = {.name = "applied_ops_total",
                                       .labels = "",
                                       .help = "writes",
                                       .kind = WIRE_COUNTER,
                                       .value = 12};
    const struct wire_metrics metrics = {.metrics = &metric, .metrics_count = 1};
    struct buf reply = {0};
    assert_int_equal(wire_encode_metrics(&metrics, &reply), 0);
    say(RPC_OK, &reply);
    struct wire_metrics got;
    assert_int_equal(admin_metrics(world.admin, &got, &world.error), DKV_OK);
    assert_int_equal(got.metrics_count, 1);
    assert_string_equal(got.metrics[0].name, "applied_ops_total");
}

static void test_log(void **state)
{
    (void)state;
    struct wire_list list = {0};
    for (uint64_t slot = 5; slot < 8; slot++) {
        const struct wire_log_slot s = {.slot = slot, .chosen = true, .value_kind = VALUE_NOOP};
        assert_int_equal(wire_log_add(&list, &s), 0);
    }
    assert_int_equal(wire_log_end(&list, 8, 100, 99), 0);
    say(RPC_OK, &list.buf);

    const struct wire_log_request request = {.from = 5, .to = 7};
    struct wire_log log;
    assert_int_equal(admin_fetch_log(world.admin, &request, &log, &world.error), DKV_OK);
    assert_int_equal(log.next, 8);
    struct wire_log_slot s;
    bool end = false;
    for (uint64_t slot = 5; slot < 8; slot++) {
        assert_int_equal(admin_next_slot(world.admin, &log, &s, &end, &world.error), DKV_OK);
        assert_false(end);
        assert_int_equal(s.slot, slot);
    }
    assert_int_equal(admin_next_slot(world.admin, &log, &s, &end, &world.error), DKV_OK);
    assert_true(end);
}

static void test_faults(void **state)
{
    (void)state;
    const struct wire_set_faults set = {
        .replace = true,
        .rules_count = 1,
        .rules = {{.peer = 2, .direction = WIRE_BOTH, .drop_ppm = WIRE_PPM_MAX}},
    };
    assert_int_equal(admin_set_faults(world.admin, &set, &world.error), DKV_OK);
    struct wire_arena arena;
    struct wire_error error;
    struct wire_set_faults seen;
    wire_arena_init(&arena);
    pthread_mutex_lock(&said.lock);
    assert_int_equal(wire_decode_set_faults(buf_bytes(&said.request), &arena, &seen, &error), 0);
    pthread_mutex_unlock(&said.lock);
    wire_arena_fini(&arena);
    assert_int_equal(seen.rules[0].drop_ppm, WIRE_PPM_MAX);

    const struct wire_faults faults = {.enabled = true, .dropped = 6};
    struct buf reply = {0};
    assert_int_equal(wire_encode_faults(&faults, &reply), 0);
    say(RPC_OK, &reply);
    struct wire_faults got;
    assert_int_equal(admin_get_faults(world.admin, &got, &world.error), DKV_OK);
    assert_int_equal(got.dropped, 6);
    say(RPC_OK, NULL);
    assert_int_equal(admin_clear_faults(world.admin, &world.error), DKV_OK);
    assert_int_equal(admin_die(world.admin, &world.error), DKV_OK);
}

static void test_failures(void **state)
{
    (void)state;
    struct wire_health health;
    say(RPC_PERMISSION_DENIED, NULL);
    assert_int_equal(admin_die(world.admin, &world.error), DKV_DENIED);
    assert_string_equal(world.error.text, "as told");
    say(RPC_INVALID_ARGUMENT, NULL);
    assert_int_equal(admin_clear_faults(world.admin, &world.error), DKV_INVALID);
    /* Whether it happened is open for what changes something only. */
    say(RPC_DEADLINE_EXCEEDED, NULL);
    assert_int_equal(admin_die(world.admin, &world.error), DKV_UNKNOWN);
    assert_int_equal(admin_health(world.admin, &health, &world.error), DKV_UNAVAILABLE);
    say(RPC_UNAVAILABLE, NULL);
    assert_int_equal(admin_die(world.admin, &world.error), DKV_UNAVAILABLE);
    assert_int_equal(admin_health(world.admin, &health, &world.error), DKV_UNAVAILABLE);
    struct buf babble = {0};
    assert_int_equal(buf_append(&babble, bytes_of("\xff\xff")), 0);
    say(RPC_OK, &babble);
    assert_int_equal(admin_health(world.admin, &health, &world.error), DKV_FAILED);
    assert_true(strlen(world.error.text) > 0);

    struct admin *nobody = NULL;
    assert_int_equal(admin_open(world.io, loopback(dead_port()), 500, &nobody), DKV_OK);
    assert_int_equal(admin_health(nobody, &health, &world.error), DKV_UNAVAILABLE);
    assert_true(strlen(world.error.text) > 0);
    admin_close(nobody);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_health_and_status), TEST(test_metrics), TEST(test_log), TEST(test_faults),
        TEST(test_failures),
    };
    return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
