/*
 * client.c -- a client of the cluster: its endpoints, its session, and one operation's way through
 * attempts to its answer. See dkv.h.
 *
 * An operation tries the endpoint that served last. When that fails, the next one at once; when all
 * have failed, the round begins again after a pause that doubles. What makes this safe for writes
 * is the session (docs/protocol.md, section 4): op_id and born stay the same over all attempts of
 * an operation.
 */
#define _GNU_SOURCE
#include <assert.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "base/list.h"
#include "base/mem.h"
#include "io.h"
#include "kv/command.h"
#include "wire/kv_wire.h"

#define MS_NS UINT64_C(1000000)
#define ENDPOINTS_MAX 64
#define PAUSE_FIRST_NS (20 * MS_NS)
#define PAUSE_LAST_NS (500 * MS_NS)

struct endpoint {
    char *address;
    struct rpc_channel *channel;
};

struct dkv_client {
    struct dkv_io *io;
    bool owns_io;
    bool no_session;
    bool floor_is_given;
    uint32_t timeout_ms;
    uint32_t attempt_timeout_ms;
    struct endpoint endpoints[ENDPOINTS_MAX];
    uint32_t endpoints_count;
    uint8_t client_id[CLIENT_ID_SIZE_MAX];
    size_t client_id_size;

    pthread_mutex_t lock; /* Of what follows. Never held during a call or a callback. */
    pthread_cond_t idle;  /* pending has become empty, or calling 0. */
    struct list pending;  /* struct operation, in the order of their op_ids. */
    uint64_t next_op_id;
    uint64_t floor;     /* If given. */
    uint64_t seen;      /* Highest slot in any answer. */
    uint64_t born;      /* Given or learnt; 0: not yet. */
    uint32_t preferred; /* Endpoint that answered last. */
    uint32_t calling;   /* Threads that are about to use a channel. */
    bool closing;
};

/* What an attempt asks. */
enum stage {
    STAGE_HELLO, /* For born. */
    STAGE_OP,
};

struct operation {
    struct list link; /* In pending. */
    struct dkv_client *client;
    struct io_timer timer;
    struct command command; /* Of a write; points into bytes. */
    struct wire_get get;    /* Of a read; the same. */
    enum dkv_kind kind;
    enum stage stage;
    uint64_t deadline_ns;
    uint64_t pause_ns;
    uint32_t endpoint;
    uint32_t failed_in_row;
    bool maybe_applied; /* An attempt ended without saying what became of it. */
    bool sent;          /* The operation itself, at least once. */
    struct dkv_answer answer;
    void (*on_answer)(void *context, struct dkv_answer *answer);
    void *context;
    uint8_t bytes[]; /* Key, value, expected. */
};

const char *dkv_status_text(enum dkv_status status)
{
    switch (status) {
    case DKV_OK:
        return "ok";
    case DKV_INVALID:
        return "invalid argument";
    case DKV_UNAVAILABLE:
        return "unavailable";
    case DKV_UNKNOWN:
        return "outcome unknown";
    case DKV_BUSY:
        return "too busy";
    case DKV_STALE:
        return "stale op_id";
    case DKV_EXPIRED:
        return "session expired";
    case DKV_MISMATCH:
        return "another operation under this op_id";
    case DKV_BEYOND_WINDOW:
        return "op_id too far ahead";
    case DKV_TOO_LARGE:
        return "too large";
    case DKV_DENIED:
        return "denied";
    case DKV_UNSUPPORTED:
        return "not supported";
    case DKV_FAILED:
        return "failed";
    case DKV_NO_MEMORY:
        return "out of memory";
    }
    return "unknown status";
}

void dkv_answer_fini(struct dkv_answer *answer)
{
    mem_free((void *)(uintptr_t)answer->value.data);
    mem_free((void *)(uintptr_t)answer->previous.data);
    answer->value = (struct dkv_bytes){0};
    answer->previous = (struct dkv_bytes){0};
}

/* ---- The end of an operation --------------------------------------------------------------- */

