/* lane.c -- see lane.h. */
#include "client/lane.h"

#include <assert.h>
#include <string.h>

#include "base/mem.h"
#include "wire/batch_wire.h"

#define MS_NS UINT64_C(1000000)
#define NEVER UINT64_MAX
#define RETRY_AFTER_MS 100
#define ASK_AGAIN_NS (10000 * MS_NS)
/* Messages with one operation and nothing else under way, after which one says that it is alone. */
#define ALONE_FOR 16

/* A number is how many were sent before, and the place. */
#define PLACE_BITS 16
#define PLACES_MAX ((size_t)1 << PLACE_BITS)

static const struct rpc_stream_events lane_events;
static void lane_on_time(void *context);

void lane_init(struct lane *lane, struct dkv_io *io, struct rpc_channel *channel)
{
    *lane = (struct lane){.io = io, .channel = channel, .timer_at_ns = NEVER};
    pthread_mutex_init(&lane->lock, NULL);
    list_init(&lane->waiting);
    io_timer_init(&lane->timer, lane_on_time, lane);
}

void lane_fini(struct lane *lane)
{
    assert(lane->stream == NULL && list_is_empty(&lane->waiting));
    io_timer_cancel(lane->io, &lane->timer);
    wire_list_fini(&lane->message);
    mem_free(lane->places);
    pthread_mutex_destroy(&lane->lock);
}

/* ---- Places -------------------------------------------------------------------------------- */

/* Give it a number and a place. With the lock held. ERR_FULL (till one is answered),
   ERR_NO_MEMORY. */
static int place_take(struct lane *lane, struct lane_op *op)
{
    uint32_t at = lane->free_place;
    if (at == lane->places_count) {
        if (lane->places_count == PLACES_MAX)
            return ERR_FULL;
        void *places = lane->places;
        TRY(mem_reserve(&places, &lane->places_capacity, lane->places_count + 1,
                        sizeof(*lane->places)));
        lane->places = places;
        lane->places_count++;
        lane->places[at].next_free = at + 1;
    }
    lane->free_place = lane->places[at].next_free;
    lane->places[at].op = op;
    lane->in_flight++;
    op->number = ++lane->sent << PLACE_BITS | at;
    return 0;
}

static void place_free(struct lane *lane, uint32_t at)
{
    assert(lane->places[at].op != NULL);
    lane->places[at] = (struct lane_place){.next_free = lane->free_place};
    lane->in_flight--;
    lane->free_place = at;
}

/* The operation of this number, which leaves its place; NULL: it is not waited for any more. */
static struct lane_op *place_find(struct lane *lane, uint64_t number)
{
    uint64_t at = number & (PLACES_MAX - 1);
    if (at >= lane->places_count)
        return NULL;
    struct lane_op *op = lane->places[at].op;
    if (op == NULL || op->number != number)
        return NULL;
    place_free(lane, (uint32_t)at);
    return op;
}

/* ---- Sending, with the lock held ----------------------------------------------------------- */

static int lane_encode(struct lane *lane, struct lane_op *op, uint64_t now_ns)
{
    TRY(place_take(lane, op));
    uint64_t left_ms = op->deadline_ns > now_ns ? (op->deadline_ns - now_ns) / MS_NS : 0;
    uint32_t timeout_ms = left_ms == 0 ? 1 : left_ms < UINT32_MAX ? (uint32_t)left_ms : UINT32_MAX;
    int err = op->get != NULL
                  ? wire_batch_add_get(&lane->message, op->number, timeout_ms, op->get)
                  : wire_batch_add_write(&lane->message, op->number, timeout_ms, op->write);
    if (err != 0) {
        place_free(lane, (uint32_t)(op->number & (PLACES_MAX - 1)));
        op->number = 0;
    }
    return err;
}

/*
 * Who has done one thing at a time for a while, and does now, says so: it will most likely do so
 * on.
 */
static void lane_say_alone(struct lane *lane)
{
    lane->alone = lane->in_flight == 1 ? lane->alone + 1 : 0;
    if (lane->alone <= ALONE_FOR)
        return;
    int err = wire_batch_add_alone(&lane->message);
    (void)err; /* No memory: then not. */
}

/* Send what waits, as much as fits into one message, if none is on its way. */
static void lane_flush(struct lane *lane)
{
    if (lane->state != LANE_OPEN || lane->is_writing || lane->is_held)
        return;
    uint64_t now_ns = io_now_ns();
    while (!list_is_empty(&lane->waiting)) {
        struct lane_op *op = LIST_ENTRY(lane->waiting.next, struct lane_op, link);
        if (lane_encode(lane, op, now_ns) != 0)
            break;
        list_remove(&op->link);
    }
    if (lane->message.count == 0)
        return;
    lane_say_alone(lane);
    /* Closed: on_close comes, and tells those that are in it. */
    lane->is_writing = rpc_stream_write(lane->stream, &lane->message.buf) == 0;
    wire_list_clear(&lane->message);
}

