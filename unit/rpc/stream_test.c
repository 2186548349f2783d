/* stream_test.c -- long-lived calls with messages both ways, over a real loopback port. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

#include "world.h"

#include <string.h>

#include "base/mem.h"

/* What one end of a stream has seen. */
struct end {
    struct rpc_stream *stream;
    atomic_bool reads;  /* Ask for the next message at once. */
    atomic_bool echoes; /* Write each message back (one at a time). */
    struct counter opened;
    struct counter messages;
    struct counter bytes;
    struct counter ended;
    struct counter written;
    struct counter closed;
    enum rpc_status status;
    char text[128];
    atomic_bool wrong; /* A message was not the pattern of its number. */
};

static void end_init(struct end *e)
{
    *e = (struct end){.opened = COUNTER_INIT,
                      .messages = COUNTER_INIT,
                      .bytes = COUNTER_INIT,
                      .ended = COUNTER_INIT,
                      .written = COUNTER_INIT,
                      .closed = COUNTER_INIT};
}

static void end_read(struct end *e)
{
    int err = rpc_stream_read_next(e->stream);
    assert_true(err == 0 || err == ERR_CLOSED);
}

static void end_on_open(void *context, struct rpc_stream *stream)
{
    struct end *e = context;
    e->stream = stream;
    if (e->reads)
        end_read(e);
    counter_add(&e->opened, 1);
}

static void end_on_message(void *context, struct rpc_stream *stream, struct bytes message)
{
    struct end *e = context;
    assert_ptr_equal(stream, e->stream);
    if (!is_pattern(message, message.size, (uint8_t)counter_get(&e->messages)))
        e->wrong = true;
    if (e->echoes) {
        struct buf copy = {0};
        assert_int_equal(buf_append(&copy, message), 0);
        int err = rpc_stream_write(stream, &copy);
        (void)err; /* The other side went away. */
        buf_fini(&copy);
    }
    if (e->reads)
        end_read(e);
    counter_add(&e->bytes, message.size);
    counter_add(&e->messages, 1);
}

static void end_on_end(void *context, struct rpc_stream *stream)
{
    struct end *e = context;
    counter_add(&e->ended, 1);
    if (e->echoes)
        rpc_stream_end(stream, RPC_OK, NULL);
}

static void end_on_written(void *context, struct rpc_stream *stream)
{
    struct end *e = context;
    (void)stream;
    counter_add(&e->written, 1);
}

static void end_on_close(void *context, struct rpc_stream *stream, enum rpc_status status,
                         const char *text)
{
    struct end *e = context;
    (void)stream;
    e->status = status;
    strncpy(e->text, text, sizeof(e->text) - 1);
    counter_add(&e->closed, 1);
}

static const struct rpc_stream_events end_events = {
    .on_open = end_on_open,
    .on_message = end_on_message,
    .on_end = end_on_end,
    .on_written = end_on_written,
    .on_close = end_on_close,
};

/* As above, without an on_end. */
static const struct rpc_stream_events plain_events = {
    .on_open = end_on_open,
    .on_message = end_on_message,
    .on_written = end_on_written,
    .on_close = end_on_close,
};

struct pair {
    struct end near; /* The client's. */
    struct end far;  /* The server's. */
    struct rpc_server *server;
    struct rpc_client *client;
    struct rpc_channel *channel;
};

static void pair_listen(struct pair *p)
{
    end_init(&p->near);
    end_init(&p->far);
    const struct rpc_method methods[] = {
        {.name = "/t.T/Stream", .stream = &end_events, .context = &p->far},
        {.name = "/t.T/Plain", .stream = &plain_events, .context = &p->far},
    };
    p->server = server_start(methods, 2);
    p->client = client_start();
    p->channel = channel_to(p->client, rpc_server_port(p->server));
}

static void pair_dial(struct pair *p, const char *method)
{
    struct rpc_stream *stream = NULL;
    assert_int_equal(rpc_channel_stream(p->channel, method, &end_events, &p->near, &stream), 0);
    assert_true(counter_wait(&p->near.opened, 1));
    assert_true(counter_wait(&p->far.opened, 1));
    assert_ptr_equal(stream, p->near.stream);
}

