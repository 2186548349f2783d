/*
 * strangers_test.c -- a cluster, and who opens peers' streams to it without being a peer.
 */
#define _GNU_SOURCE
#include "world.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "node/monotime.h"
#include "wire/paxos_wire.h"

#define WAIT_NS (5 * MONOTIME_S)
/* As many as may be held, and some. */
#define SILENT_COUNT (NODE_LINKS_MAX + 4)
/* Until a silent one would be ended anyhow, less what a slow machine takes. */
#define AT_ONCE_NS (2 * MONOTIME_S)

struct stranger {
    struct rpc_stream *stream;
    _Atomic bool is_over;
    enum rpc_status end; /* Before is_over. */
    char text[RPC_TEXT_SIZE_MAX + 1];
};

static void on_message(void *context, struct rpc_stream *stream, struct bytes message)
{
    (void)context;
    (void)message;
    int err = rpc_stream_read_next(stream);
    (void)err;
}

static void on_close(void *context, struct rpc_stream *stream, enum rpc_status status,
                     const char *text)
{
    (void)stream;
    struct stranger *s = context;
    s->end = status;
    snprintf(s->text, sizeof(s->text), "%s", text);
    s->is_over = true;
}

static const struct rpc_stream_events events = {
    .on_message = on_message,
    .on_close = on_close,
};

static bool is_so_within(const _Atomic bool *what, uint64_t wait_ns)
{
    uint64_t until_ns = monotime_ns() + wait_ns;
    while (!*what && monotime_ns() < until_ns)
        usleep(1000);
    return *what;
}

static void stranger_begin(struct stranger *s)
{
    assert_int_equal(
        rpc_channel_stream(world.nodes[0].channel, WIRE_PAXOS_STREAM, &events, s, &s->stream), 0);
    assert_int_equal(rpc_stream_read_next(s->stream), 0);
}

static void stranger_end(struct stranger *s)
{
    rpc_stream_cancel(s->stream);
    assert_true(is_so_within(&s->is_over, WAIT_NS));
    rpc_stream_release(s->stream);
}

static int setup(void **state)
{
    (void)state;
    world_open(&world, 3, false);
    return 0;
}

/* Whoever says nothing takes the room of nobody for longer than there is need. */
static void test_silence_keeps_no_peer_out(void **state)
{
    (void)state;
    static struct stranger silent[SILENT_COUNT];
    world_stop(&world, 1);
    uint64_t began_ns = monotime_ns();
    for (int i = 0; i < SILENT_COUNT; i++)
        stranger_begin(&silent[i]);
    /* The first ones make room for the last. */
    assert_true(is_so_within(&silent[0].is_over, AT_ONCE_NS));
    assert_int_equal(silent[0].end, RPC_RESOURCE_EXHAUSTED);
    assert_true(monotime_ns() - began_ns < AT_ONCE_NS);
    world_start(&world, 1);
    world_wait_ready(&world, 1);
    for (int i = 0; i < SILENT_COUNT; i++)
        stranger_end(&silent[i]);
    assert_int_equal(world_put(&world, 1, "k", "v"), RPC_OK);
}

/* Says something that is no Hello, and is ended for it. */
static void break_one(void)
{
    struct stranger s = {.stream = NULL};
    struct buf nonsense = {0};
    stranger_begin(&s);
    assert_int_equal(buf_append(&nonsense, bytes_of("\xff\xff\xff")), 0);
    assert_int_equal(rpc_stream_write(s.stream, &nonsense), 0);
    assert_true(is_so_within(&s.is_over, WAIT_NS));
    assert_int_equal(s.end, RPC_INVALID_ARGUMENT);
    buf_fini(&nonsense);
    stranger_end(&s);
}

/* Lines with these words in what was logged into a file; *out_left_out: the sum they tell of. */
static unsigned count_lines(FILE *f, const char *words, unsigned *out_left_out)
{
    char line[LOG_LINE_MAX];
    unsigned count = 0;
    *out_left_out = 0;
    rewind(f);
    while (fgets(line, sizeof(line), f) != NULL) {
        if (strstr(line, words) == NULL)
            continue;
        unsigned left_out = 0;
        const char *field = strstr(line, "left_out=");
        assert_non_null(field);
        assert_int_equal(sscanf(field, "left_out=%u", &left_out), 1);
        *out_left_out += left_out;
        count++;
    }
    return count;
}

/* A few lines, then one a second, and none is forgotten. */
static void test_strangers_do_not_fill_the_log(void **state)
{
    (void)state;
    enum { STRANGERS = 40, AT_ONCE = 10 };
    FILE *f = tmpfile();
    int stderr_before = dup(STDERR_FILENO);
    assert_non_null(f);
    /* All nodes rest while the log is turned over. */
    for (uint32_t i = 0; i < world.count; i++)
        world_stop(&world, i);
    assert_int_equal(dup2(fileno(f), STDERR_FILENO), STDERR_FILENO);
    log_setup(LOG_FORMAT_TEXT, LOG_WARN, 0);
    world_start(&world, 0);
    uint64_t began_ns = monotime_ns();
    for (int i = 0; i < STRANGERS; i++)
        break_one();
    uint64_t took_s = (monotime_ns() - began_ns) / MONOTIME_S;
    usleep(1100 * 1000);
    break_one();
    world_stop(&world, 0);
    assert_int_equal(dup2(stderr_before, STDERR_FILENO), STDERR_FILENO);
    close(stderr_before);
    log_setup(LOG_FORMAT_TEXT, LOG_ERROR, 0);
    unsigned left_out = 0;
    unsigned count = count_lines(f, "a peer's stream is ended", &left_out);
    assert_in_range(count, AT_ONCE + 1, AT_ONCE + 2 + took_s);
    assert_int_equal(count + left_out, STRANGERS + 1);
    fclose(f);
}

int main(void)
{
    world_begin();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_silence_keeps_no_peer_out),
        cmocka_unit_test(test_strangers_do_not_fill_the_log),
    };
    int failed = cmocka_run_group_tests(tests, setup, world_teardown);
    return failed != 0 || mem_outstanding() != 0;
}
