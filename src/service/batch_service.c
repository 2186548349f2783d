/*
 * batch_service.c -- KV.Batch: many operations under way on one stream, answered as they are done.
 *
 * A message is decoded where it arrives, on the node's poller, and its operations go to the loop
 * in one mail. What one turn of the loop answers leaves in one message; what is answered while
 * that one is on its way leaves in the next.
 *
 * Bounds of a stream. Its next message is asked for only while fewer than UNDER_WAY_MAX operations
 * of BYTES_MAX are under way, and no more than ANSWERS_UNREAD wait for a client that does not read
 * them: the transport makes the sender wait then. batch_answers.h bounds what is taken in already.
 *
 * Who owns what. The poller has `arrived`, `bad` and `spare` from the moment that the next message
 * was asked for until its mail is pushed; everything else, and these at any other time, is the
 * loop's. Nothing needs a lock.
 */
#include <assert.h>

#include "base/mem.h"
#include "base/pool.h"
#include "node/monotime.h"
#include "service/batch_answers.h"
#include "service/kv_answer.h"
#include "wire/batch_wire.h"

#define UNDER_WAY_MAX 1024
#define BYTES_MAX (UINT64_C(8) << 20)
#define ANSWERS_UNREAD ((size_t)1 << 20)

/* What a stream on which nothing happens keeps for later. */
#define SPARE_MAX 16
#define OP_BYTES_KEPT 1024

struct batch {
    struct node *node;
    struct rpc_stream *stream;
    struct node_ops arrived; /* Of struct batch_op, as all lists of operations here. */
    struct list bad;         /* Came with these, and is to be answered with what is wrong. */
    struct list spare;       /* To be used again, by the poller; */
    struct list done;        /* and by the loop, on their way there. */
    uint32_t spare_count;
    uint32_t done_count;
    uint32_t under_way;
    uint64_t bytes_under_way;
    bool arrived_alone; /* The client said so of `arrived`; the poller's, as that is. */
    bool is_alone;      /* It said so of what is under way. */
    bool is_reading;    /* A message was asked for and the loop has not seen it. */
    bool is_ended;      /* The client sends no more. */
    bool is_broken;     /* We have ended the stream, */
    bool is_closed;     /* or it is over: nobody waits for an answer. */
    struct batch_answers answers;
    struct turn_end turn_end;
    struct node_soon soon;
    struct mail written_mail;
    struct mail end_mail;
    struct mail close_mail;
};

struct batch_op {
    struct node_op op;
    struct batch *batch;
    uint64_t number;
    bool has_session;       /* Of a write. */
    enum rpc_status is_bad; /* Not RPC_OK: bytes says what is wrong with it, with its NUL. */
    struct buf bytes;       /* The command, or the key. */
};

/* ---- Operations and their memory ----------------------------------------------------------- */

static struct batch_op *batch_op_of(struct list *link)
{
    return LIST_ENTRY(LIST_ENTRY(link, struct node_op, link), struct batch_op, op);
}

static void batch_op_free(struct batch_op *o)
{
    list_remove(&o->op.link);
    buf_fini(&o->bytes);
    pool_free(o, sizeof(*o));
}

static void ops_free(struct list *ops)
{
    while (!list_is_empty(ops))
        batch_op_free(batch_op_of(ops->next));
}

static void batch_free(struct batch *b)
{
    assert(b->under_way == 0 && list_is_empty(&b->arrived.ops));
    list_remove(&b->turn_end.link);
    list_remove(&b->soon.link);
    ops_free(&b->bad);
    ops_free(&b->spare);
    ops_free(&b->done);
    batch_answers_fini(&b->answers);
    rpc_stream_release(b->stream);
    mem_free(b);
}

/* It was answered. */
static void batch_give_back(struct batch *b, struct batch_op *o)
{
    if (o->bytes.capacity > OP_BYTES_KEPT)
        buf_fini(&o->bytes);
    buf_clear(&o->bytes);
    list_push_back(&b->done, &o->op.link);
    b->done_count++;
}

/* ---- Answers, on the loop ------------------------------------------------------------------ */

