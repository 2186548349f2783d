/*
 * operation.c -- one operation's way through attempts to its answer. See dkv.h, operation.h.
 *
 * An operation tries the endpoint that served last. When that fails, the next one at once; when all
 * have failed, the round begins again after a pause that doubles. What makes this safe for writes
 * is the session (docs/protocol.md, section 4): op_id and born stay the same over all attempts of
 * an operation, and an operation that may have been applied never takes a new born.
 *
 * An operation is in exactly one place at a time: with the transport, which calls
 * operation_on_reply; with a timer, which calls operation_attempt; or with the function that runs.
 */
#include "client/operation.h"

#include <assert.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/pool.h"
#include "client/answer.h"
#include "client/client.h"
#include "wire/kv_wire.h"

#define MS_NS UINT64_C(1000000)
#define PAUSE_LAST_NS (500 * MS_NS)

/* Hardly time for another attempt: the last one's words are better than "deadline exceeded". */
#define ATTEMPT_MIN_NS (20 * MS_NS)

static bool operation_has_session(const struct operation *op)
{
    return operation_is_write(op) && !op->client->no_session;
}

/* ---- The end ------------------------------------------------------------------------------- */

void operation_free(struct operation *op)
{
    if (op != NULL)
        pool_free(op, sizeof(*op) + op->bytes_size);
}

static void operation_finish(struct operation *op, enum dkv_status status, const char *text)
{
    struct dkv_client *client = op->client;
    op->answer.status = status;
    snprintf(op->answer.text, sizeof(op->answer.text), "%s", text);

    /* The answer is there: what the callback submits may raise the floor. */
    pthread_mutex_lock(&client->lock);
    list_remove(&op->link);
    client->ending++;
    pthread_mutex_unlock(&client->lock);

    op->on_answer(op->context, &op->answer);
    dkv_answer_fini(&op->answer);
    operation_free(op);

    pthread_mutex_lock(&client->lock);
    client->ending--;
    if (client->closing)
        pthread_cond_broadcast(&client->changed);
    pthread_mutex_unlock(&client->lock);
}

/* status is that of an operation that was certainly not applied. */
static void operation_give_up(struct operation *op, enum dkv_status status, const char *text)
{
    operation_finish(op, op->maybe_applied ? DKV_UNKNOWN : status, text);
}

/* ---- From one attempt to the next ---------------------------------------------------------- */

/*
 * Try again, at once or after a pause; or not at all, when the time is up. Through the timer also
 * when there is nothing to wait for: a reply may come from within the call that sent the request,
 * and must not recurse.
 */
static void operation_again(struct operation *op, uint64_t wait_ns, enum dkv_status status,
                            const char *text)
{
    struct dkv_client *client = op->client;
    uint64_t at_ns = io_now_ns() + wait_ns;
    if (at_ns + ATTEMPT_MIN_NS >= op->deadline_ns) {
        operation_give_up(op, status, text);
        return;
    }
    pthread_mutex_lock(&client->lock);
    bool closing = client->closing;
    int err = closing ? 0 : io_timer_start(client->io, &op->timer, at_ns);
    pthread_mutex_unlock(&client->lock);
    if (closing)
        operation_give_up(op, DKV_UNAVAILABLE, "the client is being closed");
    else if (err != 0)
        operation_give_up(op, DKV_NO_MEMORY, "out of memory");
}

static uint64_t operation_next_pause(struct operation *op)
{
    uint64_t pause_ns = op->pause_ns;
    op->pause_ns = pause_ns * 2 < PAUSE_LAST_NS ? pause_ns * 2 : PAUSE_LAST_NS;
    return pause_ns;
}

/* To the next endpoint, not before wait_ns. */
static void operation_move_on(struct operation *op, uint64_t wait_ns, enum dkv_status status,
                              const char *why)
{
    struct dkv_client *client = op->client;
    char text[sizeof(op->answer.text)];
    snprintf(text, sizeof(text), "%s: %s", client->endpoints.addresses[op->endpoint], why);
    op->endpoint = (op->endpoint + 1) % client->endpoints.count;
    op->failed_in_row++;
    if (op->failed_in_row % client->endpoints.count == 0) {
        uint64_t pause_ns = operation_next_pause(op);
        wait_ns = wait_ns > pause_ns ? wait_ns : pause_ns;
    }
    operation_again(op, wait_ns, status, text);
}