static void pair_close(struct pair *p)
{
    rpc_client_close(p->client);
    rpc_server_close(p->server);
    assert_int_equal(counter_get(&p->near.closed), 1);
    assert_int_equal(counter_get(&p->far.closed), 1);
    assert_false(p->near.wrong);
    assert_false(p->far.wrong);
    rpc_stream_release(p->near.stream);
    rpc_stream_release(p->far.stream);
}

/* Write a pattern; whatever is not taken is freed. */
static int end_write(struct end *e, size_t size, uint8_t seed)
{
    struct buf message = pattern(size, seed);
    int err = rpc_stream_write(e->stream, &message);
    assert_int_equal(message.size, err == 0 ? 0 : size);
    buf_fini(&message);
    return err;
}

static void test_echo_and_end(void **state)
{
    (void)state;
    const size_t sizes[] = {1, 22, 23, 24, 5000, 65536, 3 << 20};
    const size_t count = sizeof(sizes) / sizeof(sizes[0]);
    struct pair p;
    pair_listen(&p);
    p.near.reads = true;
    p.far.reads = true;
    p.far.echoes = true;
    pair_dial(&p, "/t.T/Stream");
    char peer[64];
    rpc_stream_peer(p.far.stream, peer, sizeof(peer));
    assert_non_null(strstr(peer, "127.0.0.1"));
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(end_write(&p.near, sizes[i], (uint8_t)i), 0);
        /* An answer may overtake the news that the question left. */
        assert_true(counter_wait(&p.near.messages, i + 1));
        assert_true(counter_wait(&p.near.written, i + 1));
        assert_true(counter_wait(&p.far.written, i + 1));
    }
    rpc_stream_end(p.near.stream, RPC_OK, NULL);
    assert_int_equal(end_write(&p.near, 10, 0), ERR_CLOSED);
    assert_true(counter_wait(&p.near.closed, 1));
    assert_true(counter_wait(&p.far.closed, 1));
    assert_int_equal(p.near.status, RPC_OK);
    assert_int_equal(p.far.status, RPC_OK);
    assert_int_equal(counter_get(&p.far.ended), 1);
    assert_int_equal(counter_get(&p.near.written), count);
    assert_int_equal(counter_get(&p.far.written), count);
    /* Over, and still harmless. */
    assert_int_equal(rpc_stream_read_next(p.near.stream), ERR_CLOSED);
    assert_int_equal(end_write(&p.far, 10, 0), ERR_CLOSED);
    rpc_stream_cancel(p.near.stream);
    rpc_stream_end(p.far.stream, RPC_ABORTED, "late");
    pair_close(&p);
}

/* A message that is short leaves its memory with whoever sends it. */
static void test_short_messages_cost_no_memory(void **state)
{
    (void)state;
    struct pair p;
    pair_listen(&p);
    p.far.reads = true;
    pair_dial(&p, "/t.T/Stream");
    struct buf message = {0};
    unsigned long allocations = 0;
    for (uint64_t i = 0; i < 200; i++) {
        struct buf made = pattern(1000, (uint8_t)i);
        unsigned long before = mem_allocations();
        assert_int_equal(buf_append(&message, buf_bytes(&made)), 0);
        assert_int_equal(rpc_stream_write(p.near.stream, &message), 0);
        assert_int_equal(message.size, 0);
        allocations += mem_allocations() - before;
        buf_fini(&made);
        assert_true(counter_wait(&p.near.written, i + 1));
    }
    assert_int_equal(allocations, 1); /* The first one. */
    buf_fini(&message);
    assert_true(counter_wait(&p.far.messages, 200));
    rpc_stream_cancel(p.near.stream);
    pair_close(&p);
}

