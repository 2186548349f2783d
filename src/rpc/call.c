/* call.c -- see call.h and server.h. */
#include "rpc/call.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/mem.h"
#include "rpc/message.h"

/* What a call that waits for its request keeps for its bytes. */
#define BYTES_KEPT 4096

struct rpc_call *rpc_call_new(void)
{
    struct rpc_call *c = mem_alloc_zero(sizeof(*c));
    if (c == NULL)
        return NULL;
    list_init(&c->link);
    grpc_metadata_array_init(&c->metadata);
    grpc_call_details_init(&c->details);
    return c;
}

void rpc_call_free(struct rpc_call *c)
{
    grpc_metadata_array_destroy(&c->metadata);
    grpc_call_details_destroy(&c->details);
    buf_fini(&c->bytes);
    buf_fini(&c->reply_bytes);
    mem_free(c);
}

static void call_reset_buf(struct buf *b)
{
    if (b->capacity > BYTES_KEPT)
        buf_fini(b);
    buf_clear(b);
}

void rpc_call_reset(struct rpc_call *c)
{
    call_reset_buf(&c->bytes);
    call_reset_buf(&c->reply_bytes);
}

void *rpc_call_room(struct rpc_call *c)
{
    return c->room;
}

struct buf *rpc_call_bytes(struct rpc_call *c)
{
    return &c->bytes;
}

struct buf *rpc_call_reply(struct rpc_call *c)
{
    return &c->reply_bytes;
}

/* The trailers of an answer; returns how many. */
static size_t call_trailers(const struct rpc_answer *answer, grpc_metadata out_trailers[2])
{
    size_t n = 0;
    if (answer->reason != NULL)
        out_trailers[n++] = (grpc_metadata){
            .key = grpc_slice_from_static_string(RPC_TRAILER_REASON),
            .value = rpc_slice_from_text(answer->reason, RPC_REASON_SIZE_MAX),
        };
    if (answer->retry_after_ms > 0) {
        char text[16];
        snprintf(text, sizeof(text), "%" PRIu32, answer->retry_after_ms);
        out_trailers[n++] = (grpc_metadata){
            .key = grpc_slice_from_static_string(RPC_TRAILER_RETRY_AFTER),
            .value = rpc_slice_from_text(text, sizeof(text)),
        };
    }
    return n;
}

void rpc_call_send(struct rpc_call *c, grpc_byte_buffer *reply, const struct rpc_answer *answer)
{
    assert((reply != NULL) == (answer->status == RPC_OK));
    grpc_metadata trailers[2];
    size_t trailer_count = call_trailers(answer, trailers);
    grpc_slice text = rpc_slice_from_text(answer->text, RPC_TEXT_SIZE_MAX);
    grpc_op ops[4] = {
        {.op = GRPC_OP_SEND_INITIAL_METADATA},
        {.op = GRPC_OP_SEND_STATUS_FROM_SERVER,
         .data.send_status_from_server = {.trailing_metadata_count = trailer_count,
                                          .trailing_metadata = trailers,
                                          .status = (grpc_status_code)answer->status,
                                          .status_details = &text}},
        {.op = GRPC_OP_RECV_CLOSE_ON_SERVER, .data.recv_close_on_server.cancelled = &c->cancelled},
        {.op = GRPC_OP_SEND_MESSAGE, .data.send_message.send_message = reply},
    };
    c->reply = reply;
    c->reply_size = reply == NULL ? 0 : grpc_byte_buffer_length(reply);
    if (c->unsent != NULL)
        atomic_fetch_add_explicit(c->unsent, c->reply_size, memory_order_relaxed);
    rpc_batch_start(c->call, ops, reply == NULL ? 3 : 4, &c->answer_op);
    /* c may be gone by now. The library took references of its own to the slices. */
    for (size_t i = 0; i < trailer_count; i++)
        grpc_slice_unref(trailers[i].value);
    grpc_slice_unref(text);
}

void rpc_call_sent(struct rpc_call *c)
{
    grpc_call_unref(c->call);
    if (c->reply != NULL)
        grpc_byte_buffer_destroy(c->reply);
    if (c->unsent != NULL)
        atomic_fetch_sub_explicit(c->unsent, c->reply_size, memory_order_relaxed);
    c->call = NULL;
    c->reply = NULL;
}

/* The call's own buf stays with it; NULL is for an error. */
static grpc_byte_buffer *call_message(const struct rpc_call *c, struct buf *reply)
{
    if (reply == NULL)
        return NULL;
    return reply == &c->reply_bytes ? rpc_message_copy_buf(reply) : rpc_message_from_buf(reply);
}

/* The holder's answer: it is sent only if no closing server came before it. */
static void call_answer(struct rpc_call *c, struct buf *reply, const struct rpc_answer *answer)
{
    int expected = RPC_CALL_HELD;
    if (atomic_compare_exchange_strong(&c->state, &expected, RPC_CALL_ANSWERED)) {
        rpc_call_send(c, call_message(c, reply), answer);
        return;
    }
    if (reply != NULL)
        buf_fini(reply);
    expected = RPC_CALL_TAKEN;
    if (atomic_compare_exchange_strong(&c->state, &expected, RPC_CALL_LATE))
        return;
    assert(expected == RPC_CALL_GONE); /* Anything else: it was answered twice. */
    rpc_call_free(c);
}

void rpc_call_answer(struct rpc_call *c, struct buf *reply)
{
    call_answer(c, reply, &(struct rpc_answer){.status = RPC_OK});
}

void rpc_call_fail(struct rpc_call *c, enum rpc_status status, const char *text, const char *reason,
                   uint32_t retry_after_ms)
{
    assert(status != RPC_OK);
    call_answer(
        c, NULL,
        &(struct rpc_answer){
            .status = status, .text = text, .reason = reason, .retry_after_ms = retry_after_ms});
}

void rpc_call_peer(struct rpc_call *c, char *out_text, size_t size)
{
    rpc_text_from_peer(c->call, out_text, size);
}
