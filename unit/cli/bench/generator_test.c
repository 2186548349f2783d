/*
 * generator_test.c -- the generator against a store that is not there: a thread that answers each
 * operation after a while, or as a test wants it.
 */
#include "../../unit.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cli/bench/generator.h"
#include "cli/scenarios/moment.h"

#define QUEUE_MAX 256

/* What the store does with an operation. */
static struct {
    uint64_t delay_ns;
    uint64_t stall_after_ns; /* Since it was opened: answer nothing, */
    uint64_t stall_ns;       /* for so long; 0: never. */
    uint32_t fail_every;     /* One of so many; 0: none. */
    uint32_t busy_every;
} behaviour;

/* What it saw. */
static struct {
    uint64_t submitted;
    uint64_t puts;
    uint32_t under_way;
    uint32_t under_way_most;
    uint32_t clients;
    uint32_t home_clients[3];
    bool keys[1000];
    bool bad_key;
} seen;

struct target {
    pthread_t thread;
    pthread_mutex_t lock;
    uint64_t opened_ns;
    bool closing;
    size_t count;
    struct target_op *queue[QUEUE_MAX];
    uint64_t due_ns[QUEUE_MAX];
};

struct target_client {
    struct target *target;
};

/* The first that is due, or NULL. */
static struct target_op *take_due(struct target *t)
{
    uint64_t now_ns = moment_now_ns();
    struct target_op *op = NULL;
    uint64_t since_ns = now_ns - t->opened_ns;
    bool stalled = since_ns >= behaviour.stall_after_ns &&
                   since_ns < behaviour.stall_after_ns + behaviour.stall_ns;
    pthread_mutex_lock(&t->lock);
    for (size_t i = 0; i < t->count && op == NULL && !stalled; i++) {
        if (t->due_ns[i] > now_ns)
            continue;
        op = t->queue[i];
        t->count--;
        t->queue[i] = t->queue[t->count];
        t->due_ns[i] = t->due_ns[t->count];
        seen.under_way--;
    }
    pthread_mutex_unlock(&t->lock);
    return op;
}

static void *store_run(void *context)
{
    struct target *t = context;
    uint32_t answered = 0;
    for (;;) {
        struct target_op *op = take_due(t);
        if (op == NULL) {
            pthread_mutex_lock(&t->lock);
            bool closing = t->closing;
            pthread_mutex_unlock(&t->lock);
            if (closing)
                return NULL;
            moment_sleep_until_ns(moment_now_ns() + MOMENT_MS / 5);
            continue;
        }
        answered++;
        bool fails = behaviour.fail_every > 0 && answered % behaviour.fail_every == 0;
        op->on_done(op, &(struct target_result){.ok = !fails, .found = true, .text = "no"});
    }
}

static int store_open(const struct target_options *options, struct target **out_target)
{
    (void)options;
    struct target *t = mem_alloc_zero(sizeof(*t));
    assert_non_null(t);
    pthread_mutex_init(&t->lock, NULL);
    t->opened_ns = moment_now_ns();
    assert_int_equal(pthread_create(&t->thread, NULL, store_run, t), 0);
    *out_target = t;
    return 0;
}

static void store_close(struct target *t)
{
    if (t == NULL)
        return;
    pthread_mutex_lock(&t->lock);
    t->closing = true;
    pthread_mutex_unlock(&t->lock);
    pthread_join(t->thread, NULL);
    assert_int_equal(t->count, 0);
    pthread_mutex_destroy(&t->lock);
    mem_free(t);
}

static int store_client_open(struct target *t, uint32_t home, struct target_client **out_client)
{
    struct target_client *c = mem_alloc_zero(sizeof(*c));
    assert_non_null(c);
    c->target = t;
    seen.clients++;
    seen.home_clients[home]++;
    *out_client = c;
    return 0;
}

static void store_client_close(struct target_client *c)
{
    mem_free(c);
}