static void test_one_at_a_time(void **state)
{
    (void)state;
    struct pair p;
    pair_listen(&p);
    pair_dial(&p, "/t.T/Stream");
    assert_int_equal(rpc_stream_read_next(p.near.stream), 0);
    assert_int_equal(rpc_stream_read_next(p.near.stream), ERR_BUSY);
    assert_int_equal(end_write(&p.near, RPC_MESSAGE_SIZE_MAX + 1, 0), ERR_INVALID);
    /* Nobody reads: a long one stays under way. */
    assert_int_equal(end_write(&p.near, RPC_MESSAGE_SIZE_MAX, 0), 0);
    assert_int_equal(end_write(&p.near, 10, 1), ERR_BUSY);
    assert_int_equal(rpc_stream_read_next(p.far.stream), 0);
    assert_true(counter_wait(&p.far.messages, 1));
    assert_true(counter_wait(&p.near.written, 1));
    assert_int_equal(end_write(&p.near, 10, 1), 0);
    assert_int_equal(rpc_stream_read_next(p.far.stream), 0);
    assert_true(counter_wait(&p.far.messages, 2));
    pair_close(&p);
}

static void test_server_without_on_end(void **state)
{
    (void)state;
    struct pair p;
    pair_listen(&p);
    p.far.reads = true;
    pair_dial(&p, "/t.T/Plain");
    assert_int_equal(end_write(&p.near, 100, 0), 0);
    rpc_stream_end(p.near.stream, RPC_OK, NULL); /* Waits for the write. */
    assert_true(counter_wait(&p.near.closed, 1));
    assert_true(counter_wait(&p.far.closed, 1));
    assert_int_equal(p.near.status, RPC_OK);
    assert_int_equal(counter_get(&p.far.messages), 1);
    pair_close(&p);
}

static void test_server_ends_with_status(void **state)
{
    (void)state;
    struct pair p;
    pair_listen(&p);
    p.near.reads = true;
    pair_dial(&p, "/t.T/Stream");
    assert_int_equal(end_write(&p.far, 1000, 0), 0);
    rpc_stream_end(p.far.stream, RPC_FAILED_PRECONDITION, "another cluster");
    assert_true(counter_wait(&p.near.closed, 1));
    assert_true(counter_wait(&p.far.closed, 1));
    assert_int_equal(p.near.status, RPC_FAILED_PRECONDITION);
    assert_string_equal(p.near.text, "another cluster");
    assert_int_equal(p.far.status, RPC_OK);
    assert_int_equal(counter_get(&p.near.messages), 1); /* What came before the end is there. */
    pair_close(&p);
}

static void test_reader_that_does_not_read(void **state)
{
    (void)state;
    enum { SIZE = 64 * 1024, MANY = 200 };
    struct pair p;
    pair_listen(&p);
    pair_dial(&p, "/t.T/Stream");
    uint8_t sent = 0;
    uint64_t start = now_ns();
    while (now_ns() - start < 500 * MS_NS) {
        int err = end_write(&p.near, SIZE, sent);
        if (err == 0)
            sent++;
        else
            assert_int_equal(err, ERR_BUSY);
        sleep_ms(1);
        assert_true(sent < MANY);
    }
    /* It stopped, with little on its way. */
    assert_int_equal(end_write(&p.near, SIZE, sent), ERR_BUSY);
    assert_true((size_t)sent * SIZE <= RPC_STREAM_WINDOW_SIZE + 4 * SIZE);
    assert_int_equal(counter_get(&p.far.messages), 0);
    /* One read, one message. */
    assert_int_equal(rpc_stream_read_next(p.far.stream), 0);
    assert_true(counter_wait(&p.far.messages, 1));
    sleep_ms(50);
    assert_int_equal(counter_get(&p.far.messages), 1);
    /* Now it reads, and all come in their order. */
    for (uint64_t i = 1; i < sent; i++) {
        assert_int_equal(rpc_stream_read_next(p.far.stream), 0);
        assert_true(counter_wait(&p.far.messages, i + 1));
    }
    assert_int_equal(counter_get(&p.far.bytes), (uint64_t)sent * SIZE);
    assert_true(counter_wait(&p.near.written, sent));
    pair_close(&p);
}