/*
 * The session was forgotten, but nobody can have executed this op: it takes a new born, from the
 * node that said so, because that one has applied more than what made the old born too old.
 */
static bool operation_renew(struct operation *op, const char *text)
{
    if (!op->may_renew || op->maybe_applied)
        return false;
    op->needs_born = true;
    op->wants_hello = true;
    op->renewals++;
    operation_again(op, op->renewals == 1 ? 0 : operation_next_pause(op), DKV_EXPIRED, text);
    return true;
}

/* The node, or the way to it, did not do it. */
static void operation_on_failure(struct operation *op, const struct rpc_reply *reply)
{
    enum dkv_status status;
    enum verdict verdict = answer_judge(reply, &status);
    if (status == DKV_EXPIRED && operation_renew(op, reply->text))
        return;
    switch (verdict) {
    case VERDICT_REFUSED:
        operation_finish(op, status, reply->text);
        return;
    case VERDICT_OVER:
        operation_give_up(op, status, reply->text);
        return;
    case VERDICT_BUSY:
        operation_move_on(op, reply->retry_after_ms * MS_NS, status, reply->text);
        return;
    case VERDICT_DENIED:
        operation_move_on(op, 0, status, reply->text);
        return;
    case VERDICT_OPEN:
        break;
    }
    bool was_write = operation_is_write(op) && !op->asks_hello;
    op->maybe_applied = op->maybe_applied || was_write;
    if (was_write && op->client->no_session)
        operation_give_up(op, status, reply->text);
    else
        operation_move_on(op, 0, status, reply->text);
}

static void operation_on_hello(struct operation *op, struct bytes body)
{
    struct wire_arena arena;
    struct wire_error error;
    struct wire_kv_hello hello;
    wire_arena_init(&arena);
    int err = wire_decode_kv_hello(body, &arena, &hello, &error);
    uint64_t applied = err == 0 ? hello.applied : 0;
    wire_arena_fini(&arena);
    if (err != 0) {
        operation_move_on(op, 0, DKV_FAILED, error.text);
        return;
    }
    client_note_slot(op->client, applied, op->endpoint);
    op->wants_hello = false;
    operation_attempt(op);
}

static void operation_on_success(struct operation *op, struct bytes body)
{
    struct wire_error error = {.text = ""};
    int err = operation_is_write(op) ? answer_read_write(&op->answer, body, &error)
                                     : answer_read_get(&op->answer, body, &error);
    if (err == ERR_NO_MEMORY) {
        operation_finish(op, DKV_NO_MEMORY, "out of memory for the answer: the operation was done");
    } else if (err != 0) {
        operation_finish(op, DKV_FAILED, error.text);
    } else {
        client_note_slot(op->client, op->answer.slot, op->endpoint);
        operation_finish(op, DKV_OK, "");
    }
}

static void operation_on_reply(void *context, const struct rpc_reply *reply)
{
    struct operation *op = context;
    if (reply->status != RPC_OK)
        operation_on_failure(op, reply);
    else if (op->asks_hello)
        operation_on_hello(op, reply->body);
    else
        operation_on_success(op, reply->body);
}

/* ---- An attempt ---------------------------------------------------------------------------- */

/*
 * What this attempt says of the session. born is the highest slot seen before the op is first sent,
 * and then stays; the floor may rise between attempts. False: a Hello has to come first.
 */
static bool operation_enter_session(struct operation *op)
{
    struct dkv_client *client = op->client;
    struct command *c = &op->command;
    pthread_mutex_lock(&client->lock);
    const struct operation *first = LIST_ENTRY(client->writes.next, struct operation, link);
    c->floor = client->floor_is_given ? client->floor : first->command.op_id;
    bool has_born = !op->needs_born;
    if (!has_born && client->has_seen && !op->wants_hello) {
        c->born = client->seen;
        op->needs_born = false;
        has_born = true;
    }
    pthread_mutex_unlock(&client->lock);
    op->answer.floor = c->floor;
    op->answer.born = c->born;
    return has_born;
}

