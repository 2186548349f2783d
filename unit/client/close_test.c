/* close_test.c -- a client that is closed with work under way, and clients that share their io. */
#include "fixture.h"

#include <string.h>

#include "wire/kv_wire.h"

/* A client whose every answer makes it submit the next operation, as a load generator does. */
struct driver {
    struct dkv_client *client;
    enum dkv_kind kind;
    struct counter answers;
    struct counter unknown;
    struct counter unavailable;
    struct counter refused; /* By dkv_submit. */
};

static void driver_on_answer(void *context, struct dkv_answer *answer);

static void driver_submit(struct driver *d)
{
    const struct dkv_op op = {.kind = d->kind, .key = text("k"), .value = text("")};
    enum dkv_status status = dkv_submit(d->client, &op, driver_on_answer, d, NULL);
    if (status != DKV_OK)
        counter_add(&d->refused, 1);
}

static void driver_on_answer(void *context, struct dkv_answer *answer)
{
    struct driver *d = context;
    if (answer->status == DKV_UNKNOWN)
        counter_add(&d->unknown, 1);
    if (answer->status == DKV_UNAVAILABLE)
        counter_add(&d->unavailable, 1);
    counter_add(&d->answers, 1);
    driver_submit(d);
}

static struct driver driver_of(struct dkv_client *client, enum dkv_kind kind)
{
    return (struct driver){
        .client = client,
        .kind = kind,
        .answers = COUNTER_INIT,
        .unknown = COUNTER_INIT,
        .unavailable = COUNTER_INIT,
        .refused = COUNTER_INIT,
    };
}

static void test_calls_under_way(void **state)
{
    (void)state;
    struct dkv_client *client = fixture_client(NULL);
    put(client, "v"); /* So that born is known. */
    fake_plan(&one, &(struct fake_plan){.does = FAKE_HOLDS, .times = UINT32_MAX});
    struct driver write = driver_of(client, DKV_PUT);
    struct driver read = driver_of(client, DKV_GET);
    driver_submit(&write);
    driver_submit(&read);
    assert_true(counter_wait(&one.arrived, 3));
    uint64_t began_ns = now_ns();
    dkv_close(client);
    assert_true(now_ns() - began_ns < SECOND_NS);
    assert_int_equal(counter_get(&write.unknown), 1);
    assert_int_equal(counter_get(&write.refused), 1);
    assert_int_equal(counter_get(&read.unavailable), 1);
    assert_int_equal(counter_get(&read.refused), 1);
}

/* An operation that waits a minute before it tries again does not hold up the end. */
static void test_pauses(void **state)
{
    (void)state;
    fake_plan(&one, &(struct fake_plan){.does = FAKE_FAILS,
                                        .times = UINT32_MAX,
                                        .status = RPC_RESOURCE_EXHAUSTED,
                                        .retry_after_ms = 60000});
    struct dkv_client *client = fixture_client(&(struct dkv_options){.timeout_ms = 100000});
    struct driver write = driver_of(client, DKV_PUT);
    driver_submit(&write);
    assert_true(counter_wait(&one.arrived, 1));
    sleep_ms(20);
    uint64_t began_ns = now_ns();
    dkv_close(client);
    assert_true(now_ns() - began_ns < SECOND_NS);
    assert_int_equal(counter_get(&write.unavailable), 1);
}

/* At any moment of a busy life, with many clients on one io. */
static void test_at_any_moment(void **state)
{
    (void)state;
    struct dkv_io *io = NULL;
    assert_int_equal(dkv_io_open(&io), DKV_OK);
    for (unsigned round = 0; round < 30; round++) {
        struct driver drivers[4];
        for (size_t i = 0; i < 4; i++) {
            const uint16_t ports[] = {i == 3 ? 0 : fake_port(&one), fake_port(&one)};
            const struct dkv_options options = {.io = io};
            drivers[i] = driver_of(fixture_client_of(fixture_endpoints(ports, 2), &options),
                                   i % 2 == 0 ? DKV_PUT : DKV_GET);
        }
        for (size_t i = 0; i < 4; i++)
            driver_submit(&drivers[i]);
        sleep_ms(round % 10);
        for (size_t i = 0; i < 4; i++)
            dkv_close(drivers[i].client);
        for (size_t i = 0; i < 4; i++)
            assert_int_equal(counter_get(&drivers[i].refused), 1);
    }
    dkv_io_close(io);
}

static void test_nothing_to_close(void **state)
{
    (void)state;
    dkv_close(NULL);
    dkv_io_close(NULL);
    dkv_close(fixture_client(NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST_ONE(test_calls_under_way),
        FIXTURE_TEST_ONE(test_pauses),
        FIXTURE_TEST_ONE(test_at_any_moment),
        FIXTURE_TEST_ONE(test_nothing_to_close),
    };
    return cmocka_run_group_tests(tests, world_setup, world_teardown);
}