static void operation_finish(struct operation *op, enum dkv_status status, const char *text)
{
    struct dkv_client *client = op->client;
    op->answer.status = status;
    snprintf(op->answer.text, sizeof(op->answer.text), "%s", text);
    op->on_answer(op->context, &op->answer);
    dkv_answer_fini(&op->answer);

    /* Only now: dkv_close waits for the callbacks, and floor for the answer to be had. */
    pthread_mutex_lock(&client->lock);
    list_remove(&op->link);
    if (list_is_empty(&client->pending))
        pthread_cond_broadcast(&client->idle);
    pthread_mutex_unlock(&client->lock);
    mem_free(op);
}

static void operation_give_up(struct operation *op, const char *text)
{
    bool is_write = op->kind != DKV_GET;
    if (!is_write || !op->maybe_applied) {
        operation_finish(op, DKV_UNAVAILABLE, text);
        return;
    }
    operation_finish(op, DKV_UNKNOWN, text);
}

/* ---- Attempts ------------------------------------------------------------------------------ */

static void operation_attempt(struct operation *op);

static void operation_on_timer(void *context)
{
    operation_attempt(context);
}

/* Try again, at once or after a pause; or not at all, when time is up. */
static void operation_again(struct operation *op, uint64_t wait_ns, const char *text)
{
    struct dkv_client *client = op->client;
    uint64_t now_ns = io_now_ns();
    pthread_mutex_lock(&client->lock);
    bool closing = client->closing;
    pthread_mutex_unlock(&client->lock);
    if (closing || now_ns + wait_ns >= op->deadline_ns) {
        operation_give_up(op, text);
        return;
    }
    op->timer = (struct io_timer){.run = operation_on_timer, .context = op};
    /* Through the timer also when there is nothing to wait for: an answer may come from within the
     * call that sent the request, and must not recurse. */
    if (io_timer_start(client->io, &op->timer, now_ns + wait_ns) != 0)
        operation_finish(op, op->maybe_applied ? DKV_UNKNOWN : DKV_NO_MEMORY, "out of memory");
}

static void operation_move_on(struct operation *op, const char *text)
{
    struct dkv_client *client = op->client;
    op->endpoint = (op->endpoint + 1) % client->endpoints_count;
    op->failed_in_row++;
    uint64_t wait_ns = 0;
    if (op->failed_in_row % client->endpoints_count == 0) {
        wait_ns = op->pause_ns;
        op->pause_ns = op->pause_ns * 2 < PAUSE_LAST_NS ? op->pause_ns * 2 : PAUSE_LAST_NS;
    }
    operation_again(op, wait_ns, text);
}

static enum dkv_status status_of_reason(const char *reason)
{
    switch (wire_reason_parse(bytes_of(reason))) {
    case RESULT_STALE:
        return DKV_STALE;
    case RESULT_SESSION_EXPIRED:
        return DKV_EXPIRED;
    case RESULT_MISMATCH:
        return DKV_MISMATCH;
    case RESULT_BEYOND_WINDOW:
        return DKV_BEYOND_WINDOW;
    case RESULT_TOO_LARGE:
        return DKV_TOO_LARGE;
    case RESULT_OK:
        break;
    }
    return DKV_FAILED;
}

/* The session was forgotten, but this op was never sent before: it takes a new born. */
static bool operation_renew(struct operation *op, bool was_sent_before)
{
    struct dkv_client *client = op->client;
    if (was_sent_before || op->maybe_applied || client->floor_is_given)
        return false;
    pthread_mutex_lock(&client->lock);
    client->born = 0;
    pthread_mutex_unlock(&client->lock);
    op->stage = STAGE_HELLO;
    op->answer.born = 0;
    return true;
}

