/*
 * server.c -- see server.h.
 *
 * Each method keeps some requests armed in the library; one that comes is replaced by another
 * before it is handled. Methods are registered, so that the library finds them and hands a unary
 * request over together with its message, in one event. What is not registered comes to a slot of
 * its own and is refused: without it, such a call would hang until its deadline.
 *
 * All fields are the poller's, after rpc_server_open is through.
 */
#include "rpc/server.h"

#include <assert.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <grpc/grpc_security.h>

#include "base/mem.h"
#include "rpc/address.h"
#include "rpc/call.h"
#include "rpc/message.h"
#include "rpc/stream_impl.h"

/* Requests armed per method: a burst beyond waits in the library, which costs a little more. */
#define SERVER_ARMED_UNARY 32
#define SERVER_ARMED_OTHER 4

/* A method, or what stands for all unknown ones. */
struct rpc_slot {
    struct rpc_method method; /* All zero: the unknown. Its name is not kept. */
    void *registered;         /* The library's handle. */
    unsigned armed;
    unsigned armed_target;
};

struct rpc_server {
    struct rpc_poller *poller;
    bool poller_is_own;
    grpc_server *grpc;
    uint16_t port;
    uint32_t calls_max;
    _Atomic size_t *unsent; /* Of the options. */
    struct rpc_slot *slots; /* The last one is the unknown method's. */
    size_t slot_count;
    unsigned armed;        /* In all slots. */
    uint32_t calls;        /* Accepted and not over, streams included. */
    struct list in_flight; /* The unary ones among them. */
    struct list spare;     /* rpc_calls to use again. */
    struct rpc_op stop_op; /* The library let go of all connections. */
    bool stopped;          /* It came. */
    bool finished;         /* Nothing of it is in the queue, or will be. */
};

static void server_try_finish(struct rpc_server *s)
{
    if (s->stopped && s->armed == 0 && s->calls == 0)
        s->finished = true;
}

static void server_arm_with(struct rpc_server *s, struct rpc_slot *slot, struct rpc_call *c)
{
    c->slot = slot;
    c->call = NULL;
    c->request = NULL;
    c->metadata.count = 0;
    atomic_store(&c->state, RPC_CALL_ARMED);
    slot->armed++;
    s->armed++;
    rpc_handover_send(&c->request_op);
    grpc_call_error err = GRPC_CALL_OK;
    if (slot->registered == NULL)
        err = grpc_server_request_call(s->grpc, &c->call, &c->details, &c->metadata,
                                       s->poller->queue, s->poller->queue, &c->request_op);
    else
        err = grpc_server_request_registered_call(
            s->grpc, slot->registered, &c->call, &c->deadline, &c->metadata,
            slot->method.unary != NULL ? &c->request : NULL, s->poller->queue, s->poller->queue,
            &c->request_op);
    assert(err == GRPC_CALL_OK);
    (void)err;
}

static void server_on_request(struct rpc_op *op, bool success);
static void server_on_answered(struct rpc_op *op, bool success);

/* A call to arm, or NULL when there is no memory. */
static struct rpc_call *server_take_spare(struct rpc_server *s)
{
    if (!list_is_empty(&s->spare)) {
        struct list *link = s->spare.next;
        list_remove(link);
        return LIST_ENTRY(link, struct rpc_call, link);
    }
    struct rpc_call *c = rpc_call_new();
    if (c != NULL) {
        c->server = s;
        c->unsent = s->unsent;
        c->request_op.on_done = server_on_request;
        c->answer_op.on_done = server_on_answered;
    }
    return c;
}

/* Without memory a slot stays a request short, until one of its calls is recycled. */
static void server_arm(struct rpc_server *s, struct rpc_slot *slot)
{
    struct rpc_call *c = server_take_spare(s);
    if (c != NULL)
        server_arm_with(s, slot, c);
}

static void server_recycle(struct rpc_server *s, struct rpc_call *c)
{
    rpc_call_reset(c);
    if (c->slot->registered == NULL) {
        grpc_call_details_destroy(&c->details);
        grpc_call_details_init(&c->details);
    }
    if (!s->stopped && c->slot->armed < c->slot->armed_target)
        server_arm_with(s, c->slot, c);
    else
        list_push_front(&s->spare, &c->link);
}