/* No answer can be made: the client learns that it will get none. */
static void batch_break(struct batch *b, enum rpc_status status, const char *text)
{
    b->is_broken = true;
    rpc_stream_end(b->stream, status, text);
}

/* Exactly one of failure and answer says how it ended. */
static void batch_answer(struct batch *b, const struct batch_op *o,
                         const struct kv_failure *failure, const struct answer *answer)
{
    if (b->is_closed || b->is_broken)
        return;
    int err = 0;
    if (failure != NULL) {
        err = batch_answers_add_failure(&b->answers, o->number, failure);
    } else if (o->op.op.kind == OP_WRITE) {
        struct wire_write_answer write = kv_write_answer_of(b->node, answer);
        err = batch_answers_add_write(&b->answers, o->number, &write);
    } else {
        struct wire_get_answer read = kv_get_answer_of(b->node, answer);
        err = batch_answers_add_read(&b->answers, o->number, &read);
    }
    if (err != 0)
        batch_break(b, RPC_RESOURCE_EXHAUSTED, "this node has no memory for an answer");
}

/* ---- Reading, on the loop ------------------------------------------------------------------ */

/*
 * To ask for a message costs a packet, which tells the sender how much more it may send, unless an
 * answer went out just before: that says it too. So a client that sends nothing before it has its
 * answer is read on after the answer; or in a while, should it send all the same.
 */
static bool batch_reads_later(struct batch *b)
{
    if (!b->is_alone || b->under_way == 0 || b->is_reading)
        return false;
    node_do_soon(b->node, &b->soon);
    return true;
}

static void batch_on_soon(struct node *n, struct node_soon *soon)
{
    struct batch *b = LIST_ENTRY(soon, struct batch, soon);
    b->is_alone = false;
    node_at_turn_end(n, &b->turn_end);
}

static void batch_read_next(struct batch *b)
{
    if (batch_reads_later(b))
        return;
    list_remove(&b->soon.link);
    if (b->is_reading || b->is_ended || b->is_broken || b->under_way >= UNDER_WAY_MAX ||
        b->bytes_under_way >= BYTES_MAX || b->answers.size >= ANSWERS_UNREAD)
        return;
    list_splice_back(&b->spare, &b->done);
    b->spare_count += b->done_count;
    b->done_count = 0;
    while (b->under_way == 0 && b->spare_count > SPARE_MAX) {
        batch_op_free(batch_op_of(b->spare.next));
        b->spare_count--;
    }
    b->is_reading = true;
    int err = rpc_stream_read_next(b->stream); /* The poller may be at work from here on. */
    assert(err != ERR_BUSY);
    (void)err; /* Closed: close_mail comes, or is here already. */
}

/* Everything that may be possible now. Runs once in a turn, at its end. */
static void batch_settle(struct node *n, struct turn_end *t)
{
    struct batch *b = LIST_ENTRY(t, struct batch, turn_end);
    (void)n;
    if (b->is_closed)
        return; /* Freed by the last of its operations. */
    if (!b->is_broken)
        batch_answers_flush(&b->answers, b->under_way == 0);
    if (b->is_ended && !b->is_broken && b->under_way == 0 && b->answers.size == 0)
        batch_break(b, RPC_OK, NULL); /* After a write that is on its way. */
    batch_read_next(b);
}

/* ---- Mails, on the loop -------------------------------------------------------------------- */

static void batch_on_end(struct node *n, struct node_op *op, enum node_op_end end,
                         const struct answer *answer)
{
    struct batch_op *o = LIST_ENTRY(op, struct batch_op, op);
    struct batch *b = o->batch;
    struct kv_failure failure;
    bool failed = kv_find_failure(op, o->has_session, end, answer, &failure);
    batch_answer(b, o, failed ? &failure : NULL, answer);
    assert(b->under_way > 0 && b->bytes_under_way >= op->size);
    b->under_way--;
    b->bytes_under_way -= op->size;
    batch_give_back(b, o);
    if (!b->is_closed)
        node_at_turn_end(n, &b->turn_end);
    else if (b->under_way == 0)
        batch_free(b);
}

