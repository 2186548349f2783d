/* batch_test.c -- KV.Batch on one node: many operations on one stream, and its bad days. */
#define _GNU_SOURCE
#include "world.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "node/monotime.h"
#include "service/unread.h"
#include "wire/batch_wire.h"

#define WAIT_NS (10 * MONOTIME_S)
#define NUMBERS_MAX 4096

/* One stream as a client has it. Answers are counted as they come. */
struct lane {
    struct rpc_stream *stream;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool reads; /* Ask for the next message by itself. */
    uint32_t messages;
    uint32_t answers;
    uint32_t written;
    bool is_over;
    enum rpc_status end;
    char text[256];
    uint8_t seen[NUMBERS_MAX]; /* Times that each number was answered. */
    uint32_t codes[NUMBERS_MAX];
    char words[NUMBERS_MAX][16]; /* Start of each read's value. */
    char why[512];               /* Of the last error. */
    char reason[64];
    uint64_t omitted;
};

static void lane_take(struct lane *lane, const struct wire_batch_answer *a)
{
    struct wire_arena arena;
    struct wire_error error;
    assert_true(a->number < NUMBERS_MAX);
    lane->answers++;
    lane->seen[a->number]++;
    lane->codes[a->number] = a->code;
    wire_arena_init(&arena);
    if (a->code != 0) {
        snprintf(lane->why, sizeof(lane->why), "%s", a->text);
        snprintf(lane->reason, sizeof(lane->reason), "%s", a->reason);
    } else if (a->is_get) {
        struct wire_get_answer read;
        assert_int_equal(wire_decode_get_answer(a->body, &arena, &read, &error), 0);
        snprintf(lane->words[a->number], sizeof(lane->words[0]), "%.*s",
                 (int)(read.value.size < 15 ? read.value.size : 15),
                 read.value.size > 0 ? (const char *)read.value.data : "");
    } else {
        struct wire_write_answer write;
        assert_int_equal(wire_decode_write_answer(a->body, &arena, &write, &error), 0);
        lane->omitted += write.omitted;
    }
    wire_arena_fini(&arena);
}

static void lane_on_message(void *context, struct rpc_stream *stream, struct bytes message)
{
    struct lane *lane = context;
    struct wire_batch_answer a;
    struct wire_error error;
    pthread_mutex_lock(&lane->lock);
    lane->messages++;
    int err = 0;
    while ((err = wire_batch_next_answer(&message, &a, &error)) == 0)
        lane_take(lane, &a);
    bool reads = lane->reads;
    pthread_cond_broadcast(&lane->changed);
    pthread_mutex_unlock(&lane->lock);
    assert_int_equal(err, ERR_NOT_FOUND);
    if (reads)
        err = rpc_stream_read_next(stream);
}

static void lane_on_written(void *context, struct rpc_stream *stream)
{
    struct lane *lane = context;
    (void)stream;
    pthread_mutex_lock(&lane->lock);
    lane->written++;
    pthread_cond_broadcast(&lane->changed);
    pthread_mutex_unlock(&lane->lock);
}

static void lane_on_close(void *context, struct rpc_stream *stream, enum rpc_status status,
                          const char *text)
{
    struct lane *lane = context;
    (void)stream;
    pthread_mutex_lock(&lane->lock);
    lane->is_over = true;
    lane->end = status;
    snprintf(lane->text, sizeof(lane->text), "%s", text);
    pthread_cond_broadcast(&lane->changed);
    pthread_mutex_unlock(&lane->lock);
}

static const struct rpc_stream_events lane_events = {
    .on_message = lane_on_message,
    .on_written = lane_on_written,
    .on_close = lane_on_close,
};

static bool lane_has(struct lane *lane, const uint32_t *what, uint32_t at_least)
{
    uint64_t until_ns = monotime_ns() + WAIT_NS;
    pthread_mutex_lock(&lane->lock);
    while (*what < at_least && !lane->is_over && monotime_ns() < until_ns) {
        struct timespec soon;
        clock_gettime(CLOCK_REALTIME, &soon);
        soon.tv_sec++;
        pthread_cond_timedwait(&lane->changed, &lane->lock, &soon);
    }
    bool has = *what >= at_least;
    pthread_mutex_unlock(&lane->lock);
    return has;
}

static bool lane_is_over(struct lane *lane)
{
    uint32_t never = 0;
    (void)lane_has(lane, &never, 1);
    pthread_mutex_lock(&lane->lock);
    bool is_over = lane->is_over;
    pthread_mutex_unlock(&lane->lock);
    return is_over;
}