/* The node, or the way to it, did not do it. */
static void operation_on_failure(struct operation *op, const struct rpc_reply *reply)
{
    bool is_write = op->kind != DKV_GET && op->stage == STAGE_OP;
    switch (reply->status) {
    case RPC_UNAVAILABLE:
        if (strcmp(reply->reason, "NOT_APPLIED") == 0) {
            operation_move_on(op, reply->text);
            return;
        }
        break;
    case RPC_RESOURCE_EXHAUSTED:
        if (reply->retry_after_ms == 0 ||
            op->deadline_ns < io_now_ns() + reply->retry_after_ms * MS_NS)
            operation_finish(op, op->maybe_applied ? DKV_UNKNOWN : DKV_BUSY, reply->text);
        else
            operation_again(op, reply->retry_after_ms * MS_NS, reply->text);
        return;
    case RPC_INVALID_ARGUMENT:
        operation_finish(op, DKV_INVALID, reply->text);
        return;
    case RPC_OUT_OF_RANGE:
        operation_finish(op, DKV_TOO_LARGE, reply->text);
        return;
    case RPC_PERMISSION_DENIED:
        operation_finish(op, DKV_DENIED, reply->text);
        return;
    case RPC_UNIMPLEMENTED:
        operation_finish(op, DKV_UNSUPPORTED, reply->text);
        return;
    case RPC_FAILED_PRECONDITION:
        operation_finish(op, status_of_reason(reply->reason), reply->text);
        return;
    default:
        break;
    }
    /* UNAVAILABLE from the connection, DEADLINE_EXCEEDED, and what should not happen. */
    op->maybe_applied = op->maybe_applied || is_write;
    if (is_write && op->client->no_session)
        operation_give_up(op, reply->text);
    else
        operation_move_on(op, reply->text);
}

static void client_note_slot(struct dkv_client *client, uint64_t slot, uint32_t endpoint)
{
    pthread_mutex_lock(&client->lock);
    if (slot > client->seen)
        client->seen = slot;
    if (client->born == 0)
        client->born = slot == 0 ? 1 : slot;
    client->preferred = endpoint;
    pthread_mutex_unlock(&client->lock);
}

static bool copy_out(struct bytes from, bool *out_has, struct dkv_bytes *out)
{
    uint8_t *copy = mem_alloc(from.size + 1);
    if (copy == NULL)
        return false;
    if (from.size > 0)
        memcpy(copy, from.data, from.size);
    copy[from.size] = '\0';
    *out_has = true;
    *out = (struct dkv_bytes){.data = copy, .size = from.size};
    return true;
}

static int operation_read_get(struct operation *op, struct bytes body, struct wire_arena *arena,
                              struct wire_error *error)
{
    struct wire_get_answer a;
    TRY(wire_decode_get_answer(body, arena, &a, error));
    struct dkv_answer *out = &op->answer;
    out->slot = a.slot;
    out->revision = a.revision;
    out->node = a.node;
    out->found = a.found;
    out->mod_revision = a.mod_revision;
    out->create_revision = a.create_revision;
    out->version = a.version;
    if (a.found && !copy_out(a.value, &out->has_value, &out->value))
        return ERR_NO_MEMORY;
    return 0;
}

static int operation_read_write(struct operation *op, struct bytes body, struct wire_arena *arena,
                                struct wire_error *error)
{
    struct wire_write_answer a;
    TRY(wire_decode_write_answer(body, arena, &a, error));
    struct dkv_answer *out = &op->answer;
    out->slot = a.slot;
    out->revision = a.revision;
    out->node = a.node;
    out->applied = a.applied;
    out->found = a.found;
    out->duplicate = a.duplicate;
    out->omitted = a.omitted;
    if (a.has_output && !copy_out(a.output, &out->has_value, &out->value))
        return ERR_NO_MEMORY;
    if (a.has_previous && !copy_out(a.previous, &out->has_previous, &out->previous))
        return ERR_NO_MEMORY;
    return 0;
}

static void operation_on_hello(struct operation *op, struct bytes body)
{
    struct wire_arena arena;
    struct wire_error error;
    struct wire_kv_hello hello;
    wire_arena_init(&arena);
    int err = wire_decode_kv_hello(body, &arena, &hello, &error);
    if (err == 0)
        client_note_slot(op->client, hello.applied, op->endpoint);
    wire_arena_fini(&arena);
    if (err != 0)
        operation_move_on(op, "the node's Hello does not parse");
    else
        operation_attempt(op);
}

static void operation_on_success(struct operation *op, struct bytes body)
{
    struct wire_arena arena;
    struct wire_error error = {.text = ""};
    wire_arena_init(&arena);
    int err = op->kind == DKV_GET ? operation_read_get(op, body, &arena, &error)
                                  : operation_read_write(op, body, &arena, &error);
    wire_arena_fini(&arena);
    if (err == ERR_NO_MEMORY) {
        operation_finish(op, DKV_NO_MEMORY, "out of memory: the operation was done");
        return;
    }
    if (err != 0) {
        operation_finish(op, DKV_FAILED, error.text);
        return;
    }
    client_note_slot(op->client, op->answer.slot, op->endpoint);
    operation_finish(op, DKV_OK, "");
}