static int operation_encode(const struct operation *op, struct buf *request,
                            const char **out_method)
{
    if (op->asks_hello) {
        *out_method = WIRE_KV_HELLO;
        return 0; /* Its request is empty. */
    }
    if (operation_is_write(op)) {
        *out_method = wire_write_method(op->command.kind);
        return wire_encode_write(&op->command, request);
    }
    *out_method = WIRE_KV_GET;
    return wire_encode_get(&op->get, request);
}

/* The attempt as a call of its own. Between client_begin_call and client_end_call. */
static int operation_call(struct operation *op, uint64_t timeout_ns)
{
    struct buf request = {0};
    const char *method = NULL;
    int err = operation_encode(op, &request, &method);
    if (err == 0)
        err = rpc_channel_call(op->client->channels[op->endpoint], method, &request, timeout_ns,
                               operation_on_reply, op);
    if (err != 0)
        buf_fini(&request);
    return err;
}

static void operation_on_lane_reply(struct lane_op *lane_op, const struct rpc_reply *reply)
{
    operation_on_reply(LIST_ENTRY(lane_op, struct operation, lane_op), reply);
}

/* The node has no Batch: the same attempt, as a call. */
static void operation_on_lane_unknown(struct lane_op *lane_op)
{
    struct operation *op = LIST_ENTRY(lane_op, struct operation, lane_op);
    struct dkv_client *client = op->client;
    if (!client_begin_call(client)) {
        operation_give_up(op, DKV_UNAVAILABLE, "the client is being closed");
        return;
    }
    uint64_t now_ns = io_now_ns();
    int err = operation_call(op, lane_op->deadline_ns > now_ns ? lane_op->deadline_ns - now_ns : 0);
    client_end_call(client);
    if (err != 0)
        operation_give_up(op, DKV_NO_MEMORY, "out of memory");
}

/* The attempt on the stream to its endpoint. Likewise. */
static int operation_ride(struct operation *op, uint64_t timeout_ns)
{
    op->lane_op = (struct lane_op){
        .get = operation_is_write(op) ? NULL : &op->get,
        .write = operation_is_write(op) ? &op->command : NULL,
        .deadline_ns = io_now_ns() + timeout_ns,
        .on_reply = operation_on_lane_reply,
        .on_unknown = operation_on_lane_unknown,
    };
    return lane_submit(&op->client->lanes[op->endpoint], &op->lane_op);
}

void operation_attempt(void *context)
{
    struct operation *op = context;
    struct dkv_client *client = op->client;
    uint64_t now_ns = io_now_ns();
    if (now_ns >= op->deadline_ns) {
        operation_give_up(op, DKV_UNAVAILABLE, "no node answered in time");
        return;
    }
    uint64_t timeout_ns = op->deadline_ns - now_ns;
    if (timeout_ns > client->attempt_timeout_ms * MS_NS)
        timeout_ns = client->attempt_timeout_ms * MS_NS;
    if (!client_begin_call(client)) {
        operation_give_up(op, DKV_UNAVAILABLE, "the client is being closed");
        return;
    }
    op->asks_hello = operation_has_session(op) && !operation_enter_session(op);
    op->answer.attempts += !op->asks_hello;
    int err = ERR_NOT_FOUND;
    if (!op->asks_hello && !client->calls_only)
        err = operation_ride(op, timeout_ns);
    if (err == ERR_NOT_FOUND)
        err = operation_call(op, timeout_ns);
    /* If there is no error, op may be gone already; the client cannot, before the next line. */
    client_end_call(client);
    if (err != 0)
        operation_give_up(op, DKV_NO_MEMORY, "out of memory");
}

void operation_hurry_all(struct list *operations)
{
    for (struct list *l = operations->next; l != operations; l = l->next) {
        struct operation *op = LIST_ENTRY(l, struct operation, link);
        io_timer_hurry(op->client->io, &op->timer);
    }
}