static uint32_t lane_written(struct lane *lane)
{
    pthread_mutex_lock(&lane->lock);
    uint32_t written = lane->written;
    pthread_mutex_unlock(&lane->lock);
    return written;
}

static struct lane *lane_open(void)
{
    struct lane *lane = mem_alloc_zero(sizeof(*lane));
    pthread_mutex_init(&lane->lock, NULL);
    pthread_cond_init(&lane->changed, NULL);
    lane->reads = true;
    assert_int_equal(rpc_channel_stream(world.nodes[0].channel, WIRE_KV_BATCH, &lane_events, lane,
                                        &lane->stream),
                     0);
    assert_int_equal(rpc_stream_read_next(lane->stream), 0);
    /* The first message says that operations may come. */
    assert_true(lane_has(lane, &lane->messages, 1));
    assert_int_equal(lane->answers, 0);
    return lane;
}

static void lane_close(struct lane *lane)
{
    rpc_stream_cancel(lane->stream);
    assert_true(lane_is_over(lane));
    rpc_stream_release(lane->stream);
    pthread_mutex_destroy(&lane->lock);
    pthread_cond_destroy(&lane->changed);
    mem_free(lane);
}

static void lane_write(struct lane *lane, struct wire_list *list)
{
    uint32_t written = lane_written(lane);
    assert_int_equal(rpc_stream_write(lane->stream, &list->buf), 0);
    assert_true(lane_has(lane, &lane->written, written + 1));
    wire_list_fini(list);
}

static void add_put(struct wire_list *list, uint64_t number, const char *key, struct bytes value)
{
    struct command c = {.kind = COMMAND_PUT, .key = bytes_of(key), .value = value};
    assert_int_equal(wire_batch_add_write(list, number, 0, &c), 0);
}

static void add_get(struct wire_list *list, uint64_t number, const char *key)
{
    struct wire_get g = {.key = bytes_of(key)};
    assert_int_equal(wire_batch_add_get(list, number, 0, &g), 0);
}

/* Each of a thousand is answered once, and far fewer messages than operations come back. */
static void test_many_in_one_message(void **state)
{
    (void)state;
    struct lane *lane = lane_open();
    struct wire_list list = {0};
    char key[16];
    for (uint64_t i = 0; i < 500; i++) {
        snprintf(key, sizeof(key), "key%03u", (unsigned)i);
        add_put(&list, i, key, bytes_of(key));
    }
    lane_write(lane, &list);
    assert_true(lane_has(lane, &lane->answers, 500));
    for (uint64_t i = 0; i < 500; i++) {
        snprintf(key, sizeof(key), "key%03u", (unsigned)i);
        add_get(&list, 1000 + i, key);
    }
    lane_write(lane, &list);
    assert_true(lane_has(lane, &lane->answers, 1000));
    for (uint64_t i = 0; i < 500; i++) {
        snprintf(key, sizeof(key), "key%03u", (unsigned)i);
        assert_int_equal(lane->seen[i], 1);
        assert_int_equal(lane->codes[i], 0);
        assert_int_equal(lane->seen[1000 + i], 1);
        assert_string_equal(lane->words[1000 + i], key);
    }
    assert_true(lane->messages < 200);
    lane_close(lane);
}

/* What is wrong with one is that one's answer, in the words of a call of its own. */
static void test_failures_are_of_one_operation(void **state)
{
    (void)state;
    struct lane *lane = lane_open();
    struct wire_list list = {0};
    add_put(&list, 1, "good", bytes_of("1"));
    add_put(&list, 2, "", bytes_of("no key"));
    struct command stale = {.kind = COMMAND_PUT,
                            .key = bytes_of("s"),
                            .client_id = bytes_of("batch client"),
                            .op_id = 2000,
                            .floor = 1,
                            .born = 1};
    assert_int_equal(wire_batch_add_write(&list, 3, 0, &stale), 0);
    lane_write(lane, &list);
    assert_true(lane_has(lane, &lane->answers, 3));
    assert_int_equal(lane->codes[1], RPC_OK);
    assert_int_equal(lane->codes[2], RPC_INVALID_ARGUMENT);
    assert_int_equal(lane->codes[3], RPC_INVALID_ARGUMENT);
    assert_non_null(strstr(lane->why, "op_id is too far above floor"));

    stale.op_id = 5;
    stale.floor = 5;
    assert_int_equal(wire_batch_add_write(&list, 4, 0, &stale), 0);
    lane_write(lane, &list);
    assert_true(lane_has(lane, &lane->answers, 4));
    stale.op_id = 4;
    stale.floor = 4;
    assert_int_equal(wire_batch_add_write(&list, 5, 0, &stale), 0);
    lane_write(lane, &list);
    assert_true(lane_has(lane, &lane->answers, 5));
    assert_int_equal(lane->codes[4], RPC_OK);
    assert_int_equal(lane->codes[5], RPC_FAILED_PRECONDITION);
    assert_string_equal(lane->reason, "STALE");

    /* An operation of a newer client: {number: 6, 8: {}}. */
    assert_int_equal(
        buf_append(&list.buf, (struct bytes){(const uint8_t *)"\x0a\x04\x08\x06\x42", 6}), 0);
    lane_write(lane, &list);
    assert_true(lane_has(lane, &lane->answers, 6));
    assert_int_equal(lane->codes[6], RPC_UNIMPLEMENTED);
    lane_close(lane);
}

