/*
 * client.c -- see client.h.
 *
 * The lock guards the lists of calls and streams in flight, so that a channel that closes can
 * cancel them and wait. An entry leaves its list after its callback, as the last thing that the
 * poller does with it: an empty list means that no callback runs or will run.
 */
#include "rpc/client.h"

#include <assert.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <grpc/grpc_security.h>

#include "base/list.h"
#include "base/mem.h"
#include "rpc/message.h"
#include "rpc/poller_impl.h"
#include "rpc/stream_impl.h"

/* Finished calls that are kept to be used again. */
#define CLIENT_SPARE_MAX 1024

struct rpc_client {
    struct rpc_poller *poller;
    bool poller_is_own;
    pthread_mutex_t lock;
    pthread_cond_t quiet; /* A closing channel lost a call or a stream. */
    struct list channels;
    struct list spare; /* Of struct client_call. */
    unsigned spare_count;
};

struct rpc_channel {
    struct list link;
    struct rpc_client *client;
    grpc_channel *grpc;
    struct list calls;
    struct list streams;
    bool closing;
};

/* One unary call: a single batch of six operations. */
struct client_call {
    struct rpc_op op;
    struct list link;
    struct rpc_channel *channel;
    grpc_call *call;
    void (*on_reply)(void *context, const struct rpc_reply *reply);
    void *context;
    grpc_byte_buffer *sent;
    grpc_byte_buffer *received;
    grpc_metadata_array headers;
    grpc_metadata_array trailers;
    grpc_status_code status;
    grpc_slice text;
};

int rpc_client_open(struct rpc_poller *poller, struct rpc_client **out_client)
{
    struct rpc_client *c = mem_alloc_zero(sizeof(*c));
    if (c == NULL)
        return ERR_NO_MEMORY;
    list_init(&c->channels);
    list_init(&c->spare);
    if (pthread_mutex_init(&c->lock, NULL) != 0)
        goto free_client;
    if (pthread_cond_init(&c->quiet, NULL) != 0)
        goto free_lock;
    c->poller = poller;
    c->poller_is_own = poller == NULL;
    if (c->poller_is_own) {
        if (rpc_poller_open(&c->poller) != 0)
            goto free_cond;
        if (rpc_poller_start(c->poller) != 0)
            goto free_poller;
    }
    *out_client = c;
    return 0;

free_poller:
    rpc_poller_close(c->poller);
free_cond:
    pthread_cond_destroy(&c->quiet);
free_lock:
    pthread_mutex_destroy(&c->lock);
free_client:
    mem_free(c);
    return ERR_NO_MEMORY;
}

static void client_call_free(struct client_call *call)
{
    grpc_metadata_array_destroy(&call->headers);
    grpc_metadata_array_destroy(&call->trailers);
    mem_free(call);
}

void rpc_client_close(struct rpc_client *c)
{
    if (c == NULL)
        return;
    while (!list_is_empty(&c->channels))
        rpc_channel_close(LIST_ENTRY(c->channels.next, struct rpc_channel, link));
    if (c->poller_is_own)
        rpc_poller_close(c->poller);
    while (!list_is_empty(&c->spare)) {
        struct list *link = c->spare.next;
        list_remove(link);
        client_call_free(LIST_ENTRY(link, struct client_call, link));
    }
    pthread_cond_destroy(&c->quiet);
    pthread_mutex_destroy(&c->lock);
    mem_free(c);
}