static void batch_on_taken(struct node *n, struct node_ops *arrived)
{
    struct batch *b = LIST_ENTRY(arrived, struct batch, arrived);
    assert(b->is_reading && !b->is_closed);
    b->is_reading = false;
    b->is_alone = b->arrived_alone;
    for (struct list *l = arrived->ops.next; l != &arrived->ops; l = l->next) {
        b->under_way++;
        b->bytes_under_way += LIST_ENTRY(l, struct node_op, link)->size;
    }
    while (!list_is_empty(&b->bad)) {
        struct batch_op *o = batch_op_of(b->bad.next);
        const struct kv_failure failure = {
            .status = o->is_bad,
            .text = (const char *)o->bytes.data,
        };
        batch_answer(b, o, &failure, NULL);
        list_remove(&o->op.link);
        batch_give_back(b, o);
    }
    node_at_turn_end(n, &b->turn_end);
}

static void batch_on_space(struct mail *mail, void *owner)
{
    struct batch *b = LIST_ENTRY(mail, struct batch, written_mail);
    batch_answers_on_space(&b->answers);
    node_at_turn_end(owner, &b->turn_end);
}

static void batch_on_ended(struct mail *mail, void *owner)
{
    struct batch *b = LIST_ENTRY(mail, struct batch, end_mail);
    b->is_reading = false;
    b->is_ended = true;
    node_at_turn_end(owner, &b->turn_end);
}

static void batch_on_closed(struct mail *mail, void *owner)
{
    struct batch *b = LIST_ENTRY(mail, struct batch, close_mail);
    (void)owner;
    b->is_closed = true;
    list_remove(&b->turn_end.link);
    list_remove(&b->soon.link);
    if (b->under_way == 0)
        batch_free(b);
}

/* ---- On the node's poller ------------------------------------------------------------------ */

static struct batch *batch_new(struct node *n, struct rpc_stream *stream)
{
    struct batch *b = mem_alloc_zero(sizeof(*b));
    if (b == NULL)
        return NULL;
    b->node = n;
    b->stream = stream;
    list_init(&b->arrived.ops);
    b->arrived.on_taken = batch_on_taken;
    list_init(&b->bad);
    list_init(&b->spare);
    list_init(&b->done);
    batch_answers_init(&b->answers, n, stream, true); /* The welcome. */
    list_init(&b->turn_end.link);
    b->turn_end.run = batch_settle;
    list_init(&b->soon.link);
    b->soon.run = batch_on_soon;
    b->written_mail.run = batch_on_space;
    b->end_mail.run = batch_on_ended;
    b->close_mail.run = batch_on_closed;
    return b;
}

static void on_open(void *context, struct rpc_stream *stream)
{
    struct node *n = context;
    rpc_stream_set_context(stream, NULL);
    if (!node_is_serving(n)) {
        rpc_stream_end(stream, RPC_UNAVAILABLE,
                       "this node is starting or stopping: try again, or ask another");
        return;
    }
    struct batch *b = batch_new(n, stream);
    if (b == NULL) {
        rpc_stream_end(stream, RPC_RESOURCE_EXHAUSTED, "this node has no memory for a stream");
        return;
    }
    rpc_stream_set_context(stream, b);
    /* The word that operations may come. */
    struct buf nothing = {0};
    b->is_reading = true;
    int err = rpc_stream_write(stream, &nothing);
    if (err == 0)
        err = rpc_stream_read_next(stream);
    (void)err; /* Closed: on_close says so. */
}

/* One to be used again, or a new one; NULL without memory. In no list. */
static struct batch_op *batch_take_spare(struct batch *b)
{
    if (!list_is_empty(&b->spare)) {
        struct batch_op *o = batch_op_of(b->spare.next);
        list_remove(&o->op.link);
        b->spare_count--;
        return o;
    }
    struct batch_op *o = pool_alloc_zero(sizeof(*o));
    if (o == NULL)
        return NULL;
    list_init(&o->op.link);
    o->op.on_end = batch_on_end;
    o->batch = b;
    return o;
}

