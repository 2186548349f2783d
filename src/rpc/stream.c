/*
 * stream.c -- see stream.h.
 *
 * Up to five batches are in the completion queue at a time: opening, reading, writing, ending, and
 * the one that reports the end of the call (RECV_STATUS_ON_CLIENT, RECV_CLOSE_ON_SERVER). When that
 * one is out nothing new begins, and when all are out on_close is called.
 *
 * The lock orders starts of batches, as the library demands for one call, and guards the flags. It
 * is never held in a callback.
 */
#include "rpc/stream.h"

#include <assert.h>
#include <pthread.h>
#include <stdbool.h>

#include "base/mem.h"
#include "rpc/message.h"
#include "rpc/poller_impl.h"
#include "rpc/stream_impl.h"

struct rpc_stream {
    struct rpc_stream_setup setup;
    struct list link;
    struct rpc_op open_op;
    struct rpc_op read_op;
    struct rpc_op write_op;
    struct rpc_op end_op;
    struct rpc_op close_op;

    pthread_mutex_t lock; /* Guards what follows, up to the blank line. */
    unsigned batches;     /* In the completion queue. */
    bool reading;
    bool writing;
    bool ended;      /* rpc_stream_end was called. */
    bool closed;     /* close_op came out: no batch may start. */
    unsigned owners; /* The user and the poller; the last one frees. */

    /* Each is written before a batch starts and read when it is out. */
    grpc_byte_buffer *received;
    grpc_byte_buffer *sent;
    size_t sent_size;
    grpc_metadata_array headers;
    grpc_metadata_array trailers;
    enum rpc_status end_status;
    grpc_slice end_text;
    grpc_status_code close_status;
    grpc_slice close_text;
    int cancelled; /* Server: the call did not end by our status. */
};

/* The client tells an accepted stream from a failed one by this header. */
#define RPC_HEADER_OPEN "dkv-stream"

static void stream_drop_owner(struct rpc_stream *s)
{
    pthread_mutex_lock(&s->lock);
    assert(s->owners > 0);
    bool last = --s->owners == 0;
    pthread_mutex_unlock(&s->lock);
    if (!last)
        return;
    pthread_mutex_destroy(&s->lock);
    mem_free(s);
}

/* Give back what belongs to the library. */
static void stream_fini(struct rpc_stream *s)
{
    grpc_slice_unref(s->close_text);
    grpc_slice_unref(s->end_text);
    grpc_metadata_array_destroy(&s->headers);
    grpc_metadata_array_destroy(&s->trailers);
    grpc_call_unref(s->setup.call);
}

/* All batches are out and the call is over. */
static void stream_finish(struct rpc_stream *s)
{
    const struct rpc_stream_setup *setup = &s->setup;
    char text[RPC_TEXT_SIZE_MAX + 1];
    enum rpc_status status = s->cancelled ? RPC_CANCELLED : RPC_OK;
    if (!setup->is_server)
        status = (enum rpc_status)s->close_status;
    rpc_text_from_slice(s->close_text, text, sizeof(text));
    setup->events->on_close(setup->context, s, status, text);
    stream_fini(s);
    setup->on_gone(setup->maker, s);
    stream_drop_owner(s);
}

/* A batch came out and its callback has run. */
static void stream_batch_out(struct rpc_stream *s)
{
    pthread_mutex_lock(&s->lock);
    assert(s->batches > 0);
    s->batches--;
    bool over = s->batches == 0 && s->closed;
    pthread_mutex_unlock(&s->lock);
    if (over)
        stream_finish(s);
}

/* With the lock held. */
static void stream_batch(struct rpc_stream *s, const grpc_op *ops, size_t count, struct rpc_op *op)
{
    assert(!s->closed);
    s->batches++;
    rpc_batch_start(s->setup.call, ops, count, op);
}

static void stream_batch_end(struct rpc_stream *s)
{
    assert(s->ended && !s->writing);
    grpc_op op = {.op = GRPC_OP_SEND_CLOSE_FROM_CLIENT};
    if (s->setup.is_server) {
        op.op = GRPC_OP_SEND_STATUS_FROM_SERVER;
        op.data.send_status_from_server.status = (grpc_status_code)s->end_status;
        op.data.send_status_from_server.status_details = &s->end_text;
    }
    stream_batch(s, &op, 1, &s->end_op);
}