static void test_cancel_by_client(void **state)
{
    (void)state;
    struct pair p;
    pair_listen(&p);
    p.far.reads = true;
    pair_dial(&p, "/t.T/Stream");
    rpc_stream_cancel(p.near.stream);
    rpc_stream_cancel(p.near.stream);
    assert_true(counter_wait(&p.near.closed, 1));
    assert_true(counter_wait(&p.far.closed, 1));
    assert_int_equal(p.near.status, RPC_CANCELLED);
    assert_int_equal(p.far.status, RPC_CANCELLED);
    assert_int_equal(counter_get(&p.far.ended), 0); /* Broken off is not ended. */
    pair_close(&p);
}

static void test_cancel_by_server(void **state)
{
    (void)state;
    struct pair p;
    pair_listen(&p);
    pair_dial(&p, "/t.T/Stream");
    assert_int_equal(end_write(&p.near, RPC_MESSAGE_SIZE_MAX, 0), 0);
    rpc_stream_cancel(p.far.stream);
    assert_true(counter_wait(&p.near.closed, 1));
    assert_true(counter_wait(&p.far.closed, 1));
    assert_int_not_equal(p.near.status, RPC_OK);
    assert_int_equal(p.far.status, RPC_CANCELLED);
    pair_close(&p);
}

static void test_server_closes_first(void **state)
{
    (void)state;
    for (int round = 0; round < 5; round++) {
        struct pair p;
        pair_listen(&p);
        p.near.reads = round % 2 == 0;
        p.far.reads = round % 2 != 0;
        pair_dial(&p, "/t.T/Stream");
        assert_int_equal(end_write(&p.near, RPC_MESSAGE_SIZE_MAX, 0), 0);
        if (p.near.reads)
            assert_int_equal(end_write(&p.far, RPC_MESSAGE_SIZE_MAX, 0), 0);
        uint64_t start = now_ns();
        rpc_server_close(p.server);
        assert_true(now_ns() - start < 2 * SECOND_NS);
        p.server = NULL;
        assert_int_equal(counter_get(&p.far.closed), 1);
        assert_int_equal(p.far.status, RPC_CANCELLED);
        assert_int_equal(end_write(&p.far, 10, 0), ERR_CLOSED);
        assert_true(counter_wait(&p.near.closed, 1));
        assert_int_equal(p.near.status, RPC_UNAVAILABLE);
        pair_close(&p);
    }
}

/* What came before the end is delivered before it, unless the client does not care. */
static void test_server_closes_and_client_does_not_read(void **state)
{
    (void)state;
    for (int round = 0; round < 2; round++) {
        struct pair p;
        pair_listen(&p);
        pair_dial(&p, "/t.T/Stream");
        assert_int_equal(end_write(&p.far, 100, 0), 0);
        assert_true(counter_wait(&p.far.written, 1));
        sleep_ms(50);
        rpc_server_close(p.server);
        p.server = NULL;
        if (round == 0) {
            p.near.reads = true;
            assert_int_equal(rpc_stream_read_next(p.near.stream), 0);
        } else {
            rpc_stream_cancel(p.near.stream);
        }
        assert_true(counter_wait(&p.near.closed, 1));
        assert_int_equal(counter_get(&p.near.messages), round == 0 ? 1 : 0);
        pair_close(&p);
    }
}

static void test_client_closes_first(void **state)
{
    (void)state;
    struct pair p;
    pair_listen(&p);
    p.far.reads = true;
    pair_dial(&p, "/t.T/Stream");
    assert_int_equal(end_write(&p.far, RPC_MESSAGE_SIZE_MAX, 0), 0);
    uint64_t start = now_ns();
    rpc_client_close(p.client);
    assert_true(now_ns() - start < 2 * SECOND_NS);
    p.client = NULL;
    assert_int_equal(counter_get(&p.near.closed), 1);
    assert_int_equal(rpc_stream_read_next(p.near.stream), ERR_CLOSED);
    assert_true(counter_wait(&p.far.closed, 1));
    pair_close(&p);
}