static void look_at_key(struct bytes key)
{
    char text[17] = "";
    if (key.size != 16 || memcmp(key.data, "bench", 5) != 0) {
        seen.bad_key = true;
        return;
    }
    memcpy(text, key.data, 16);
    unsigned long number = strtoul(text + 5, NULL, 10);
    if (number < 1000)
        seen.keys[number] = true;
    else
        seen.bad_key = true;
}

static int store_submit(struct target_client *c, struct target_op *op)
{
    struct target *t = c->target;
    pthread_mutex_lock(&t->lock);
    seen.submitted++;
    bool busy = behaviour.busy_every > 0 && seen.submitted % behaviour.busy_every == 0;
    if (!busy) {
        assert_true(t->count < QUEUE_MAX);
        t->queue[t->count] = op;
        t->due_ns[t->count] = moment_now_ns() + behaviour.delay_ns;
        t->count++;
        seen.under_way++;
        seen.puts += op->is_put;
        if (seen.under_way > seen.under_way_most)
            seen.under_way_most = seen.under_way;
        look_at_key(op->key);
    }
    pthread_mutex_unlock(&t->lock);
    return busy ? ERR_BUSY : 0;
}

static void store_tick(struct target *t)
{
    (void)t;
}

static const struct target_kind store = {
    .name = "store",
    .open = store_open,
    .close = store_close,
    .client_open = store_client_open,
    .client_close = store_client_close,
    .submit = store_submit,
    .tick = store_tick,
};

static struct generator_options options;
static struct endpoints endpoints;
static struct cpu_pids no_servers;
static struct generator_result result;

static int setup(void **state)
{
    (void)state;
    memset(&behaviour, 0, sizeof(behaviour));
    memset(&seen, 0, sizeof(seen));
    memset(&result, 0, sizeof(result));
    behaviour.delay_ns = MOMENT_MS;
    assert_int_equal(endpoints_parse("a:1,b:2,c:3", &endpoints, NULL), 0);
    options = (struct generator_options){
        .kind = &store,
        .target = {.endpoints = &endpoints, .timeout_ms = 1000},
        .pin = -1,
        .clients = 7,
        .pipeline = 1,
        .puts = 1,
        .keys = 1000,
        .key_size = 16,
        .value_size = 10,
        .duration_ns = 300 * MOMENT_MS,
        .servers = &no_servers,
    };
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    tally_fini(&result.tally);
    return 0;
}

static void run_it(void)
{
    pid_t missing = 0;
    assert_int_equal(generator_run(&options, NULL, NULL, &result, &missing), 0);
    assert_false(seen.bad_key);
    assert_int_equal(seen.under_way, 0);
    assert_int_equal(seen.clients, options.clients);
}

static void test_closed_loop(void **state)
{
    (void)state;
    run_it();
    assert_true(result.tally.ops > 0);
    assert_true(result.tally.ops <= seen.submitted);
    assert_int_equal(seen.puts, seen.submitted);
    assert_int_equal(seen.under_way_most, 7);
    assert_int_equal(result.tally.errors, 0);
    assert_int_equal(histogram_count(&result.tally.latencies), result.tally.ops);
    assert_true(histogram_quantile_ns(&result.tally.latencies, 1) >= MOMENT_MS);
    assert_int_equal(seen.home_clients[0], 3);
    assert_int_equal(seen.home_clients[1], 2);
    assert_int_equal(result.home_clients[2], 2);
}

static void test_pipeline_and_pin(void **state)
{
    (void)state;
    options.pipeline = 5;
    options.pin = 1;
    options.warm_up_ns = 50 * MOMENT_MS;
    run_it();
    assert_int_equal(seen.under_way_most, 35);
    assert_int_equal(seen.home_clients[1], 7);
    assert_int_equal(result.home_clients[1], 7);
    assert_true(result.tally.ops < seen.submitted);
}

static void test_fill(void **state)
{
    (void)state;
    options.fill = true;
    options.duration_ns = 60 * MOMENT_S;
    behaviour.delay_ns = 0;
    run_it();
    assert_int_equal(seen.submitted, 1000);
    for (size_t i = 0; i < 1000; i++)
        assert_true(seen.keys[i]);
    assert_int_equal(result.failed, 0);
}