static void server_on_answered(struct rpc_op *op, bool success)
{
    struct rpc_call *c = LIST_ENTRY(op, struct rpc_call, answer_op);
    struct rpc_server *s = c->server;
    (void)success; /* A client that went away is nobody's error. */
    rpc_call_sent(c);
    list_remove(&c->link);
    assert(s->calls > 0);
    s->calls--;

    int state = RPC_CALL_TAKEN;
    if (atomic_compare_exchange_strong(&c->state, &state, RPC_CALL_GONE))
        ; /* Its holder frees it. */
    else if (state == RPC_CALL_LATE)
        rpc_call_free(c);
    else
        server_recycle(s, c);
    server_try_finish(s);
}

/* Answer a call that no handler has seen. */
static void server_refuse(struct rpc_call *c, enum rpc_status status, const char *text,
                          uint32_t retry_after_ms)
{
    rpc_call_fail(c, status, text, NULL, retry_after_ms);
}

/*
 * When the client gives up, or a little before. gRPC sends the time left with two or three digits,
 * rounded up: 9.999 s travel as 10.0 s, 10.001 s as 10.1 s. What rounding may have added, up to a
 * hundredth, is taken off again, or an answer in the last moment would find nobody.
 */
static uint64_t server_deadline_ns(gpr_timespec deadline)
{
    gpr_timespec t = gpr_convert_clock_type(deadline, GPR_CLOCK_MONOTONIC);
    /* 2^33 s are 272 years; more does not fit into nanoseconds. */
    if (t.tv_sec >= INT64_C(1) << 33)
        return RPC_FOREVER_NS;
    if (t.tv_sec < 0)
        return 0;
    uint64_t deadline_ns = (uint64_t)t.tv_sec * UINT64_C(1000000000) + (uint64_t)t.tv_nsec;
    gpr_timespec left = gpr_time_sub(t, gpr_now(GPR_CLOCK_MONOTONIC));
    if (left.tv_sec < 1)
        return deadline_ns;
    uint64_t left_ns = (uint64_t)left.tv_sec * UINT64_C(1000000000) + (uint64_t)left.tv_nsec;
    return deadline_ns - left_ns / 100;
}

static void server_on_stream_gone(void *maker, struct rpc_stream *stream)
{
    struct rpc_server *s = maker;
    (void)stream;
    assert(s->calls > 0);
    s->calls--;
    server_try_finish(s);
}

static void server_accept_stream(struct rpc_server *s, struct rpc_call *c)
{
    const struct rpc_stream_setup setup = {
        .call = c->call,
        .is_server = true,
        .events = c->slot->method.stream,
        .context = c->slot->method.context,
        .unsent = s->unsent,
        .on_gone = server_on_stream_gone,
        .maker = s,
    };
    struct rpc_stream *stream = rpc_stream_new(&setup);
    if (stream == NULL) {
        server_refuse(c, RPC_RESOURCE_EXHAUSTED, "out of memory", 0);
        return;
    }
    /* The stream has the call now, and this one may wait for another. */
    c->call = NULL;
    list_remove(&c->link);
    server_recycle(s, c);
    rpc_stream_start(stream);
}

static void server_handle_unary(struct rpc_call *c)
{
    const struct rpc_method *method = &c->slot->method;
    if (c->request == NULL) {
        /* The client broke off, or sent none, or one that was too long: then it knows already. */
        server_refuse(c, RPC_INVALID_ARGUMENT, "the call carries no message", 0);
        return;
    }
    struct rpc_message m;
    rpc_message_init(&m, c->request);
    c->request = NULL;
    method->unary(method->context, c, m.bytes, server_deadline_ns(c->deadline));
    rpc_message_fini(&m); /* m is not part of c, which is no longer ours. */
}