static void test_bytes_that_are_none_of_ours_end_the_stream(void **state)
{
    (void)state;
    struct lane *lane = lane_open();
    struct wire_list list = {0};
    add_put(&list, 1, "not done", bytes_of("1"));
    assert_int_equal(buf_append(&list.buf, bytes_of("\x0a\x01\xff")), 0);
    lane_write(lane, &list);
    assert_true(lane_is_over(lane));
    assert_int_equal(lane->end, RPC_INVALID_ARGUMENT);
    assert_int_equal(lane->answers, 0);
    lane_close(lane);
    char value[8];
    assert_int_equal(world_get(&world, 0, "not done", WIRE_BARRIER, WAIT_NS, value, sizeof(value)),
                     RPC_OK);
    assert_string_equal(value, "");
}

/* The node has room for a thousand at once; what is beyond is told so, and nothing else is. */
static void test_too_many_are_refused_one_by_one(void **state)
{
    (void)state;
    struct lane *lane = lane_open();
    struct wire_list list = {0};
    for (uint64_t i = 0; i < WIRE_BATCH_OPS_MAX; i++)
        add_put(&list, i, "many", bytes_of("1"));
    lane_write(lane, &list);
    assert_true(lane_has(lane, &lane->answers, WIRE_BATCH_OPS_MAX));
    uint32_t refused = 0;
    for (uint64_t i = 0; i < WIRE_BATCH_OPS_MAX; i++) {
        refused += lane->codes[i] == RPC_RESOURCE_EXHAUSTED;
        assert_true(lane->codes[i] == RPC_OK || lane->codes[i] == RPC_RESOURCE_EXHAUSTED);
    }
    assert_int_equal(refused, WIRE_BATCH_OPS_MAX - world.nodes[0].config.queue_ops);
    lane_close(lane);
}

/* "I send no more": what is under way is answered, then the stream ends well. */
static void test_half_closed(void **state)
{
    (void)state;
    struct lane *lane = lane_open();
    struct wire_list list = {0};
    for (uint64_t i = 0; i < 100; i++)
        add_put(&list, i, "half", bytes_of("1"));
    lane_write(lane, &list);
    rpc_stream_end(lane->stream, RPC_OK, NULL);
    assert_true(lane_is_over(lane));
    assert_int_equal(lane->end, RPC_OK);
    assert_int_equal(lane->answers, 100);
    lane_close(lane);
}

/* Whoever goes away in the middle leaves nothing behind but what was done. */
static void test_cancelled(void **state)
{
    (void)state;
    for (int round = 0; round < 20; round++) {
        struct lane *lane = lane_open();
        struct wire_list list = {0};
        for (uint64_t i = 0; i < 40; i++)
            add_put(&list, i, "gone", bytes_of("1"));
        lane_write(lane, &list);
        lane_close(lane);
    }
    assert_int_equal(world_put(&world, 0, "gone", "2"), RPC_OK);
}

/*
 * A client that asks for much and reads nothing: the node stops to read, and keeps no more than its
 * bound; when the client reads after all, each operation that was taken has its answer.
 */