static void test_fill_gives_up(void **state)
{
    (void)state;
    options.fill = true;
    options.duration_ns = 60 * MOMENT_S;
    behaviour.fail_every = 1;
    run_it();
    assert_true(result.failed > 0);
    assert_string_equal(result.error, "no");
}

static void test_mix(void **state)
{
    (void)state;
    options.puts = 1;
    options.gets = 3;
    behaviour.delay_ns = 0;
    run_it();
    assert_true(seen.submitted >= 200);
    assert_in_range(seen.puts, seen.submitted / 10, seen.submitted / 2);
}

/* One failure in two: each costs its client a pause. */
static void test_failures(void **state)
{
    (void)state;
    behaviour.fail_every = 2;
    run_it();
    assert_true(result.tally.errors > 0);
    assert_true(result.failed >= result.tally.errors);
    assert_string_equal(result.error, "no");
    assert_true(result.tally.errors <= 7 * 30 + 7);
}

/* What the target was too busy for is submitted again, and is no failure. */
static void test_busy(void **state)
{
    (void)state;
    behaviour.busy_every = 3;
    run_it();
    assert_true(result.tally.ops > 7);
    assert_int_equal(result.failed, 0);
    /* It waited for the tick; its latency tells. */
    assert_true(result.tally.max_ns > 2 * MOMENT_MS);
}

static void test_open_loop_holds_its_rate(void **state)
{
    (void)state;
    options.rate_per_s = 1000;
    run_it();
    /* 300 are due; the last may still be under way at the end. */
    assert_in_range(seen.submitted, 150, 301);
    assert_true(result.tally.ops + result.backlog <= 301);
}

/* A stall shows in all that was due meanwhile, not only in what was under way. */
static void test_open_loop_shows_a_stall(void **state)
{
    (void)state;
    options.rate_per_s = 1000;
    options.duration_ns = 500 * MOMENT_MS;
    behaviour.stall_after_ns = 100 * MOMENT_MS;
    behaviour.stall_ns = 200 * MOMENT_MS;
    run_it();
    const struct histogram *h = &result.tally.latencies;
    uint64_t slow = histogram_count(h) - histogram_count_up_to(h, 50 * MOMENT_MS);
    assert_true(slow >= 100);
    assert_true(result.tally.max_ns >= 150 * MOMENT_MS);
    assert_true(result.tally.gap.longest_ns >= 150 * MOMENT_MS);
}

/* It never comes back within the window: what was due and not sent is owned up to. */
static void test_open_loop_backlog(void **state)
{
    (void)state;
    options.rate_per_s = 1000;
    behaviour.stall_after_ns = 100 * MOMENT_MS;
    behaviour.stall_ns = 300 * MOMENT_MS;
    run_it();
    assert_true(result.backlog >= 100);
    assert_true(result.tally.max_ns >= 180 * MOMENT_MS);
}

static void test_a_server_that_is_not_there(void **state)
{
    (void)state;
    struct cpu_pids servers = {.count = 1, .pids = {CPU_PID_MAX}};
    pid_t missing = 0;
    options.servers = &servers;
    assert_int_equal(generator_run(&options, NULL, NULL, &result, &missing), ERR_NOT_FOUND);
    assert_int_equal(missing, CPU_PID_MAX);
    assert_int_equal(seen.under_way, 0);
}

static void test_key_sizes(void **state)
{
    (void)state;
    assert_int_equal(generator_key_size_min(1), 1);
    assert_int_equal(generator_key_size_min(10), 1);
    assert_int_equal(generator_key_size_min(11), 2);
    assert_int_equal(generator_key_size_min(10000), 4);
    assert_int_equal(generator_key_size_min(10001), 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_closed_loop),
        TEST(test_pipeline_and_pin),
        TEST(test_fill),
        TEST(test_fill_gives_up),
        TEST(test_mix),
        TEST(test_failures),
        TEST(test_busy),
        TEST(test_open_loop_holds_its_rate),
        TEST(test_open_loop_shows_a_stall),
        TEST(test_open_loop_backlog),
        TEST(test_a_server_that_is_not_there),
        cmocka_unit_test(test_key_sizes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