static void server_on_request(struct rpc_op *op, bool success)
{
    struct rpc_call *c = LIST_ENTRY(op, struct rpc_call, request_op);
    struct rpc_server *s = c->server;
    struct rpc_slot *slot = c->slot;
    assert(slot->armed > 0);
    slot->armed--;
    s->armed--;
    if (!success) { /* The server stops. */
        list_push_front(&s->spare, &c->link);
        server_try_finish(s);
        return;
    }
    s->calls++;
    list_push_back(&s->in_flight, &c->link);
    atomic_store(&c->state, RPC_CALL_HELD);
    if (!s->stopped)
        server_arm(s, slot);

    bool handled = false;
    if (s->stopped)
        server_refuse(c, RPC_UNAVAILABLE, "the server is closing", 0);
    else if (slot->registered == NULL)
        server_refuse(c, RPC_UNIMPLEMENTED, "this server has no such method", 0);
    else if (s->calls > s->calls_max)
        server_refuse(c, RPC_RESOURCE_EXHAUSTED, "too many calls in flight; try again", 100);
    else
        handled = true;
    if (!handled) {
        /* Its answer comes back to this thread, so c is still there. */
        if (c->request != NULL)
            grpc_byte_buffer_destroy(c->request);
        c->request = NULL;
    } else if (slot->method.unary != NULL) {
        server_handle_unary(c);
    } else {
        server_accept_stream(s, c);
    }
}

/* The connections are gone; what is still held will never be answered by its holder. */
static void server_on_stopped(struct rpc_op *op, bool success)
{
    struct rpc_server *s = LIST_ENTRY(op, struct rpc_server, stop_op);
    (void)success;
    s->stopped = true;
    for (struct list *l = s->in_flight.next; l != &s->in_flight; l = l->next) {
        struct rpc_call *c = LIST_ENTRY(l, struct rpc_call, link);
        int expected = RPC_CALL_HELD;
        if (atomic_compare_exchange_strong(&c->state, &expected, RPC_CALL_TAKEN))
            rpc_call_send(
                c, NULL,
                &(struct rpc_answer){.status = RPC_UNAVAILABLE, .text = "the server is closing"});
    }
    server_try_finish(s);
}