static void test_nobody_there(void **state)
{
    (void)state;
    struct rpc_client *client = client_start();
    struct rpc_channel *channel = channel_to(client, dead_port());
    for (int i = 0; i < 3; i++) {
        struct end e;
        end_init(&e);
        uint64_t start = now_ns();
        assert_int_equal(rpc_channel_stream(channel, "/t.T/Stream", &end_events, &e, &e.stream), 0);
        assert_true(counter_wait(&e.closed, 1));
        assert_true(now_ns() - start < 2 * SECOND_NS);
        assert_int_equal(e.status, RPC_UNAVAILABLE);
        assert_string_not_equal(e.text, "");
        assert_int_equal(counter_get(&e.opened), 0);
        rpc_stream_release(e.stream);
    }
    rpc_client_close(client);
}

static void test_unknown_stream(void **state)
{
    (void)state;
    struct rpc_server *server = server_start(NULL, 0);
    struct rpc_client *client = client_start();
    struct rpc_channel *channel = channel_to(client, rpc_server_port(server));
    struct end e;
    end_init(&e);
    assert_int_equal(rpc_channel_stream(channel, "/t.T/Stream", &end_events, &e, &e.stream), 0);
    assert_true(counter_wait(&e.closed, 1));
    assert_int_equal(e.status, RPC_UNIMPLEMENTED);
    assert_int_equal(counter_get(&e.opened), 0);
    rpc_client_close(client);
    rpc_server_close(server);
    rpc_stream_release(e.stream);
}

static void test_stream_without_memory(void **state)
{
    (void)state;
    struct pair p;
    pair_listen(&p);
    pair_dial(&p, "/t.T/Stream"); /* The connection is there. */
    rpc_stream_cancel(p.near.stream);
    assert_true(counter_wait(&p.near.closed, 1));
    assert_true(counter_wait(&p.far.closed, 1));
    rpc_stream_release(p.near.stream);
    rpc_stream_release(p.far.stream);
    struct end e;
    end_init(&e);
    mem_fail_after(0);
    int err = rpc_channel_stream(p.channel, "/t.T/Stream", &end_events, &e, &e.stream);
    mem_fail_after(-1);
    assert_int_equal(err, ERR_NO_MEMORY);
    /* The first allocation is ours, later ones are the server's: it refuses the stream. */
    for (long fails = 1; fails < 3; fails++) {
        end_init(&p.far);
        end_init(&e);
        mem_fail_after(fails);
        assert_int_equal(rpc_channel_stream(p.channel, "/t.T/Plain", &end_events, &e, &e.stream),
                         0);
        sleep_ms(200);
        mem_fail_after(-1);
        bool refused = counter_get(&e.closed) == 1;
        if (refused)
            assert_int_equal(e.status, RPC_RESOURCE_EXHAUSTED);
        else
            assert_true(counter_wait(&e.opened, 1));
        rpc_stream_cancel(e.stream);
        assert_true(counter_wait(&e.closed, 1));
        if (!refused) {
            assert_true(counter_wait(&p.far.closed, 1));
            rpc_stream_release(p.far.stream);
        }
        rpc_stream_release(e.stream);
        assert_true(refused || fails > 1);
    }
    rpc_client_close(p.client);
    rpc_server_close(p.server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WORLD_TEST(test_echo_and_end),
        WORLD_TEST(test_short_messages_cost_no_memory),
        WORLD_TEST(test_one_at_a_time),
        WORLD_TEST(test_server_without_on_end),
        WORLD_TEST(test_server_ends_with_status),
        WORLD_TEST(test_reader_that_does_not_read),
        WORLD_TEST(test_cancel_by_client),
        WORLD_TEST(test_cancel_by_server),
        WORLD_TEST(test_server_closes_first),
        WORLD_TEST(test_server_closes_and_client_does_not_read),
        WORLD_TEST(test_client_closes_first),
        WORLD_TEST(test_nobody_there),
        WORLD_TEST(test_unknown_stream),
        WORLD_TEST(test_stream_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
