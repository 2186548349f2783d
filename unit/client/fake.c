/* fake.c -- see fake.h. */
#define _GNU_SOURCE
#include "fake.h"

#include <stdlib.h>
#include <string.h>

#include "base/list.h"
#include "base/mem.h"
#include "wire/batch_wire.h"

/* One Batch stream. Lives until the fake stops: held operations may be of a stream that is over. */
struct fake_stream {
    struct list link;
    struct fake *fake;
    struct rpc_stream *stream;
    pthread_mutex_t lock;
    struct buf pending;
    bool is_writing;
    bool is_held; /* A message is being answered: all of it in one. */
};

/* ---- Answers ------------------------------------------------------------------------------- */

static int put_varint(struct buf *out, uint64_t v)
{
    for (; v >= 0x80; v >>= 7)
        TRY(buf_append_u8(out, (uint8_t)(v | 0x80)));
    return buf_append_u8(out, (uint8_t)v);
}

/* With the lock held. */
static void stream_flush(struct fake_stream *s)
{
    if (s->is_writing || s->is_held || s->pending.size == 0)
        return;
    s->is_writing = rpc_stream_write(s->stream, &s->pending) == 0;
    buf_clear(&s->pending);
}

static void stream_hold(struct fake_stream *s, bool is_held)
{
    pthread_mutex_lock(&s->lock);
    s->is_held = is_held;
    stream_flush(s);
    pthread_mutex_unlock(&s->lock);
}

/* Without memory for an answer the stream ends: an answer less would be waited for. */
static void stream_send(struct fake_stream *s, int err, struct bytes message)
{
    pthread_mutex_lock(&s->lock);
    if (err == 0)
        err = buf_append(&s->pending, message);
    if (err == 0)
        stream_flush(s);
    else
        rpc_stream_cancel(s->stream);
    pthread_mutex_unlock(&s->lock);
}

/* An answer of any bytes: what wire/ would make of it is not asked. */
static int stream_encode(const struct fake_call *call, struct bytes body, struct buf *element,
                         struct buf *message)
{
    TRY(put_varint(element, 1 << 3));
    TRY(put_varint(element, call->number));
    TRY(put_varint(element, (call->is_get ? 2 : 3) << 3 | 2));
    TRY(put_varint(element, body.size));
    TRY(buf_append(element, body));
    TRY(put_varint(message, 1 << 3 | 2));
    TRY(put_varint(message, element->size));
    return buf_append(message, buf_bytes(element));
}

static void stream_answer(const struct fake_call *call, struct bytes body)
{
    struct buf element = {0};
    struct buf message = {0};
    int err = stream_encode(call, body, &element, &message);
    stream_send(call->stream, err, buf_bytes(&message));
    buf_fini(&element);
    buf_fini(&message);
}

static void fake_error(const struct fake_call *call, enum rpc_status status, const char *text,
                       const char *reason, uint32_t retry_after_ms)
{
    if (call->stream == NULL) {
        rpc_call_fail(call->call, status, text, reason, retry_after_ms);
        return;
    }
    const struct wire_batch_error error = {
        .code = (uint32_t)status, .text = text, .reason = reason, .retry_after_ms = retry_after_ms};
    struct wire_list list = {0};
    int err = wire_batch_add_error(&list, call->number, &error);
    stream_send(call->stream, err, buf_bytes(&list.buf));
    wire_list_fini(&list);
}

static void fake_fail(const struct fake_call *call, const struct fake_plan *plan)
{
    fake_error(call, plan->status, "as planned", plan->reason, plan->retry_after_ms);
}

static void fake_reply(const struct fake_call *call, struct buf *reply, int err)
{
    if (err != 0)
        fake_error(call, RPC_INTERNAL, "the fake has no memory", NULL, 0);
    else if (call->stream == NULL)
        rpc_call_answer(call->call, reply);
    else
        stream_answer(call, buf_bytes(reply));
    buf_fini(reply);
}

/* ---- Operations ---------------------------------------------------------------------------- */