static grpc_server *server_create(const struct rpc_server_options *options, uint32_t calls_max)
{
    grpc_arg args[12];
    size_t n = 0;
    /* By default two servers may share a port, and each gets some of the calls. */
    args[n++] = rpc_arg(GRPC_ARG_ALLOW_REUSEPORT, 0);
    args[n++] = rpc_arg(GRPC_ARG_MAX_RECEIVE_MESSAGE_LENGTH, RPC_MESSAGE_SIZE_MAX);
    uint32_t streams_max =
        options->connection_calls_max > 0 ? options->connection_calls_max : calls_max;
    args[n++] = rpc_arg(GRPC_ARG_MAX_CONCURRENT_STREAMS, (int)streams_max);
    args[n++] = rpc_arg(GRPC_COMPRESSION_CHANNEL_ENABLED_ALGORITHMS_BITSET, 1 /* identity */);
    args[n++] = rpc_arg(GRPC_ARG_ENABLE_CHANNELZ, 0);
    /* By default a client that pings more than once in five minutes is thrown out. */
    args[n++] = rpc_arg(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 100);
    args[n++] = rpc_arg(GRPC_ARG_HTTP2_MAX_PING_STRIKES, 0);
    args[n++] = rpc_arg(GRPC_ARG_HTTP2_BDP_PROBE, 0);
    args[n++] = rpc_arg(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, RPC_STREAM_WINDOW_SIZE);
    if (options->keepalive_time_ms > 0) {
        args[n++] = rpc_arg(GRPC_ARG_KEEPALIVE_TIME_MS, (int)options->keepalive_time_ms);
        args[n++] = rpc_arg(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, (int)options->keepalive_timeout_ms);
        args[n++] = rpc_arg(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
    }
    assert(n <= sizeof(args) / sizeof(args[0]));
    return grpc_server_create(&(grpc_channel_args){.num_args = n, .args = args}, NULL);
}

static void server_register(struct rpc_server *s, const struct rpc_method *methods)
{
    for (size_t i = 0; i + 1 < s->slot_count; i++) {
        const struct rpc_method *m = &methods[i];
        assert((m->unary != NULL) != (m->stream != NULL));
        struct rpc_slot *slot = &s->slots[i];
        slot->method = *m;
        slot->method.name = NULL;
        slot->armed_target = m->unary != NULL ? SERVER_ARMED_UNARY : SERVER_ARMED_OTHER;
        slot->registered = grpc_server_register_method(
            s->grpc, m->name, NULL,
            m->unary != NULL ? GRPC_SRM_PAYLOAD_READ_INITIAL_BYTE_BUFFER : GRPC_SRM_PAYLOAD_NONE,
            0);
        assert(slot->registered != NULL); /* NULL: a name came twice. */
    }
    s->slots[s->slot_count - 1].armed_target = SERVER_ARMED_OTHER;
}

/* So much memory that every slot can be armed. */
static int server_fill_spare(struct rpc_server *s)
{
    size_t wanted = 0;
    for (size_t i = 0; i < s->slot_count; i++)
        wanted += s->slots[i].armed_target;
    struct list fresh;
    list_init(&fresh);
    int err = 0;
    for (size_t i = 0; i < wanted && err == 0; i++) {
        struct rpc_call *c = server_take_spare(s);
        if (c != NULL)
            list_push_back(&fresh, &c->link);
        else
            err = ERR_NO_MEMORY;
    }
    list_splice_back(&s->spare, &fresh);
    return err;
}

static int server_listen(struct rpc_server *s, const char *address)
{
    TRY(rpc_address_probe(address));
    /* TLS, when it comes, is other credentials. */
    grpc_server_credentials *credentials = grpc_insecure_server_credentials_create();
    int port = grpc_server_add_http2_port(s->grpc, address, credentials);
    grpc_server_credentials_release(credentials);
    if (port == 0) {
        TRY(rpc_address_probe(address));
        return ERR_BUSY; /* It was taken for a moment, between our probe and now. */
    }
    s->port = (uint16_t)port;
    return 0;
}

/* Nothing of it is in the queue. */
static void server_free(struct rpc_server *s)
{
    grpc_server_destroy(s->grpc);
    if (s->poller_is_own)
        rpc_poller_close(s->poller);
    while (!list_is_empty(&s->spare)) {
        struct list *link = s->spare.next;
        list_remove(link);
        rpc_call_free(LIST_ENTRY(link, struct rpc_call, link));
    }
    mem_free(s->slots);
    mem_free(s);
}

int rpc_server_open(const char *address, const struct rpc_method *methods, size_t method_count,
                    const struct rpc_server_options *options, struct rpc_server **out_server)
{
    assert(method_count <= RPC_SERVER_METHODS_MAX);
    const struct rpc_server_options defaults = {0};
    if (options == NULL)
        options = &defaults;
    struct rpc_server *s = mem_alloc_zero(sizeof(*s));
    if (s == NULL)
        return ERR_NO_MEMORY;
    s->slot_count = method_count + 1;
    s->slots = mem_alloc_zero(s->slot_count * sizeof(s->slots[0]));
    if (s->slots == NULL) {
        mem_free(s);
        return ERR_NO_MEMORY;
    }
    list_init(&s->in_flight);
    list_init(&s->spare);
    s->stop_op.on_done = server_on_stopped;
    s->calls_max = options->calls_max > 0 ? options->calls_max : RPC_SERVER_CALLS_MAX_DEFAULT;
    s->unsent = options->unsent;
    s->poller = options->poller;
    s->poller_is_own = s->poller == NULL;
    if (s->poller_is_own && rpc_poller_open(&s->poller) != 0) {
        mem_free(s->slots);
        mem_free(s);
        return ERR_NO_MEMORY;
    }
    s->grpc = server_create(options, s->calls_max);
    grpc_server_register_completion_queue(s->grpc, s->poller->queue, NULL);
    server_register(s, methods);

    int err = server_fill_spare(s);
    if (err == 0)
        err = server_listen(s, address);
    if (err != 0) {
        server_free(s);
        return err;
    }
    grpc_server_start(s->grpc);
    for (size_t i = 0; i < s->slot_count; i++)
        while (s->slots[i].armed < s->slots[i].armed_target)
            server_arm(s, &s->slots[i]);
    err = s->poller_is_own ? rpc_poller_start(s->poller) : 0;
    if (err != 0) {
        rpc_server_close(s);
        return err;
    }
    *out_server = s;
    return 0;
}

uint16_t rpc_server_port(const struct rpc_server *s)
{
    return s->port;
}

void rpc_server_close(struct rpc_server *s)
{
    if (s == NULL)
        return;
    rpc_poller_adopt(s->poller);
    grpc_server_shutdown_and_notify(s->grpc, s->poller->queue, &s->stop_op);
    grpc_server_cancel_all_calls(s->grpc);
    while (!s->finished)
        rpc_poller_turn(s->poller);
    server_free(s);
}