static void stream_on_open(struct rpc_op *op, bool success)
{
    struct rpc_stream *s = LIST_ENTRY(op, struct rpc_stream, open_op);
    const struct rpc_stream_setup *setup = &s->setup;
    if (!setup->is_server && success && setup->events->on_open != NULL) {
        /* A call that never reached a server also "receives" headers, none at all. */
        char value[8];
        rpc_text_from_metadata(&s->headers, RPC_HEADER_OPEN, value, sizeof(value));
        if (value[0] != '\0')
            setup->events->on_open(setup->context, s);
    }
    stream_batch_out(s);
}

static void stream_on_message(struct rpc_stream *s, grpc_byte_buffer *buffer)
{
    struct rpc_message m;
    rpc_message_init(&m, buffer);
    if (s->setup.events->on_message != NULL)
        s->setup.events->on_message(s->setup.context, s, m.bytes);
    rpc_message_fini(&m);
}

static void stream_on_read(struct rpc_op *op, bool success)
{
    struct rpc_stream *s = LIST_ENTRY(op, struct rpc_stream, read_op);
    (void)success; /* Told by the buffer. */
    pthread_mutex_lock(&s->lock);
    s->reading = false;
    grpc_byte_buffer *buffer = s->received;
    s->received = NULL;
    pthread_mutex_unlock(&s->lock);

    if (buffer != NULL) {
        stream_on_message(s, buffer);
    } else if (!grpc_call_failed_before_recv_message(s->setup.call)) {
        if (s->setup.events->on_end != NULL)
            s->setup.events->on_end(s->setup.context, s);
        else if (s->setup.is_server)
            rpc_stream_end(s, RPC_OK, NULL);
    }
    stream_batch_out(s);
}

static void stream_on_write(struct rpc_op *op, bool success)
{
    struct rpc_stream *s = LIST_ENTRY(op, struct rpc_stream, write_op);
    pthread_mutex_lock(&s->lock);
    s->writing = false;
    grpc_byte_buffer_destroy(s->sent);
    s->sent = NULL;
    if (s->setup.unsent != NULL)
        atomic_fetch_sub_explicit(s->setup.unsent, s->sent_size, memory_order_relaxed);
    bool ended = s->ended;
    if (ended && !s->closed)
        stream_batch_end(s);
    pthread_mutex_unlock(&s->lock);

    if (success && s->setup.events->on_written != NULL)
        s->setup.events->on_written(s->setup.context, s);
    stream_batch_out(s);
}

static void stream_on_ended(struct rpc_op *op, bool success)
{
    (void)success; /* on_close tells. */
    stream_batch_out(LIST_ENTRY(op, struct rpc_stream, end_op));
}

static void stream_on_closed(struct rpc_op *op, bool success)
{
    struct rpc_stream *s = LIST_ENTRY(op, struct rpc_stream, close_op);
    (void)success; /* Always true, says the library. */
    pthread_mutex_lock(&s->lock);
    s->closed = true;
    pthread_mutex_unlock(&s->lock);
    stream_batch_out(s);
}

struct rpc_stream *rpc_stream_new(const struct rpc_stream_setup *setup)
{
    assert(setup->events->on_close != NULL);
    struct rpc_stream *s = mem_alloc_zero(sizeof(*s));
    if (s == NULL)
        return NULL;
    if (pthread_mutex_init(&s->lock, NULL) != 0) {
        mem_free(s);
        return NULL;
    }
    s->setup = *setup;
    list_init(&s->link);
    s->owners = 2;
    s->open_op.on_done = stream_on_open;
    s->read_op.on_done = stream_on_read;
    s->write_op.on_done = stream_on_write;
    s->end_op.on_done = stream_on_ended;
    s->close_op.on_done = stream_on_closed;
    grpc_metadata_array_init(&s->headers);
    grpc_metadata_array_init(&s->trailers);
    s->end_text = grpc_empty_slice();
    s->close_text = grpc_empty_slice();
    return s;
}

/* The server's headers leave at once, so that the client knows that somebody is there. */
static void stream_start_server(struct rpc_stream *s)
{
    grpc_metadata header = {
        .key = grpc_slice_from_static_string(RPC_HEADER_OPEN),
        .value = grpc_slice_from_static_string("open"),
    };
    const grpc_op open = {
        .op = GRPC_OP_SEND_INITIAL_METADATA,
        .data.send_initial_metadata = {.count = 1, .metadata = &header},
    };
    const grpc_op close = {
        .op = GRPC_OP_RECV_CLOSE_ON_SERVER,
        .data.recv_close_on_server.cancelled = &s->cancelled,
    };
    pthread_mutex_lock(&s->lock);
    stream_batch(s, &close, 1, &s->close_op);
    stream_batch(s, &open, 1, &s->open_op);
    pthread_mutex_unlock(&s->lock);
}