static void test_a_client_that_does_not_read(void **state)
{
    (void)state;
    static uint8_t large[1 << 20];
    struct lane *lane = lane_open();
    struct wire_list list = {0};
    add_put(&list, 0, "large", (struct bytes){.data = large, .size = sizeof(large)});
    lane_write(lane, &list);
    assert_true(lane_has(lane, &lane->answers, 1));
    pthread_mutex_lock(&lane->lock);
    lane->reads = false;
    pthread_mutex_unlock(&lane->lock);
    for (uint64_t i = 1; i <= 60; i++)
        add_get(&list, i, "large");
    lane_write(lane, &list);
    /* Asks for one more, so that the node has said something; then for nothing. */
    assert_true(lane_has(lane, &lane->messages, 3));
    /* One more of these may be taken; then the transport is full. */
    uint32_t sent = 60;
    for (uint64_t i = 0; i < 20; i++) {
        struct command c = {.kind = COMMAND_APPEND, .key = bytes_of("some")};
        c.value = (struct bytes){.data = large, .size = 100000};
        assert_int_equal(wire_batch_add_write(&list, 100 + i, 0, &c), 0);
        uint32_t written = lane_written(lane);
        assert_int_equal(rpc_stream_write(lane->stream, &list.buf), 0);
        wire_list_fini(&list);
        sent++;
        usleep(100000);
        if (lane_written(lane) == written)
            break;
    }
    assert_true(sent < 80); /* Else nobody stopped us. */
    pthread_mutex_lock(&lane->lock);
    lane->reads = true;
    pthread_mutex_unlock(&lane->lock);
    assert_int_equal(rpc_stream_read_next(lane->stream), 0);
    assert_true(lane_has(lane, &lane->answers, 1 + sent));
    uint32_t refused = 0;
    for (uint64_t i = 1; i <= 60; i++)
        refused += lane->codes[i] == RPC_RESOURCE_EXHAUSTED;
    assert_in_range(refused, 30, 50); /* 16 MiB are kept, and the transport has some. */
    lane_close(lane);
}

#define CROWD 40

/* The answers that wait for all of them together are bounded, and there is room for small ones. */
static void test_a_crowd_that_does_not_read(void **state)
{
    (void)state;
    static uint8_t large[1 << 20];
    struct node *n = world.nodes[0].node;
    struct lane *lanes[CROWD];
    struct lane *reader = lane_open();
    struct wire_list list = {0};
    add_put(&list, 0, "large", (struct bytes){.data = large, .size = sizeof(large)});
    add_put(&list, 1, "small", (struct bytes){.data = large, .size = 1000});
    lane_write(reader, &list);
    assert_true(lane_has(reader, &reader->answers, 2));
    for (uint32_t i = 0; i < CROWD; i++) {
        lanes[i] = lane_open();
        pthread_mutex_lock(&lanes[i]->lock);
        lanes[i]->reads = false;
        pthread_mutex_unlock(&lanes[i]->lock);
        for (uint64_t j = 1; j <= 20; j++)
            add_get(&list, j, "large");
        lane_write(lanes[i], &list);
        assert_true(atomic_load(node_unread(n)) <= UNREAD_MAX);
    }
    /* The reader is behind all that was asked before. */
    add_get(&list, 2, "small");
    lane_write(reader, &list);
    assert_true(lane_has(reader, &reader->answers, 3));
    assert_int_equal(reader->codes[2], RPC_OK);
    assert_in_range(atomic_load(node_unread(n)), UNREAD_MAX / 2, UNREAD_MAX);
    for (uint32_t i = 0; i < CROWD; i++)
        lane_close(lanes[i]);
    lane_close(reader);
    for (uint64_t until_ns = monotime_ns() + WAIT_NS;
         atomic_load(node_unread(n)) > 0 && monotime_ns() < until_ns;)
        usleep(1000);
    assert_int_equal(atomic_load(node_unread(n)), 0);
}

