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

#include "base/mem.h"
#include "client/answer.h"
#include "client/client.h"
#include "wire/kv_wire.h"

#define MS_NS UINT64_C(1000000)
#define PAUSE_FIRST_NS (20 * MS_NS)
#define PAUSE_LAST_NS (500 * MS_NS)

/* Hardly time for another attempt: the last one's words are better than "deadline exceeded". */
#define ATTEMPT_MIN_NS (20 * MS_NS)

struct operation {
    struct list link; /* In the client's reads or writes. */
    struct dkv_client *client;
    struct io_timer timer;
    enum dkv_kind kind;
    struct command command; /* Of a write; points into bytes. */
    struct wire_get get;    /* Of a read; the same. */
    uint64_t deadline_ns;
    uint64_t pause_ns; /* Before the next round. */
    uint32_t endpoint;
    uint32_t failed_in_row;
    uint32_t renewals;
    bool asks_hello;    /* The attempt is for a born. */
    bool needs_born;    /* born is not settled yet. */
    bool wants_hello;   /* born is to come from a Hello, whatever was seen before. */
    bool may_renew;     /* Nobody but this operation ever sent its op_id. */
    bool maybe_applied; /* An attempt ended without saying what became of it. */
    struct dkv_answer answer;
    void (*on_answer)(void *context, struct dkv_answer *answer);
    void *context;
    uint8_t bytes[]; /* Key, value, expected. */
};

static void operation_attempt(void *context);

static bool operation_is_write(const struct operation *op)
{
    return op->kind != DKV_GET;
}

static bool operation_has_session(const struct operation *op)
{
    return operation_is_write(op) && !op->client->no_session;
}

/* ---- The end ------------------------------------------------------------------------------- */

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
    mem_free(op);

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

static int operation_encode(struct operation *op, struct buf *request, const char **out_method)
{
    op->asks_hello = operation_has_session(op) && !operation_enter_session(op);
    if (op->asks_hello) {
        *out_method = WIRE_KV_HELLO;
        return 0; /* Its request is empty. */
    }
    op->answer.attempts++;
    if (operation_is_write(op)) {
        *out_method = wire_write_method(op->command.kind);
        return wire_encode_write(&op->command, request);
    }
    *out_method = WIRE_KV_GET;
    return wire_encode_get(&op->get, request);
}

static void operation_attempt(void *context)
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
    struct buf request = {0};
    const char *method = NULL;
    int err = operation_encode(op, &request, &method);
    if (err == 0)
        err = rpc_channel_call(client->channels[op->endpoint], method, &request, timeout_ns,
                               operation_on_reply, op);
    /* If there is no error, op may be gone already; the client cannot, before the next line. */
    client_end_call(client);
    if (err == 0)
        return;
    buf_fini(&request);
    operation_give_up(op, DKV_NO_MEMORY, "out of memory");
}

void operation_hurry_all(struct list *operations)
{
    for (struct list *l = operations->next; l != operations; l = l->next) {
        struct operation *op = LIST_ENTRY(l, struct operation, link);
        io_timer_hurry(op->client->io, &op->timer);
    }
}

/* ---- The beginning ------------------------------------------------------------------------- */

static struct bytes operation_keep(uint8_t **at, struct dkv_bytes from)
{
    struct bytes kept = {.data = *at, .size = from.size};
    if (from.size > 0)
        memcpy(*at, from.data, from.size);
    *at += from.size;
    return kept;
}

static enum command_kind command_kind_of(enum dkv_kind kind)
{
    switch (kind) {
    case DKV_PUT:
        return COMMAND_PUT;
    case DKV_APPEND:
        return COMMAND_APPEND;
    case DKV_DELETE:
        return COMMAND_DELETE;
    case DKV_CAS:
    case DKV_GET:
        break;
    }
    return COMMAND_CAS;
}