static void stream_start_client(struct rpc_stream *s)
{
    const grpc_op open[] = {
        {.op = GRPC_OP_SEND_INITIAL_METADATA},
        {.op = GRPC_OP_RECV_INITIAL_METADATA,
         .data.recv_initial_metadata.recv_initial_metadata = &s->headers},
    };
    const grpc_op close = {
        .op = GRPC_OP_RECV_STATUS_ON_CLIENT,
        .data.recv_status_on_client = {.trailing_metadata = &s->trailers,
                                       .status = &s->close_status,
                                       .status_details = &s->close_text},
    };
    pthread_mutex_lock(&s->lock);
    stream_batch(s, open, 2, &s->open_op);
    stream_batch(s, &close, 1, &s->close_op);
    pthread_mutex_unlock(&s->lock);
}

void rpc_stream_start(struct rpc_stream *s)
{
    if (!s->setup.is_server) {
        stream_start_client(s);
        return;
    }
    stream_start_server(s);
    if (s->setup.events->on_open != NULL)
        s->setup.events->on_open(s->setup.context, s);
}

void rpc_stream_discard(struct rpc_stream *s)
{
    assert(s->batches == 0);
    stream_fini(s);
    stream_drop_owner(s);
    stream_drop_owner(s);
}

struct list *rpc_stream_link(struct rpc_stream *s)
{
    return &s->link;
}

struct rpc_stream *rpc_stream_of_link(struct list *link)
{
    return LIST_ENTRY(link, struct rpc_stream, link);
}

void rpc_stream_set_context(struct rpc_stream *s, void *context)
{
    assert(s->setup.is_server);
    s->setup.context = context;
}

int rpc_stream_read_next(struct rpc_stream *s)
{
    int err = 0;
    pthread_mutex_lock(&s->lock);
    if (s->closed) {
        err = ERR_CLOSED;
    } else if (s->reading) {
        err = ERR_BUSY;
    } else {
        s->reading = true;
        const grpc_op op = {.op = GRPC_OP_RECV_MESSAGE,
                            .data.recv_message.recv_message = &s->received};
        stream_batch(s, &op, 1, &s->read_op);
    }
    pthread_mutex_unlock(&s->lock);
    return err;
}

int rpc_stream_write(struct rpc_stream *s, struct buf *message)
{
    if (message->size > RPC_MESSAGE_SIZE_MAX)
        return ERR_INVALID;
    int err = 0;
    pthread_mutex_lock(&s->lock);
    if (s->closed || s->ended) {
        err = ERR_CLOSED;
    } else if (s->writing) {
        err = ERR_BUSY;
    } else {
        s->writing = true;
        s->sent_size = message->size;
        if (s->setup.unsent != NULL)
            atomic_fetch_add_explicit(s->setup.unsent, s->sent_size, memory_order_relaxed);
        s->sent = rpc_message_copy_buf(message);
        const grpc_op op = {.op = GRPC_OP_SEND_MESSAGE, .data.send_message.send_message = s->sent};
        stream_batch(s, &op, 1, &s->write_op);
    }
    pthread_mutex_unlock(&s->lock);
    return err;
}

void rpc_stream_end(struct rpc_stream *s, enum rpc_status status, const char *text)
{
    assert(s->setup.is_server || status == RPC_OK);
    pthread_mutex_lock(&s->lock);
    if (!s->closed && !s->ended) {
        s->ended = true;
        s->end_status = status;
        s->end_text = rpc_slice_from_text(text, RPC_TEXT_SIZE_MAX);
        if (!s->writing)
            stream_batch_end(s);
    }
    pthread_mutex_unlock(&s->lock);
}

void rpc_stream_cancel(struct rpc_stream *s)
{
    pthread_mutex_lock(&s->lock);
    if (!s->closed)
        grpc_call_cancel(s->setup.call, NULL);
    pthread_mutex_unlock(&s->lock);
}

void rpc_stream_peer(struct rpc_stream *s, char *out_text, size_t size)
{
    assert(size > 0);
    out_text[0] = '\0';
    pthread_mutex_lock(&s->lock);
    if (!s->closed)
        rpc_text_from_peer(s->setup.call, out_text, size);
    pthread_mutex_unlock(&s->lock);
}

void rpc_stream_release(struct rpc_stream *s)
{
    stream_drop_owner(s);
}