static void on_hello(void *context, struct rpc_call *call, struct bytes request,
                     uint64_t deadline_ns)
{
    struct fake *f = context;
    (void)deadline_ns;
    assert_int_equal(request.size, 0);
    pthread_mutex_lock(&f->lock);
    const struct wire_kv_hello hello = {
        .node = f->id, .cluster = "test", .applied = f->slot, .version = "test"};
    pthread_mutex_unlock(&f->lock);
    struct buf reply = {0};
    int err = wire_encode_kv_hello(&hello, &reply);
    counter_add(&f->hellos, 1);
    fake_reply(&(struct fake_call){.call = call}, &reply, err);
}

/* What is to be done with the operation that just arrived. */
static struct fake_plan fake_next(struct fake *f, const struct fake_seen *seen,
                                  const struct fake_call *call)
{
    pthread_mutex_lock(&f->lock);
    f->seen[counter_get(&f->arrived) % FAKE_SEEN_MAX] = *seen;
    struct fake_plan plan = f->plan;
    if (plan.times == 0)
        plan.does = FAKE_ANSWERS;
    else
        f->plan.times--;
    if (plan.does == FAKE_HOLDS) {
        assert_true(f->held_count < FAKE_HELD_MAX);
        f->held[f->held_count] = *call;
        f->held_count++;
    }
    pthread_mutex_unlock(&f->lock);
    counter_add(&f->arrived, 1);
    return plan;
}

/* True: the plan dealt with the call. */
static bool fake_follow(const struct fake_plan *plan, const struct fake_call *call)
{
    struct buf babble = {0};
    switch (plan->does) {
    case FAKE_ANSWERS:
        return false;
    case FAKE_HOLDS:
        return true;
    case FAKE_FAILS:
        fake_fail(call, plan);
        return true;
    case FAKE_BABBLES:
        break;
    }
    fake_reply(call, &babble, buf_append(&babble, bytes_of("\xff\xff\xff")));
    return true;
}

static void fake_on_get(struct fake *f, const struct fake_call *call, struct bytes request,
                        uint64_t deadline_ns)
{
    struct wire_arena arena;
    struct wire_error error;
    struct wire_get get;
    wire_arena_init(&arena);
    int err = wire_decode_get(request, &arena, &get, &error);
    struct fake_seen seen = {.deadline_ns = deadline_ns};
    if (err == 0) {
        seen.consistency = get.consistency;
        seen.min_slot = get.min_slot;
    }
    wire_arena_fini(&arena);
    struct fake_plan plan = fake_next(f, &seen, call);
    if (fake_follow(&plan, call))
        return;
    pthread_mutex_lock(&f->lock);
    const struct wire_get_answer answer = {
        .slot = f->slot,
        .revision = 7,
        .node = f->id,
        .found = f->value.data != NULL,
        .value = buf_bytes(&f->value),
        .create_revision = 3,
        .mod_revision = 5,
        .version = 2,
    };
    struct buf reply = {0};
    if (err == 0)
        err = wire_encode_get_answer(&answer, &reply);
    pthread_mutex_unlock(&f->lock);
    fake_reply(call, &reply, err);
}

static void fake_answer_write(struct fake *f, const struct fake_call *call, const struct command *c)
{
    pthread_mutex_lock(&f->lock);
    f->slot++;
    struct wire_write_answer answer = {
        .slot = f->slot,
        .revision = 9,
        .node = f->id,
        .applied = c == NULL || c->kind != COMMAND_CAS,
        .found = true,
    };
    if (c != NULL && (c->want_previous || c->kind == COMMAND_CAS)) {
        answer.has_previous = true;
        answer.previous = bytes_of("before");
    }
    if (c != NULL && c->kind == COMMAND_APPEND) {
        answer.has_output = true;
        answer.output = bytes_of("before and after");
    }
    int err = 0;
    if (c != NULL && c->kind == COMMAND_PUT) {
        buf_clear(&f->value);
        err = buf_append(&f->value, c->value);
    }
    pthread_mutex_unlock(&f->lock);
    struct buf reply = {0};
    if (err == 0)
        err = wire_encode_write_answer(&answer, &reply);
    fake_reply(call, &reply, err);
}