static void operation_on_reply(void *context, const struct rpc_reply *reply)
{
    struct operation *op = context;
    bool first_time = op->stage == STAGE_OP && op->answer.attempts == 1;
    if (reply->status == RPC_OK && op->stage == STAGE_HELLO)
        operation_on_hello(op, reply->body);
    else if (reply->status == RPC_OK)
        operation_on_success(op, reply->body);
    else if (reply->status == RPC_FAILED_PRECONDITION &&
             status_of_reason(reply->reason) == DKV_EXPIRED && operation_renew(op, !first_time))
        operation_again(op, 0, reply->text);
    else
        operation_on_failure(op, reply);
}

/* What an attempt of a write says about its session; born is settled before the first one. */
static void operation_enter_session(struct operation *op)
{
    struct dkv_client *client = op->client;
    if (op->kind == DKV_GET || client->no_session)
        return;
    struct command *c = &op->command;
    pthread_mutex_lock(&client->lock);
    const struct operation *oldest = LIST_ENTRY(client->pending.next, struct operation, link);
    while (oldest->kind == DKV_GET)
        oldest = LIST_ENTRY(oldest->link.next, struct operation, link);
    if (op->answer.born == 0)
        op->answer.born =
            client->floor_is_given || client->seen < client->born ? client->born : client->seen;
    op->answer.floor = client->floor_is_given ? client->floor : oldest->command.op_id;
    pthread_mutex_unlock(&client->lock);
    if (op->answer.floor > c->op_id)
        op->answer.floor = c->op_id;
    c->floor = op->answer.floor;
    c->born = op->answer.born;
}

static bool operation_needs_born(const struct operation *op)
{
    struct dkv_client *client = op->client;
    if (op->kind == DKV_GET || client->no_session)
        return false;
    pthread_mutex_lock(&client->lock);
    bool needs = client->born == 0;
    pthread_mutex_unlock(&client->lock);
    return needs;
}

static int operation_encode(struct operation *op, struct buf *request, const char **out_method)
{
    op->stage = operation_needs_born(op) ? STAGE_HELLO : STAGE_OP;
    if (op->stage == STAGE_HELLO) {
        *out_method = WIRE_KV_HELLO;
        return 0;
    }
    op->answer.attempts++;
    if (op->kind == DKV_GET) {
        *out_method = WIRE_KV_GET;
        return wire_encode_get(&op->get, request);
    }
    operation_enter_session(op);
    *out_method = wire_write_method(op->command.kind);
    return wire_encode_write(&op->command, request);
}

/* Channels are not closed while somebody is about to use one. False: they may be gone already. */
static bool client_begin_call(struct dkv_client *client)
{
    pthread_mutex_lock(&client->lock);
    bool may_call = !client->closing;
    client->calling += may_call;
    pthread_mutex_unlock(&client->lock);
    return may_call;
}

static void client_end_call(struct dkv_client *client)
{
    pthread_mutex_lock(&client->lock);
    client->calling--;
    if (client->calling == 0)
        pthread_cond_broadcast(&client->idle);
    pthread_mutex_unlock(&client->lock);
}

static void operation_attempt(struct operation *op)
{
    struct dkv_client *client = op->client;
    uint64_t now_ns = io_now_ns();
    if (now_ns >= op->deadline_ns) {
        operation_give_up(op, "no node answered in time");
        return;
    }
    uint64_t timeout_ns = op->deadline_ns - now_ns;
    if (timeout_ns > client->attempt_timeout_ms * MS_NS)
        timeout_ns = client->attempt_timeout_ms * MS_NS;
    if (!client_begin_call(client)) {
        operation_give_up(op, "the client is being closed");
        return;
    }
    struct buf request = {0};
    const char *method = NULL;
    int err = operation_encode(op, &request, &method);
    if (err == 0)
        err = rpc_channel_call(client->endpoints[op->endpoint].channel, method, &request,
                               timeout_ns, operation_on_reply, op);
    client_end_call(client);
    if (err == 0)
        return; /* op may be gone already. */
    buf_fini(&request);
    operation_finish(op, op->maybe_applied ? DKV_UNKNOWN : DKV_NO_MEMORY, "out of memory");
}