static enum command_expect command_expect_of(enum dkv_expect expect)
{
    switch (expect) {
    case DKV_EXPECT_ABSENT:
        return EXPECT_ABSENT;
    case DKV_EXPECT_VALUE:
        return EXPECT_VALUE;
    case DKV_EXPECT_REVISION:
        return EXPECT_REVISION;
    case DKV_EXPECT_NOTHING:
        break;
    }
    return EXPECT_NOTHING;
}

static enum wire_consistency wire_consistency_of(enum dkv_consistency consistency)
{
    switch (consistency) {
    case DKV_SEQUENTIAL:
        return WIRE_SEQUENTIAL;
    case DKV_QUORUM:
        return WIRE_QUORUM;
    case DKV_LINEARIZABLE:
        break;
    }
    return WIRE_BARRIER;
}

static struct operation *operation_new(struct dkv_client *client, const struct dkv_op *from)
{
    size_t size = from->key.size + from->value.size + from->expected.size;
    struct operation *op = mem_alloc_zero(sizeof(*op) + size);
    if (op == NULL)
        return NULL;
    uint8_t *at = op->bytes;
    struct bytes key = operation_keep(&at, from->key);
    struct bytes value = operation_keep(&at, from->value);
    struct bytes expected = operation_keep(&at, from->expected);
    op->client = client;
    op->kind = from->kind;
    op->pause_ns = PAUSE_FIRST_NS;
    uint32_t timeout_ms = from->timeout_ms != 0 ? from->timeout_ms : client->timeout_ms;
    op->deadline_ns = io_now_ns() + timeout_ms * MS_NS;
    list_init(&op->link);
    io_timer_init(&op->timer, operation_attempt, op);
    if (from->kind == DKV_GET) {
        op->get.key = key;
        op->get.consistency = wire_consistency_of(from->consistency);
        return op;
    }
    op->command = (struct command){
        .kind = command_kind_of(from->kind),
        .want_previous = from->want_previous,
        .key = key,
        .value = value,
    };
    if (from->kind == DKV_CAS) {
        op->command.expect = command_expect_of(from->expect);
        op->command.expected_revision = from->expected_revision;
        if (from->expect == DKV_EXPECT_VALUE)
            op->command.expected = expected;
    }
    return op;
}

/* What is wrong with it, or NULL. */
static const char *op_check(struct operation *op)
{
    const struct command *c = &op->command;
    struct bytes key = operation_is_write(op) ? c->key : op->get.key;
    if (key.size < 1 || key.size > KEY_SIZE_MAX)
        return "a key has 1 to 511 bytes";
    if (!operation_is_write(op))
        return NULL;
    if (c->value.size > VALUE_SIZE_MAX || c->expected.size > VALUE_SIZE_MAX)
        return "a value has at most 1048576 bytes";
    if (c->kind == COMMAND_CAS && c->expect == EXPECT_NOTHING)
        return "a compare-and-set needs something to compare";
    if (command_check(c) != 0)
        return c->kind == COMMAND_CAS ? "a compare-and-set is too large, or its revision is 0"
                                      : "the operation does not go together with its arguments";
    return NULL;
}

/* Where an op_id belongs among the writes, from the end: nearly always there. */
static struct list *client_place_of(struct dkv_client *client, uint64_t op_id)
{
    struct list *at = &client->writes;
    while (at->prev != &client->writes &&
           LIST_ENTRY(at->prev, struct operation, link)->command.op_id > op_id)
        at = at->prev;
    return at;
}