static void fake_on_write(struct fake *f, enum command_kind kind, const struct fake_call *call,
                          struct bytes request, uint64_t deadline_ns)
{
    struct wire_arena arena;
    struct wire_error error;
    struct command c;
    wire_arena_init(&arena);
    int err = wire_decode_write(kind, request, &arena, &c, &error);
    if (err != 0) {
        wire_arena_fini(&arena);
        fake_error(call, err == ERR_INVALID ? RPC_INVALID_ARGUMENT : RPC_INTERNAL, error.text, NULL,
                   0);
        return;
    }
    struct fake_seen seen = {
        .kind = kind,
        .client_id_size = c.client_id.size,
        .op_id = c.op_id,
        .floor = c.floor,
        .born = c.born,
        .want_previous = c.want_previous,
        .expect = c.expect,
        .expected_revision = c.expected_revision,
        .deadline_ns = deadline_ns,
    };
    if (c.client_id.size > 0)
        memcpy(seen.client_id, c.client_id.data, c.client_id.size);
    struct fake_plan plan = fake_next(f, &seen, call);
    if (!fake_follow(&plan, call))
        fake_answer_write(f, call, &c);
    wire_arena_fini(&arena);
}

static void on_get(void *context, struct rpc_call *call, struct bytes request, uint64_t deadline_ns)
{
    fake_on_get(context, &(struct fake_call){.call = call}, request, deadline_ns);
}

static void on_put(void *context, struct rpc_call *call, struct bytes request, uint64_t deadline_ns)
{
    fake_on_write(context, COMMAND_PUT, &(struct fake_call){.call = call}, request, deadline_ns);
}

static void on_append(void *context, struct rpc_call *call, struct bytes request,
                      uint64_t deadline_ns)
{
    fake_on_write(context, COMMAND_APPEND, &(struct fake_call){.call = call}, request, deadline_ns);
}

static void on_delete(void *context, struct rpc_call *call, struct bytes request,
                      uint64_t deadline_ns)
{
    fake_on_write(context, COMMAND_DELETE, &(struct fake_call){.call = call}, request, deadline_ns);
}

static void on_cas(void *context, struct rpc_call *call, struct bytes request, uint64_t deadline_ns)
{
    fake_on_write(context, COMMAND_CAS, &(struct fake_call){.call = call}, request, deadline_ns);
}

/* ---- Batch --------------------------------------------------------------------------------- */

static void on_open(void *context, struct rpc_stream *stream)
{
    struct fake *f = context;
    struct fake_stream *s = mem_alloc_zero(sizeof(*s));
    rpc_stream_set_context(stream, s);
    if (s == NULL) {
        rpc_stream_end(stream, RPC_UNAVAILABLE, "the fake has no memory");
        return;
    }
    s->fake = f;
    s->stream = stream;
    pthread_mutex_init(&s->lock, NULL);
    pthread_mutex_lock(&f->lock);
    list_push_back(&f->streams, &s->link);
    pthread_mutex_unlock(&f->lock);
    counter_add(&f->opened, 1);
    struct buf nothing = {0};
    s->is_writing = rpc_stream_write(stream, &nothing) == 0;
    int err = rpc_stream_read_next(stream);
    (void)err;
}

static void on_message(void *context, struct rpc_stream *stream, struct bytes message)
{
    struct fake_stream *s = context;
    struct wire_batch_op op;
    struct wire_error error;
    stream_hold(s, true);
    while (wire_batch_next_op(&message, &op, &error) == 0) {
        const struct fake_call call = {.stream = s, .number = op.number, .is_get = op.is_get};
        uint64_t deadline_ns = now_ns() + op.timeout_ms * MS_NS;
        if (op.is_get)
            fake_on_get(s->fake, &call, op.body, deadline_ns);
        else
            fake_on_write(s->fake, op.kind, &call, op.body, deadline_ns);
    }
    assert_int_equal(message.size, 0);
    stream_hold(s, false);
    counter_add(&s->fake->messages, 1);
    int err = rpc_stream_read_next(stream);
    (void)err;
}

static void on_written(void *context, struct rpc_stream *stream)
{
    struct fake_stream *s = context;
    (void)stream;
    pthread_mutex_lock(&s->lock);
    s->is_writing = false;
    stream_flush(s);
    pthread_mutex_unlock(&s->lock);
}