/* There was no memory to send what waits, and nothing is under way after which to try again. */
static bool lane_is_stuck(const struct lane *lane)
{
    return lane->state == LANE_OPEN && !lane->is_writing && !lane->is_held &&
           lane->in_flight == 0 && !list_is_empty(&lane->waiting);
}

/* ---- Submitting ---------------------------------------------------------------------------- */

static int lane_open(struct lane *lane)
{
    TRY(rpc_channel_stream(lane->channel, WIRE_KV_BATCH, &lane_events, lane, &lane->stream));
    lane->state = LANE_OPENING;
    int err = rpc_stream_read_next(lane->stream);
    assert(err != ERR_BUSY);
    (void)err; /* Closed: on_close comes. */
    return 0;
}

static int lane_watch(struct lane *lane, uint64_t deadline_ns)
{
    if (deadline_ns >= lane->timer_at_ns)
        return 0;
    TRY(io_timer_set(lane->io, &lane->timer, deadline_ns));
    lane->timer_at_ns = deadline_ns;
    return 0;
}

int lane_submit(struct lane *lane, struct lane_op *op)
{
    assert((op->get != NULL) != (op->write != NULL));
    op->number = 0;
    list_init(&op->link);
    pthread_mutex_lock(&lane->lock);
    int err = lane_watch(lane, op->deadline_ns);
    if (lane->state == LANE_UNKNOWN && io_now_ns() < lane->ask_again_ns)
        err = ERR_NOT_FOUND;
    if (err == 0 && (lane->state == LANE_CLOSED || lane->state == LANE_UNKNOWN))
        err = lane_open(lane);
    if (err == 0) {
        list_push_back(&lane->waiting, &op->link);
        lane_flush(lane);
        if (lane_is_stuck(lane) && !list_is_empty(&op->link)) {
            list_remove(&op->link);
            err = ERR_NO_MEMORY;
        }
    }
    pthread_mutex_unlock(&lane->lock);
    return err;
}

/* ---- Attempts that end without an answer ---------------------------------------------------- */

/* Move what was sent, and is due by then, to a list. With the lock held. */
static void lane_take_sent(struct lane *lane, uint64_t due_ns, struct list *out)
{
    for (size_t i = 0; i < lane->places_count; i++) {
        struct lane_op *op = lane->places[i].op;
        if (op == NULL || op->deadline_ns > due_ns)
            continue;
        place_free(lane, (uint32_t)i);
        list_push_back(out, &op->link);
    }
}

static void lane_take_waiting(struct lane *lane, uint64_t due_ns, struct list *out)
{
    struct list *next = NULL;
    for (struct list *l = lane->waiting.next; l != &lane->waiting; l = next) {
        next = l->next;
        if (LIST_ENTRY(l, struct lane_op, link)->deadline_ns > due_ns)
            continue;
        list_remove(l);
        list_push_back(out, l);
    }
}

static struct lane_op *take_first(struct list *ops)
{
    struct lane_op *op = LIST_ENTRY(ops->next, struct lane_op, link);
    list_remove(&op->link);
    return op;
}

static void fail_all(struct list *ops, const struct rpc_reply *reply)
{
    while (!list_is_empty(ops)) {
        struct lane_op *op = take_first(ops);
        op->on_reply(op, reply);
    }
}

/* What a stream that ended with this status says about operations that were not sent on it. */
static struct rpc_reply reply_of_unsent(enum rpc_status status, const char *text)
{
    struct rpc_reply reply = {
        .status = RPC_UNAVAILABLE, .text = text, .reason = WIRE_REASON_NOT_APPLIED};
    if (status == RPC_PERMISSION_DENIED || status == RPC_UNAUTHENTICATED)
        reply.status = status;
    if (status == RPC_RESOURCE_EXHAUSTED) {
        reply.status = status;
        reply.retry_after_ms = RETRY_AFTER_MS;
    }
    return reply;
}

/* Send what has gathered. On the poller, with the lock held, which it releases. */
static void lane_go_on(struct lane *lane)
{
    struct list unsent;
    list_init(&unsent);
    lane_flush(lane);
    if (lane_is_stuck(lane))
        lane_take_waiting(lane, NEVER, &unsent);
    pthread_mutex_unlock(&lane->lock);
    struct rpc_reply reply = reply_of_unsent(RPC_UNAVAILABLE, "out of memory");
    fail_all(&unsent, &reply);
}

/* ---- Answers ------------------------------------------------------------------------------- */

static void lane_answer(struct lane *lane, const struct wire_batch_answer *a)
{
    pthread_mutex_lock(&lane->lock);
    struct lane_op *op = place_find(lane, a->number);
    pthread_mutex_unlock(&lane->lock);
    if (op == NULL)
        return; /* Its time was up. */
    struct rpc_reply reply = {
        .status = (enum rpc_status)a->code,
        .text = a->text,
        .reason = a->reason,
        .retry_after_ms = a->retry_after_ms,
        .body = a->body,
    };
    if (a->code == 0 && a->is_get != (op->get != NULL)) {
        reply.status = RPC_INTERNAL;
        reply.text = "the node answered something else";
    }
    op->on_reply(op, &reply);
}