static grpc_channel *channel_create(const char *target, const struct rpc_channel_options *options)
{
    grpc_arg args[20];
    size_t n = 0;
    /* A connection of its own: channels to one address would share one by default. */
    args[n++] = rpc_arg(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    args[n++] = rpc_arg(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
    args[n++] = rpc_arg(GRPC_ARG_SERVICE_CONFIG_DISABLE_RESOLUTION, 1);
    /* Who retries must know whether an operation may have taken effect: that is not this floor. */
    args[n++] = rpc_arg(GRPC_ARG_ENABLE_RETRIES, 0);
    args[n++] = rpc_arg(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
    args[n++] = rpc_arg(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 1000);
    /* Its name misleads: it is how long an attempt to connect may take. A server that is busy, or
     * far away, needs more than the shortest pause between two attempts. */
    args[n++] = rpc_arg(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 1000);
    args[n++] = rpc_arg(GRPC_ARG_DNS_MIN_TIME_BETWEEN_RESOLUTIONS_MS, 1000);
    args[n++] = rpc_arg(GRPC_ARG_MAX_RECEIVE_MESSAGE_LENGTH, RPC_MESSAGE_SIZE_MAX);
    args[n++] = rpc_arg(GRPC_COMPRESSION_CHANNEL_ENABLED_ALGORITHMS_BITSET, 1 /* identity */);
    /* No message passes through what would compress it: some per cent of a call. (A server keeps
       the filters: without them it would take a message of a call that the library has refused.) */
    args[n++] = rpc_arg(GRPC_ARG_ENABLE_PER_MESSAGE_COMPRESSION, 0);
    args[n++] = rpc_arg(GRPC_ARG_ENABLE_PER_MESSAGE_DECOMPRESSION, 0);
    args[n++] = rpc_arg(GRPC_ARG_ENABLE_CHANNELZ, 0);
    args[n++] = rpc_arg(GRPC_ARG_HTTP2_BDP_PROBE, 0);
    args[n++] = rpc_arg(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, RPC_STREAM_WINDOW_SIZE);
    if (options->keepalive_time_ms > 0) {
        args[n++] = rpc_arg(GRPC_ARG_KEEPALIVE_TIME_MS, (int)options->keepalive_time_ms);
        args[n++] = rpc_arg(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, (int)options->keepalive_timeout_ms);
        args[n++] = rpc_arg(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
    }
    assert(n <= sizeof(args) / sizeof(args[0]));
    /* TLS, when it comes, is other credentials. */
    grpc_channel_credentials *credentials = grpc_insecure_credentials_create();
    const grpc_channel_args all = {.num_args = n, .args = args};
    grpc_channel *channel = grpc_channel_create(target, credentials, &all);
    grpc_channel_credentials_release(credentials);
    return channel;
}

int rpc_channel_open(struct rpc_client *client, const char *address,
                     const struct rpc_channel_options *options, struct rpc_channel **out_channel)
{
    const struct rpc_channel_options defaults = {0};
    /* The scheme is ours to say: a host may be called "unix". Numeric addresses need no DNS. */
    struct buf target = {0};
    struct rpc_channel *ch = mem_alloc_zero(sizeof(*ch));
    if (ch == NULL || buf_append(&target, bytes_of("dns:///")) != 0 ||
        buf_append(&target, bytes_of(address)) != 0 || buf_append_u8(&target, 0) != 0) {
        mem_free(ch);
        buf_fini(&target);
        return ERR_NO_MEMORY;
    }
    ch->client = client;
    list_init(&ch->calls);
    list_init(&ch->streams);
    ch->grpc = channel_create((const char *)target.data, options != NULL ? options : &defaults);
    buf_fini(&target);
    pthread_mutex_lock(&client->lock);
    list_push_back(&client->channels, &ch->link);
    pthread_mutex_unlock(&client->lock);
    *out_channel = ch;
    return 0;
}

/* Until a call or a stream of a closing channel is gone. With the lock held. */
static void client_wait_quiet(struct rpc_client *c)
{
    if (!rpc_poller_is_adopted(c->poller)) {
        pthread_cond_wait(&c->quiet, &c->lock);
        return;
    }
    pthread_mutex_unlock(&c->lock);
    rpc_poller_turn(c->poller);
    pthread_mutex_lock(&c->lock);
}

void rpc_channel_close(struct rpc_channel *ch)
{
    if (ch == NULL)
        return;
    struct rpc_client *c = ch->client;
    assert(!rpc_poller_is_current(c->poller));
    pthread_mutex_lock(&c->lock);
    assert(!ch->closing);
    ch->closing = true;
    for (struct list *l = ch->calls.next; l != &ch->calls; l = l->next)
        grpc_call_cancel(LIST_ENTRY(l, struct client_call, link)->call, NULL);
    for (struct list *l = ch->streams.next; l != &ch->streams; l = l->next)
        rpc_stream_cancel(rpc_stream_of_link(l));
    while (!list_is_empty(&ch->calls) || !list_is_empty(&ch->streams))
        client_wait_quiet(c);
    list_remove(&ch->link);
    pthread_mutex_unlock(&c->lock);
    grpc_channel_destroy(ch->grpc);
    mem_free(ch);
}

static void client_on_reply(struct rpc_op *op, bool success);

/* A call object, used before or new; NULL when there is no memory. */
static struct client_call *client_call_take(struct rpc_client *c)
{
    struct client_call *call = NULL;
    pthread_mutex_lock(&c->lock);
    if (!list_is_empty(&c->spare)) {
        struct list *link = c->spare.next;
        list_remove(link);
        c->spare_count--;
        call = LIST_ENTRY(link, struct client_call, link);
    }
    pthread_mutex_unlock(&c->lock);
    if (call != NULL)
        return call;
    call = mem_alloc_zero(sizeof(*call));
    if (call == NULL)
        return NULL;
    list_init(&call->link);
    call->op.on_done = client_on_reply;
    grpc_metadata_array_init(&call->headers);
    grpc_metadata_array_init(&call->trailers);
    return call;
}

/* With the lock held. */
static void client_call_give(struct rpc_client *c, struct client_call *call)
{
    if (c->spare_count < CLIENT_SPARE_MAX) {
        c->spare_count++;
        list_push_front(&c->spare, &call->link);
    } else {
        client_call_free(call);
    }
}

/* Tell the caller how its call ended. */
static void client_call_report(struct client_call *call)
{
    char text[RPC_TEXT_SIZE_MAX + 1];
    char reason[RPC_REASON_SIZE_MAX + 1];
    char retry_after[16];
    rpc_text_from_slice(call->text, text, sizeof(text));
    rpc_text_from_metadata(&call->trailers, RPC_TRAILER_REASON, reason, sizeof(reason));
    rpc_text_from_metadata(&call->trailers, RPC_TRAILER_RETRY_AFTER, retry_after,
                           sizeof(retry_after));
    unsigned long retry_after_ms = strtoul(retry_after, NULL, 10);
    struct rpc_reply reply = {
        .status = (enum rpc_status)call->status,
        .text = text,
        .reason = reason,
        .retry_after_ms = retry_after_ms <= UINT32_MAX ? (uint32_t)retry_after_ms : 0,
    };
    if (reply.status == RPC_OK && call->received == NULL) {
        reply.status = RPC_INTERNAL;
        reply.text = "the server sent no message";
    }
    struct rpc_message m = {0};
    if (call->received != NULL)
        rpc_message_init(&m, call->received);
    if (reply.status == RPC_OK)
        reply.body = m.bytes;
    call->on_reply(call->context, &reply);
    if (call->received != NULL)
        rpc_message_fini(&m);
    call->received = NULL;
}

static void client_on_reply(struct rpc_op *op, bool success)
{
    struct client_call *call = LIST_ENTRY(op, struct client_call, op);
    struct rpc_channel *ch = call->channel;
    struct rpc_client *c = ch->client;
    (void)success; /* Always true; the status tells. */
    client_call_report(call);
    grpc_byte_buffer_destroy(call->sent);
    grpc_slice_unref(call->text);
    call->headers.count = 0;
    call->trailers.count = 0;

    pthread_mutex_lock(&c->lock);
    grpc_call_unref(call->call);
    list_remove(&call->link);
    client_call_give(c, call);
    if (ch->closing)
        pthread_cond_broadcast(&c->quiet);
    pthread_mutex_unlock(&c->lock);
}

static gpr_timespec client_deadline(uint64_t timeout_ns)
{
    if (timeout_ns >= (uint64_t)INT64_MAX)
        return gpr_inf_future(GPR_CLOCK_MONOTONIC);
    return gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC),
                        gpr_time_from_nanos((int64_t)timeout_ns, GPR_TIMESPAN));
}

static grpc_call *channel_call_create(struct rpc_channel *ch, const char *method,
                                      uint64_t timeout_ns)
{
    return grpc_channel_create_call(
        ch->grpc, NULL, GRPC_PROPAGATE_DEFAULTS, ch->client->poller->queue,
        grpc_slice_from_static_string(method), NULL, client_deadline(timeout_ns), NULL);
}

static void client_call_start(struct client_call *call)
{
    const grpc_op ops[] = {
        {.op = GRPC_OP_SEND_INITIAL_METADATA},
        {.op = GRPC_OP_SEND_MESSAGE, .data.send_message.send_message = call->sent},
        {.op = GRPC_OP_SEND_CLOSE_FROM_CLIENT},
        {.op = GRPC_OP_RECV_INITIAL_METADATA,
         .data.recv_initial_metadata.recv_initial_metadata = &call->headers},
        {.op = GRPC_OP_RECV_MESSAGE, .data.recv_message.recv_message = &call->received},
        {.op = GRPC_OP_RECV_STATUS_ON_CLIENT,
         .data.recv_status_on_client = {.trailing_metadata = &call->trailers,
                                        .status = &call->status,
                                        .status_details = &call->text}},
    };
    rpc_batch_start(call->call, ops, sizeof(ops) / sizeof(ops[0]), &call->op);
}

int rpc_channel_call(struct rpc_channel *ch, const char *method, struct buf *request,
                     uint64_t timeout_ns,
                     void (*on_reply)(void *context, const struct rpc_reply *reply), void *context)
{
    struct rpc_client *c = ch->client;
    struct client_call *call = client_call_take(c);
    if (call == NULL)
        return ERR_NO_MEMORY;
    call->channel = ch;
    call->on_reply = on_reply;
    call->context = context;
    call->received = NULL;
    call->text = grpc_empty_slice();
    call->call = channel_call_create(ch, method, timeout_ns);

    /* In the list before it starts: a channel that closes now cancels it, and it starts dead. */
    pthread_mutex_lock(&c->lock);
    bool closing = ch->closing;
    if (closing) {
        grpc_call_unref(call->call);
        client_call_give(c, call);
    } else {
        list_push_back(&ch->calls, &call->link);
    }
    pthread_mutex_unlock(&c->lock);
    if (closing)
        return ERR_CLOSED;
    call->sent = rpc_message_from_buf(request);
    client_call_start(call);
    return 0;
}

static void client_on_stream_gone(void *maker, struct rpc_stream *stream)
{
    struct rpc_channel *ch = maker;
    struct rpc_client *c = ch->client;
    pthread_mutex_lock(&c->lock);
    list_remove(rpc_stream_link(stream));
    if (ch->closing)
        pthread_cond_broadcast(&c->quiet);
    pthread_mutex_unlock(&c->lock);
}

void rpc_channel_retry_now(struct rpc_channel *ch)
{
    grpc_channel_reset_connect_backoff(ch->grpc);
}

int rpc_channel_stream(struct rpc_channel *ch, const char *method,
                       const struct rpc_stream_events *events, void *context,
                       struct rpc_stream **out_stream)
{
    struct rpc_client *c = ch->client;
    const struct rpc_stream_setup setup = {
        .call = channel_call_create(ch, method, RPC_FOREVER_NS),
        .events = events,
        .context = context,
        .on_gone = client_on_stream_gone,
        .maker = ch,
    };
    struct rpc_stream *stream = rpc_stream_new(&setup);
    if (stream == NULL) {
        grpc_call_unref(setup.call);
        return ERR_NO_MEMORY;
    }
    pthread_mutex_lock(&c->lock);
    bool closing = ch->closing;
    if (!closing)
        list_push_back(&ch->streams, rpc_stream_link(stream));
    pthread_mutex_unlock(&c->lock);
    if (closing) {
        rpc_stream_discard(stream);
        return ERR_CLOSED;
    }
    *out_stream = stream;
    rpc_stream_start(stream);
    return 0;
}

/* What rpc_channel_call_wait and its callback share. */
struct client_wait {
    pthread_mutex_t lock;
    pthread_cond_t came;
    bool done;
    int err;
    struct rpc_result result;
};

static void client_on_waited(void *context, const struct rpc_reply *reply)
{
    struct client_wait *w = context;
    pthread_mutex_lock(&w->lock);
    struct rpc_result *r = &w->result;
    r->status = reply->status;
    r->retry_after_ms = reply->retry_after_ms;
    rpc_text_copy(r->text, sizeof(r->text), reply->text);
    rpc_text_copy(r->reason, sizeof(r->reason), reply->reason);
    w->err = buf_append(&r->body, reply->body);
    w->done = true;
    pthread_cond_signal(&w->came);
    pthread_mutex_unlock(&w->lock);
}

int rpc_channel_call_wait(struct rpc_channel *ch, const char *method, struct buf *request,
                          uint64_t timeout_ns, struct rpc_result *out_result)
{
    assert(!rpc_poller_is_current(ch->client->poller) &&
           !rpc_poller_is_adopted(ch->client->poller));
    struct client_wait w = {.lock = PTHREAD_MUTEX_INITIALIZER, .came = PTHREAD_COND_INITIALIZER};
    int err = rpc_channel_call(ch, method, request, timeout_ns, client_on_waited, &w);
    if (err == 0) {
        pthread_mutex_lock(&w.lock);
        while (!w.done)
            pthread_cond_wait(&w.came, &w.lock);
        pthread_mutex_unlock(&w.lock);
        err = w.err;
    }
    pthread_cond_destroy(&w.came);
    pthread_mutex_destroy(&w.lock);
    if (err == 0)
        *out_result = w.result;
    return err;
}