/* Its op_id, and its place among the writes. Under the client's lock. NULL, or what is wrong. */
static const char *client_enter_write(struct dkv_client *client, struct operation *op,
                                      uint64_t op_id)
{
    if (client->no_session) {
        list_push_back(&client->writes, &op->link);
        return NULL;
    }
    struct command *c = &op->command;
    c->op_id = op_id != 0 ? op_id : client->next_op_id;
    uint64_t floor = c->op_id;
    if (!list_is_empty(&client->writes)) {
        uint64_t first = LIST_ENTRY(client->writes.next, struct operation, link)->command.op_id;
        floor = first < floor ? first : floor;
    }
    if (c->op_id - floor >= DKV_WRITES_MAX)
        return "too many writes of this client wait for their answers";
    if (c->op_id >= client->next_op_id)
        client->next_op_id = c->op_id + 1;
    c->client_id = (struct bytes){.data = client->client_id, .size = client->client_id_size};
    c->born = client->born;
    op->needs_born = !client->born_is_given;
    op->may_renew = !client->born_is_given && op_id == 0;
    op->maybe_applied = client->born_is_given;
    op->answer.op_id = c->op_id;
    list_insert_before(client_place_of(client, c->op_id), &op->link);
    return NULL;
}

static enum dkv_status client_enter(struct dkv_client *client, struct operation *op, uint64_t op_id,
                                    const char **out_text)
{
    enum dkv_status status = DKV_OK;
    pthread_mutex_lock(&client->lock);
    op->endpoint = client->preferred;
    if (client->closing) {
        status = DKV_UNAVAILABLE;
        *out_text = "the client is being closed";
    } else if (operation_is_write(op)) {
        *out_text = client_enter_write(client, op, op_id);
        status = *out_text == NULL ? DKV_OK : DKV_BUSY;
    } else {
        op->get.min_slot = op->get.consistency == WIRE_SEQUENTIAL ? client->seen : 0;
        list_push_back(&client->reads, &op->link);
    }
    pthread_mutex_unlock(&client->lock);
    return status;
}

enum dkv_status dkv_submit(struct dkv_client *client, const struct dkv_op *op,
                           void (*on_answer)(void *context, struct dkv_answer *answer),
                           void *context, const char **out_text)
{
    assert(op->kind >= DKV_GET && op->kind <= DKV_CAS);
    const char *text = "out of memory";
    enum dkv_status status = DKV_NO_MEMORY;
    struct operation *made = operation_new(client, op);
    if (made != NULL) {
        made->on_answer = on_answer;
        made->context = context;
        text = op_check(made);
        status = text == NULL ? client_enter(client, made, op->op_id, &text) : DKV_INVALID;
    }
    if (status == DKV_OK) {
        operation_attempt(made);
        return DKV_OK;
    }
    mem_free(made);
    if (out_text != NULL)
        *out_text = text;
    return status;
}

/* ---- Waiting for the answer ---------------------------------------------------------------- */

struct waiter {
    pthread_mutex_t lock;
    pthread_cond_t came;
    bool done;
    struct dkv_answer *answer;
};

static void waiter_on_answer(void *context, struct dkv_answer *answer)
{
    struct waiter *w = context;
    pthread_mutex_lock(&w->lock);
    *w->answer = *answer;
    answer->value = (struct dkv_bytes){0};
    answer->previous = (struct dkv_bytes){0};
    w->done = true;
    pthread_cond_signal(&w->came);
    pthread_mutex_unlock(&w->lock);
}

void dkv_execute(struct dkv_client *client, const struct dkv_op *op, struct dkv_answer *out_answer)
{
    *out_answer = (struct dkv_answer){0};
    struct waiter w = {
        .lock = PTHREAD_MUTEX_INITIALIZER,
        .came = PTHREAD_COND_INITIALIZER,
        .answer = out_answer,
    };
    const char *text = "";
    enum dkv_status status = dkv_submit(client, op, waiter_on_answer, &w, &text);
    if (status == DKV_OK) {
        pthread_mutex_lock(&w.lock);
        while (!w.done)
            pthread_cond_wait(&w.came, &w.lock);
        pthread_mutex_unlock(&w.lock);
    } else {
        out_answer->status = status;
        snprintf(out_answer->text, sizeof(out_answer->text), "%s", text);
    }
    pthread_cond_destroy(&w.came);
    pthread_mutex_destroy(&w.lock);
}