static void lane_on_message(void *context, struct rpc_stream *stream, struct bytes message)
{
    struct lane *lane = context;
    pthread_mutex_lock(&lane->lock);
    lane->state = LANE_OPEN;
    lane->is_held = true;
    pthread_mutex_unlock(&lane->lock);

    struct wire_batch_answer a;
    struct wire_error error;
    int err = 0;
    while ((err = wire_batch_next_answer(&message, &a, &error)) == 0)
        lane_answer(lane, &a);

    pthread_mutex_lock(&lane->lock);
    lane->is_held = false;
    lane_go_on(lane);
    if (err != ERR_NOT_FOUND)
        rpc_stream_cancel(stream); /* It does not speak our language: whoever waits is told. */
    err = rpc_stream_read_next(stream);
    (void)err; /* Closed: on_close comes. */
}

static void lane_on_written(void *context, struct rpc_stream *stream)
{
    struct lane *lane = context;
    (void)stream;
    pthread_mutex_lock(&lane->lock);
    lane->is_writing = false;
    lane_go_on(lane);
}

/* ---- The end of a stream, and of a deadline ------------------------------------------------ */

static void lane_on_close(void *context, struct rpc_stream *stream, enum rpc_status status,
                          const char *text)
{
    struct lane *lane = context;
    struct list sent;
    struct list unsent;
    list_init(&sent);
    list_init(&unsent);
    pthread_mutex_lock(&lane->lock);
    assert(lane->stream == stream);
    bool is_unknown = lane->state == LANE_OPENING && status == RPC_UNIMPLEMENTED;
    lane->state = is_unknown ? LANE_UNKNOWN : LANE_CLOSED;
    lane->ask_again_ns = io_now_ns() + ASK_AGAIN_NS;
    lane->stream = NULL;
    lane->is_writing = false;
    lane_take_sent(lane, NEVER, &sent);
    lane_take_waiting(lane, NEVER, &unsent);
    pthread_mutex_unlock(&lane->lock);
    rpc_stream_release(stream);

    if (text[0] == '\0')
        text = "the node ended the stream";
    fail_all(&sent, &(struct rpc_reply){.status = RPC_UNAVAILABLE, .text = text, .reason = ""});
    while (is_unknown && !list_is_empty(&unsent)) {
        struct lane_op *op = take_first(&unsent);
        op->on_unknown(op);
    }
    struct rpc_reply reply = reply_of_unsent(status, text);
    fail_all(&unsent, &reply);
}

/* The earliest deadline there is; NEVER: there is none. With the lock held. */
static uint64_t lane_next_deadline(const struct lane *lane)
{
    uint64_t next_ns = NEVER;
    for (size_t i = 0; i < lane->places_count; i++) {
        const struct lane_op *op = lane->places[i].op;
        if (op != NULL && op->deadline_ns < next_ns)
            next_ns = op->deadline_ns;
    }
    for (struct list *l = lane->waiting.next; l != &lane->waiting; l = l->next) {
        const struct lane_op *op = LIST_ENTRY(l, struct lane_op, link);
        /* Not the head of a list, as the analyzer thinks. NOLINTNEXTLINE(clang-analyzer-*) */
        if (op->deadline_ns < next_ns)
            next_ns = op->deadline_ns;
    }
    return next_ns;
}

/* Most deadlines never come: the timer is for the earliest at the time when it was started. */
static void lane_on_time(void *context)
{
    struct lane *lane = context;
    struct list sent;
    struct list unsent;
    list_init(&sent);
    list_init(&unsent);
    uint64_t now_ns = io_now_ns();
    pthread_mutex_lock(&lane->lock);
    lane_take_sent(lane, now_ns, &sent);
    lane_take_waiting(lane, now_ns, &unsent);
    lane_flush(lane); /* There may be places now. */
    lane->timer_at_ns = NEVER;
    if (lane_watch(lane, lane_next_deadline(lane)) != 0) {
        /* No memory for a timer: sooner rather than never. */
        lane_take_sent(lane, NEVER, &sent);
        lane_take_waiting(lane, NEVER, &unsent);
    }
    pthread_mutex_unlock(&lane->lock);
    fail_all(&sent, &(struct rpc_reply){.status = RPC_DEADLINE_EXCEEDED,
                                        .text = "no answer in time",
                                        .reason = ""});
    struct rpc_reply late = reply_of_unsent(RPC_UNAVAILABLE, "the node took no operation in time");
    fail_all(&unsent, &late);
}

static const struct rpc_stream_events lane_events = {
    .on_message = lane_on_message,
    .on_written = lane_on_written,
    .on_close = lane_on_close,
};
