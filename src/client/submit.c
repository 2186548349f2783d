/* submit.c -- from what a program asks for to an operation. See dkv.h, operation.h. */
#include <assert.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/pool.h"
#include "client/client.h"
#include "client/operation.h"

#define MS_NS UINT64_C(1000000)
#define PAUSE_FIRST_NS (20 * MS_NS)

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
    struct operation *op = pool_alloc_zero(sizeof(*op) + size);
    if (op == NULL)
        return NULL;
    op->bytes_size = size;
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
    operation_free(made);
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