/* ---- Beginning an operation ---------------------------------------------------------------- */

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

static const char *op_check(const struct dkv_op *op)
{
    if (op->kind < DKV_GET || op->kind > DKV_CAS)
        return "no such kind of operation";
    if (op->key.size < 1 || op->key.size > KEY_SIZE_MAX)
        return "a key has 1 to 511 bytes";
    if (op->value.size > VALUE_SIZE_MAX || op->expected.size > VALUE_SIZE_MAX)
        return "a value has at most 1048576 bytes";
    if (op->kind == DKV_CAS && (op->expect < DKV_EXPECT_ABSENT || op->expect > DKV_EXPECT_REVISION))
        return "a compare-and-set needs something to compare";
    if (op->kind == DKV_CAS && op->expect == DKV_EXPECT_REVISION && op->expected_revision == 0)
        return "a revision is at least 1";
    if (op->value.size + op->expected.size > (size_t)3 << 19)
        return "value and expected value together have at most 1572864 bytes";
    return NULL;
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
    if (from->kind == DKV_GET) {
        op->get = (struct wire_get){
            .key = key,
            .sequential = from->consistency == DKV_SEQUENTIAL,
        };
        return op;
    }
    op->command = (struct command){
        .kind = command_kind_of(from->kind),
        .want_previous = from->want_previous,
        .key = key,
        .value = value,
    };
    if (from->kind == DKV_CAS) {
        op->command.expect = (enum command_expect)from->expect;
        op->command.expected = expected;
        op->command.expected_revision = from->expected_revision;
    }
    return op;
}

/* Its place among what is pending, and its op_id. */
static void client_enter(struct dkv_client *client, struct operation *op, uint64_t op_id)
{
    pthread_mutex_lock(&client->lock);
    op->endpoint = client->preferred;
    if (op->kind == DKV_GET) {
        op->get.min_slot = op->get.sequential ? client->seen : 0;
    } else if (!client->no_session) {
        op->command.client_id =
            (struct bytes){.data = client->client_id, .size = client->client_id_size};
        op->command.op_id = op_id != 0 ? op_id : client->next_op_id;
        if (op->command.op_id >= client->next_op_id)
            client->next_op_id = op->command.op_id + 1;
        op->answer.op_id = op->command.op_id;
    }
    list_push_back(&client->pending, &op->link);
    pthread_mutex_unlock(&client->lock);
}

enum dkv_status dkv_submit(struct dkv_client *client, const struct dkv_op *from,
                           void (*on_answer)(void *context, struct dkv_answer *answer),
                           void *context, const char **out_text)
{
    const char *problem = op_check(from);
    if (problem != NULL) {
        if (out_text != NULL)
            *out_text = problem;
        return DKV_INVALID;
    }
    struct operation *op = operation_new(client, from);
    if (op == NULL)
        return DKV_NO_MEMORY;
    op->on_answer = on_answer;
    op->context = context;
    client_enter(client, op, from->op_id);
    operation_attempt(op);
    return DKV_OK;
}

struct waiter {
    pthread_mutex_t lock;
    pthread_cond_t done_cond;
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
    pthread_cond_signal(&w->done_cond);
    pthread_mutex_unlock(&w->lock);
}

void dkv_execute(struct dkv_client *client, const struct dkv_op *op, struct dkv_answer *out_answer)
{
    *out_answer = (struct dkv_answer){0};
    struct waiter w = {.answer = out_answer};
    pthread_mutex_init(&w.lock, NULL);
    pthread_cond_init(&w.done_cond, NULL);
    const char *text = "out of memory";
    enum dkv_status status = dkv_submit(client, op, waiter_on_answer, &w, &text);
    if (status == DKV_OK) {
        pthread_mutex_lock(&w.lock);
        while (!w.done)
            pthread_cond_wait(&w.done_cond, &w.lock);
        pthread_mutex_unlock(&w.lock);
    } else {
        out_answer->status = status;
        snprintf(out_answer->text, sizeof(out_answer->text), "%s", text);
    }
    pthread_cond_destroy(&w.done_cond);
    pthread_mutex_destroy(&w.lock);
}

/* ---- Opening and closing ------------------------------------------------------------------- */