static void on_close(void *context, struct rpc_stream *stream, enum rpc_status status,
                     const char *why)
{
    (void)status;
    (void)why;
    if (context == NULL)
        rpc_stream_release(stream);
}

static const struct rpc_stream_events batch_events = {
    .on_open = on_open,
    .on_message = on_message,
    .on_written = on_written,
    .on_close = on_close,
};

static void streams_free(struct fake *f)
{
    while (!list_is_empty(&f->streams)) {
        struct fake_stream *s = LIST_ENTRY(f->streams.next, struct fake_stream, link);
        list_remove(&s->link);
        rpc_stream_release(s->stream);
        pthread_mutex_destroy(&s->lock);
        buf_fini(&s->pending);
        mem_free(s);
    }
}

void fake_break_streams(struct fake *f)
{
    pthread_mutex_lock(&f->lock);
    for (struct list *l = f->streams.next; l != &f->streams; l = l->next)
        rpc_stream_cancel(LIST_ENTRY(l, struct fake_stream, link)->stream);
    pthread_mutex_unlock(&f->lock);
}

/* ---- Life ---------------------------------------------------------------------------------- */

bool fake_has_batch(void)
{
    return getenv("FAKE_BATCH") != NULL;
}

void fake_start(struct fake *f, uint32_t id)
{
    memset(f, 0, sizeof(*f));
    f->id = id;
    f->slot = 100;
    f->arrived = COUNTER_INIT;
    f->hellos = COUNTER_INIT;
    f->opened = COUNTER_INIT;
    f->messages = COUNTER_INIT;
    list_init(&f->streams);
    pthread_mutex_init(&f->lock, NULL);
    const struct rpc_method methods[] = {
        {.name = WIRE_KV_HELLO, .unary = on_hello, .context = f},
        {.name = WIRE_KV_GET, .unary = on_get, .context = f},
        {.name = WIRE_KV_PUT, .unary = on_put, .context = f},
        {.name = WIRE_KV_APPEND, .unary = on_append, .context = f},
        {.name = WIRE_KV_DELETE, .unary = on_delete, .context = f},
        {.name = WIRE_KV_COMPARE_AND_SET, .unary = on_cas, .context = f},
        {.name = WIRE_KV_BATCH, .stream = &batch_events, .context = f},
    };
    size_t count = sizeof(methods) / sizeof(methods[0]);
    f->server = server_start(methods, fake_has_batch() ? count : count - 1);
}

void fake_stop(struct fake *f)
{
    const struct fake_plan stopped = {.status = RPC_UNAVAILABLE};
    rpc_server_close(f->server);
    for (uint32_t i = 0; i < f->held_count; i++) {
        if (f->held[i].call != NULL)
            fake_fail(&f->held[i], &stopped);
    }
    streams_free(f);
    buf_fini(&f->value);
    pthread_mutex_destroy(&f->lock);
}

void fake_plan(struct fake *f, const struct fake_plan *plan)
{
    pthread_mutex_lock(&f->lock);
    f->plan = *plan;
    pthread_mutex_unlock(&f->lock);
}

void fake_set_slot(struct fake *f, uint64_t slot)
{
    pthread_mutex_lock(&f->lock);
    f->slot = slot;
    pthread_mutex_unlock(&f->lock);
}

struct fake_seen fake_seen(struct fake *f, uint64_t index)
{
    assert_true(counter_wait(&f->arrived, index + 1));
    pthread_mutex_lock(&f->lock);
    struct fake_seen seen = f->seen[index % FAKE_SEEN_MAX];
    pthread_mutex_unlock(&f->lock);
    return seen;
}

void fake_release(struct fake *f, uint32_t index)
{
    pthread_mutex_lock(&f->lock);
    struct fake_call call = f->held[index];
    f->held[index] = (struct fake_call){0};
    pthread_mutex_unlock(&f->lock);
    assert_true(call.call != NULL || call.stream != NULL);
    fake_answer_write(f, &call, NULL);
}

uint16_t fake_port(const struct fake *f)
{
    return rpc_server_port(f->server);
}