static int batch_op_decode(struct batch_op *o, const struct wire_batch_op *from,
                           struct wire_arena *arena, struct wire_error *error)
{
    uint64_t deadline_ns = RPC_FOREVER_NS;
    if (from->timeout_ms > 0)
        deadline_ns = monotime_ns() + from->timeout_ms * MONOTIME_MS;
    if (from->is_get) {
        struct wire_get get;
        TRY(wire_decode_get(from->body, arena, &get, error));
        return kv_fill_read(&o->op, &get, deadline_ns, &o->bytes);
    }
    struct command command;
    TRY(wire_decode_write(from->kind, from->body, arena, &command, error));
    o->has_session = command.client_id.size > 0;
    return kv_fill_write(&o->op, &command, deadline_ns, &o->bytes);
}

/* Say what is wrong with it instead. */
static int batch_op_spoil(struct batch_op *o, enum rpc_status status, const char *text)
{
    o->is_bad = status;
    buf_clear(&o->bytes);
    TRY(buf_append(&o->bytes, bytes_of(text)));
    return buf_append_u8(&o->bytes, 0);
}

static int batch_take(struct batch *b, const struct wire_batch_op *from, struct wire_arena *arena)
{
    struct batch_op *o = batch_take_spare(b);
    if (o == NULL)
        return ERR_NO_MEMORY;
    struct wire_error error = {.text = ""};
    o->number = from->number;
    o->has_session = false;
    o->is_bad = RPC_OK;
    int err = from->is_known ? batch_op_decode(o, from, arena, &error) : 0;
    if (err == 0 && from->is_known) {
        list_push_back(&b->arrived.ops, &o->op.link);
        return 0;
    }
    list_push_back(&b->bad, &o->op.link);
    if (err == 0)
        return batch_op_spoil(o, RPC_UNIMPLEMENTED, "this node has no such operation");
    if (err == ERR_INVALID)
        return batch_op_spoil(o, RPC_INVALID_ARGUMENT, error.text);
    return batch_op_spoil(o, kv_failure_memory.status, kv_failure_memory.text);
}

static int batch_decode(struct batch *b, struct bytes in, struct wire_error *error)
{
    struct wire_batch_head head;
    TRY(wire_batch_begin(in, &head, error));
    b->arrived_alone = head.alone;
    struct wire_arena arena;
    wire_arena_init(&arena);
    int err = 0;
    for (uint32_t i = 0; i < head.count && err == 0; i++) {
        struct wire_batch_op from;
        err = wire_batch_next_op(&in, &from, error);
        if (err == 0)
            err = batch_take(b, &from, &arena);
    }
    wire_arena_fini(&arena);
    return err;
}

static void on_message(void *context, struct rpc_stream *stream, struct bytes message)
{
    struct batch *b = context;
    assert(b != NULL && list_is_empty(&b->arrived.ops) && list_is_empty(&b->bad));
    struct wire_error error = {.text = "this node has no memory for the request"};
    int err = batch_decode(b, message, &error);
    if (err == 0) {
        node_submit_all(b->node, &b->arrived);
        return;
    }
    /* Whose answer would be missing cannot be told: nothing of the message is done. */
    ops_free(&b->arrived.ops);
    ops_free(&b->bad);
    rpc_stream_end(stream, err == ERR_INVALID ? RPC_INVALID_ARGUMENT : RPC_RESOURCE_EXHAUSTED,
                   error.text);
}

static void on_end(void *context, struct rpc_stream *stream)
{
    struct batch *b = context;
    (void)stream;
    node_post(b->node, &b->end_mail);
}

static void on_written(void *context, struct rpc_stream *stream)
{
    struct batch *b = context;
    (void)stream;
    if (batch_answers_on_written(&b->answers))
        node_post(b->node, &b->written_mail);
}

static void on_close(void *context, struct rpc_stream *stream, enum rpc_status status,
                     const char *text)
{
    struct batch *b = context;
    (void)status;
    (void)text;
    if (b == NULL)
        rpc_stream_release(stream);
    else
        node_post(b->node, &b->close_mail);
}

const struct rpc_stream_events kv_batch_events = {
    .on_open = on_open,
    .on_message = on_message,
    .on_end = on_end,
    .on_written = on_written,
    .on_close = on_close,
};