static enum dkv_status client_add_endpoint(struct dkv_client *client, const char *text, size_t size)
{
    if (size == 0 || memchr(text, ':', size) == NULL || client->endpoints_count == ENDPOINTS_MAX)
        return DKV_INVALID;
    struct endpoint *e = &client->endpoints[client->endpoints_count];
    /* ":5001" is short for this machine. */
    const char *host = text[0] == ':' ? "127.0.0.1" : "";
    e->address = mem_alloc(strlen(host) + size + 1);
    if (e->address == NULL)
        return DKV_NO_MEMORY;
    memcpy(e->address, host, strlen(host));
    memcpy(e->address + strlen(host), text, size);
    e->address[strlen(host) + size] = '\0';
    client->endpoints_count++;
    struct rpc_channel_options options = {.keepalive_time_ms = 10000, .keepalive_timeout_ms = 5000};
    if (rpc_channel_open(io_rpc(client->io), e->address, &options, &e->channel) != 0)
        return DKV_NO_MEMORY;
    return DKV_OK;
}

static enum dkv_status client_add_endpoints(struct dkv_client *client, const char *text)
{
    if (text == NULL)
        return DKV_INVALID;
    for (;;) {
        size_t size = strcspn(text, ",");
        enum dkv_status status = client_add_endpoint(client, text, size);
        if (status != DKV_OK)
            return status;
        if (text[size] == '\0')
            return DKV_OK;
        text += size + 1;
    }
}

static enum dkv_status client_set_id(struct dkv_client *client, struct dkv_bytes id)
{
    if (id.size > CLIENT_ID_SIZE_MAX)
        return DKV_INVALID;
    if (id.size > 0) {
        memcpy(client->client_id, id.data, id.size);
        client->client_id_size = id.size;
        return DKV_OK;
    }
    client->client_id_size = 16;
    return getrandom(client->client_id, 16, 0) == 16 ? DKV_OK : DKV_FAILED;
}

enum dkv_status dkv_open(const struct dkv_options *options, struct dkv_client **out_client)
{
    struct dkv_client *client = mem_alloc_zero(sizeof(*client));
    if (client == NULL)
        return DKV_NO_MEMORY;
    list_init(&client->pending);
    pthread_mutex_init(&client->lock, NULL);
    pthread_cond_init(&client->idle, NULL);
    client->no_session = options->no_session;
    client->next_op_id = options->first_op_id != 0 ? options->first_op_id : 1;
    client->floor = options->floor;
    client->floor_is_given = options->floor != 0;
    client->born = options->born;
    client->timeout_ms = options->timeout_ms != 0 ? options->timeout_ms : 10000;
    client->attempt_timeout_ms =
        options->attempt_timeout_ms != 0 ? options->attempt_timeout_ms : 2000;
    client->io = options->io;
    enum dkv_status status = client_set_id(client, options->client_id);
    if (status == DKV_OK && client->io == NULL) {
        status = dkv_io_open(&client->io);
        client->owns_io = status == DKV_OK;
    }
    if (status == DKV_OK)
        status = client_add_endpoints(client, options->endpoints);
    if (status != DKV_OK) {
        dkv_close(client);
        return status;
    }
    *out_client = client;
    return DKV_OK;
}

void dkv_close(struct dkv_client *client)
{
    if (client == NULL)
        return;
    pthread_mutex_lock(&client->lock);
    client->closing = true;
    while (client->calling > 0)
        pthread_cond_wait(&client->idle, &client->lock);
    pthread_mutex_unlock(&client->lock);
    /* Cancels the calls under way; their operations then give up instead of trying again. */
    for (uint32_t i = 0; i < client->endpoints_count; i++)
        rpc_channel_close(client->endpoints[i].channel);
    pthread_mutex_lock(&client->lock);
    while (!list_is_empty(&client->pending))
        pthread_cond_wait(&client->idle, &client->lock);
    pthread_mutex_unlock(&client->lock);
    for (uint32_t i = 0; i < client->endpoints_count; i++)
        mem_free(client->endpoints[i].address);
    if (client->owns_io)
        dkv_io_close(client->io);
    pthread_cond_destroy(&client->idle);
    pthread_mutex_destroy(&client->lock);
    mem_free(client);
}

struct dkv_bytes dkv_client_id(const struct dkv_client *client)
{
    return (struct dkv_bytes){.data = client->client_id, .size = client->client_id_size};
}