/* Of calls as well: no value leaves for which there is no room, and the rest does. */
static void test_no_room_for_values(void **state)
{
    (void)state;
    static char large[100001];
    struct world *w = &world;
    char value[16];
    memset(large, 'x', sizeof(large) - 1);
    assert_int_equal(world_put(w, 0, "large", large), RPC_OK);
    assert_int_equal(world_put(w, 0, "small", "here"), RPC_OK);
    unread_add(w->nodes[0].node, UNREAD_MAX - 8 * 50000);
    assert_int_equal(world_get(w, 0, "small", WIRE_BARRIER, WAIT_NS, value, sizeof(value)), RPC_OK);
    assert_string_equal(value, "here");
    assert_int_equal(world_get(w, 0, "large", WIRE_BARRIER, WAIT_NS, value, sizeof(value)),
                     RPC_RESOURCE_EXHAUSTED);
    const struct command c = {
        .kind = COMMAND_APPEND,
        .key = bytes_of("large"),
        .value = bytes_of("y"),
    };
    for (int full = 1; full >= 0; full--) {
        struct rpc_result result;
        struct wire_arena arena;
        struct wire_error error;
        struct wire_write_answer answer;
        assert_int_equal(world_write(w, 0, &c, WAIT_NS, &result), RPC_OK);
        wire_arena_init(&arena);
        assert_int_equal(wire_decode_write_answer(buf_bytes(&result.body), &arena, &answer, &error),
                         0);
        assert_int_equal(answer.omitted, full);
        assert_int_equal(answer.has_output, !full);
        wire_arena_fini(&arena);
        buf_fini(&result.body);
        if (full)
            unread_remove(w->nodes[0].node, UNREAD_MAX - 8 * 50000);
    }
    assert_int_equal(world_get(w, 0, "large", WIRE_BARRIER, WAIT_NS, value, sizeof(value)), RPC_OK);
}

/*
 * A client that says it sends nothing before it has its answer is read on after the answer; one
 * that breaks its word waits a little, and no longer, whatever becomes of the first operation.
 */
static void test_alone(void **state)
{
    (void)state;
    struct lane *lane = lane_open();
    for (uint64_t i = 0; i < 50; i++) {
        struct wire_list list = {0};
        add_put(&list, i, "alone", bytes_of("1"));
        assert_int_equal(wire_batch_add_alone(&list), 0);
        lane_write(lane, &list);
        assert_true(lane_has(lane, &lane->answers, (uint32_t)i + 1));
        assert_int_equal(lane->codes[i], RPC_OK);
    }

    /* A read that waits for a slot that does not come, and a write behind it. */
    struct wire_list first = {0};
    struct wire_list second = {0};
    struct wire_get g = {.key = bytes_of("k"), .consistency = WIRE_SEQUENTIAL, .min_slot = 1000000};
    assert_int_equal(wire_batch_add_get(&first, 60, 5000, &g), 0);
    assert_int_equal(wire_batch_add_alone(&first), 0);
    add_put(&second, 61, "k", bytes_of("1"));
    lane_write(lane, &first);
    lane_write(lane, &second);
    assert_true(lane_has(lane, &lane->answers, 51));
    assert_int_equal(lane->seen[61], 1);
    assert_int_equal(lane->codes[61], RPC_OK);
    assert_int_equal(lane->seen[60], 0);
    lane_close(lane);
}

/* A node that stops says so of each operation; the stream ends with the node. */
static void test_a_node_that_stops(void **state)
{
    (void)state;
    struct lane *lane = lane_open();
    struct wire_list list = {0};
    uint32_t sent = 0;
    node_stop(world.nodes[0].node);
    for (uint64_t i = 0; i < 50; i++) {
        add_put(&list, i, "late", bytes_of("1"));
        if (rpc_stream_write(lane->stream, &list.buf) == 0)
            sent++;
        wire_list_fini(&list);
        usleep(1000);
    }
    assert_true(sent > 0);
    world_stop(&world, 0);
    assert_true(lane_is_over(lane));
    for (uint64_t i = 0; i < 50; i++) {
        if (lane->seen[i] == 0)
            continue;
        assert_true(lane->codes[i] == RPC_OK || lane->codes[i] == RPC_UNAVAILABLE);
        if (lane->codes[i] == RPC_UNAVAILABLE)
            assert_string_equal(lane->reason, WIRE_REASON_NOT_APPLIED);
    }
    lane_close(lane);
    world_start(&world, 0);
    world_wait_ready(&world, 0);
}

int main(void)
{
    world_begin();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_many_in_one_message),
        cmocka_unit_test(test_failures_are_of_one_operation),
        cmocka_unit_test(test_bytes_that_are_none_of_ours_end_the_stream),
        cmocka_unit_test(test_too_many_are_refused_one_by_one),
        cmocka_unit_test(test_half_closed),
        cmocka_unit_test(test_cancelled),
        cmocka_unit_test(test_a_client_that_does_not_read),
        cmocka_unit_test(test_a_crowd_that_does_not_read),
        cmocka_unit_test(test_no_room_for_values),
        cmocka_unit_test(test_alone),
        cmocka_unit_test(test_a_node_that_stops),
    };
    int failed = cmocka_run_group_tests(tests, world_setup_alone, world_teardown);
    return failed != 0 || mem_outstanding() != 0;
}
