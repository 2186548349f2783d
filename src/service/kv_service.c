/* kv_service.c -- dkv.v1.KV: from a call to an operation of the node, and back. */
#include <assert.h>
#include <stdio.h>

#include "base/mem.h"
#include "node/monotime.h"
#include "service/answer.h"
#include "service/service.h"
#include "wire/kv_wire.h"

#define RETRY_AFTER_MS 100

struct kv_call {
    struct node_op op;
    struct rpc_call *call;
    bool has_session; /* Of a write. */
    struct buf bytes; /* The command, or the key. */
};

static void kv_call_free(struct kv_call *c)
{
    buf_fini(&c->bytes);
    mem_free(c);
}

/* ---- Answers ------------------------------------------------------------------------------- */

static void fail_overload(struct rpc_call *call)
{
    rpc_call_fail(call, RPC_RESOURCE_EXHAUSTED,
                  "too many operations are under way at this node; not applied: try again after a "
                  "while, or at another node",
                  NULL, RETRY_AFTER_MS);
}

/* The reason tells a client library that a write may be sent again, whatever it carries. */
static void fail_not_applied(struct rpc_call *call, const char *text)
{
    rpc_call_fail(call, RPC_UNAVAILABLE, text, WIRE_REASON_NOT_APPLIED, 0);
}

static void fail_in_doubt(const struct kv_call *c, const char *why)
{
    char text[RPC_TEXT_SIZE_MAX + 1];
    snprintf(text, sizeof(text), "%s; the write may have been applied, or may be yet: %s", why,
             c->has_session ? "the same client_id and op_id, at any node, settles it"
                            : "read the key to find out, and give a client_id next time");
    answer_fail(c->call, RPC_DEADLINE_EXCEEDED, text);
}

/* What the operation's end says about it when there is no result. */
static void fail_status(const struct kv_call *c, enum answer_status status)
{
    switch (status) {
    case ANSWER_NOT_APPLIED:
        fail_not_applied(c->call,
                         "not applied: this node could not propose it in time, as it cannot reach "
                         "a majority or is overloaded; try again, or at another node");
        return;
    case ANSWER_OUTCOME_UNKNOWN:
        fail_in_doubt(c, "no majority answered in time");
        return;
    case ANSWER_NO_QUORUM:
        answer_fail(c->call, RPC_UNAVAILABLE,
                    "the read could not be confirmed by a majority in time: try again, or at "
                    "another node");
        return;
    case ANSWER_QUEUE_FULL:
        fail_overload(c->call);
        return;
    case ANSWER_STATE_FULL:
        answer_fail(c->call, RPC_RESOURCE_EXHAUSTED,
                    "not applied: keys and values have reached this node's --state-max; delete "
                    "some, or raise it");
        return;
    case ANSWER_OK:
        break;
    }
    assert(!"a status that is no failure");
}

static void fail_result(struct rpc_call *call, enum result_code code)
{
    enum rpc_status status = RPC_FAILED_PRECONDITION;
    const char *text = "";
    switch (code) {
    case RESULT_STALE:
        text = "op_id is below the client's floor: its answer was had already; not executed again";
        break;
    case RESULT_SESSION_EXPIRED:
        text = "this client's session was forgotten, and the write may have been executed before: "
               "not executed; if it was never sent before, say Hello for a new born and send it "
               "again, else read the key";
        break;
    case RESULT_MISMATCH:
        text = "another write came under this client_id and op_id before: not executed; give each "
               "write its own op_id";
        break;
    case RESULT_BEYOND_WINDOW:
        status = RPC_INVALID_ARGUMENT;
        text = "op_id is too far above floor: not executed; raise floor to the lowest op_id whose "
               "answer is missing";
        break;
    case RESULT_TOO_LARGE:
        status = RPC_OUT_OF_RANGE;
        text = "the value would pass 1 MiB: nothing was changed";
        break;
    case RESULT_OK:
        assert(!"a code that is no failure");
        break;
    }
    rpc_call_fail(call, status, text, wire_reason_of(code), 0);
}

static void answer_write(struct node *n, const struct kv_call *c, const struct answer *answer)
{
    if (answer->result.code != RESULT_OK) {
        fail_result(c->call, answer->result.code);
        return;
    }
    struct wire_write_answer wire = wire_write_answer_of(&answer->result, node_config(n)->id);
    struct buf reply = {0};
    int err = wire_encode_write_answer(&wire, &reply);
    answer_reply(c->call, err, &reply);
}

static void answer_read(struct node *n, const struct kv_call *c, const struct answer *answer)
{
    struct wire_get_answer wire = {
        .slot = answer->slot,
        .revision = answer->revision,
        .node = node_config(n)->id,
    };
    const struct entry *e = answer->entry;
    if (e != NULL) {
        wire.found = true;
        wire.value = entry_value(e);
        wire.create_revision = e->create_revision;
        wire.mod_revision = e->mod_revision;
        wire.version = e->version;
    }
    struct buf reply = {0};
    int err = wire_encode_get_answer(&wire, &reply);
    answer_reply(c->call, err, &reply);
}

static void fail_end(const struct kv_call *c, enum node_op_end end)
{
    switch (end) {
    case NODE_OP_REFUSED:
        fail_overload(c->call);
        return;
    case NODE_OP_LOADING:
        fail_not_applied(c->call, "not applied: this node is loading its state; try again, or at "
                                  "another node");
        return;
    case NODE_OP_STOPPING:
        fail_not_applied(c->call, "not applied: this node is stopping; try again at another node");
        return;
    case NODE_OP_ABANDONED:
        if (c->op.op.kind == OP_WRITE)
            fail_in_doubt(c, "this node is stopping");
        else
            answer_fail(c->call, RPC_UNAVAILABLE, "this node is stopping: read at another node");
        return;
    case NODE_OP_ANSWERED:
        break;
    }
    assert(!"an end that is no failure");
}

static void kv_on_end(struct node *n, struct node_op *op, enum node_op_end end,
                      const struct answer *answer)
{
    struct kv_call *c = LIST_ENTRY(op, struct kv_call, op);
    if (end != NODE_OP_ANSWERED)
        fail_end(c, end);
    else if (answer->status != ANSWER_OK)
        fail_status(c, answer->status);
    else if (c->op.op.kind == OP_WRITE)
        answer_write(n, c, answer);
    else
        answer_read(n, c, answer);
    kv_call_free(c);
}

/* ---- Calls --------------------------------------------------------------------------------- */

static struct kv_call *kv_call_new(struct rpc_call *call, enum node_op_kind kind,
                                   uint64_t client_deadline_ns)
{
    struct kv_call *c = mem_alloc_zero(sizeof(*c));
    if (c == NULL)
        return NULL;
    c->call = call;
    c->op.kind = kind;
    c->op.on_end = kv_on_end;
    c->op.op.deadline_ns = node_deadline_ns(monotime_ns(), client_deadline_ns);
    return c;
}

static void no_memory(struct rpc_call *call)
{
    answer_fail(call, RPC_RESOURCE_EXHAUSTED, "not applied: this node has no memory for it");
}

static void kv_submit(struct node *n, struct kv_call *c)
{
    c->op.size = c->bytes.size;
    node_submit(n, &c->op);
}

static void kv_write(struct node *n, struct rpc_call *call, enum node_op_kind kind,
                     const struct command *command, uint64_t deadline_ns)
{
    struct kv_call *c = kv_call_new(call, kind, deadline_ns);
    if (c == NULL || command_encode(command, &c->bytes) != 0) {
        if (c != NULL)
            kv_call_free(c);
        no_memory(call);
        return;
    }
    c->has_session = command->client_id.size > 0;
    c->op.op.kind = OP_WRITE;
    c->op.op.command = buf_bytes(&c->bytes);
    kv_submit(n, c);
}

static void kv_on_write(struct node *n, struct rpc_call *call, struct bytes request,
                        uint64_t deadline_ns, enum command_kind command_kind,
                        enum node_op_kind kind)
{
    struct wire_arena arena;
    struct wire_error error;
    struct command command;
    wire_arena_init(&arena);
    int err = wire_decode_write(command_kind, request, &arena, &command, &error);
    if (err == 0)
        kv_write(n, call, kind, &command, deadline_ns);
    else
        answer_bad_request(call, err, &error);
    wire_arena_fini(&arena);
}

static void on_put(void *context, struct rpc_call *call, struct bytes request, uint64_t deadline_ns)
{
    kv_on_write(context, call, request, deadline_ns, COMMAND_PUT, NODE_OP_PUT);
}

static void on_append(void *context, struct rpc_call *call, struct bytes request,
                      uint64_t deadline_ns)
{
    kv_on_write(context, call, request, deadline_ns, COMMAND_APPEND, NODE_OP_APPEND);
}

static void on_delete(void *context, struct rpc_call *call, struct bytes request,
                      uint64_t deadline_ns)
{
    kv_on_write(context, call, request, deadline_ns, COMMAND_DELETE, NODE_OP_DELETE);
}

static void on_compare_and_set(void *context, struct rpc_call *call, struct bytes request,
                               uint64_t deadline_ns)
{
    kv_on_write(context, call, request, deadline_ns, COMMAND_CAS, NODE_OP_CAS);
}

static enum consistency consistency_of(enum wire_consistency c)
{
    switch (c) {
    case WIRE_BARRIER:
        return CONSISTENCY_BARRIER;
    case WIRE_SEQUENTIAL:
        return CONSISTENCY_SEQUENTIAL;
    case WIRE_QUORUM:
        return CONSISTENCY_QUORUM;
    }
    assert(!"a known consistency");
    return CONSISTENCY_BARRIER;
}

static void kv_read(struct node *n, struct rpc_call *call, const struct wire_get *get,
                    uint64_t deadline_ns)
{
    struct kv_call *c = kv_call_new(call, NODE_OP_GET, deadline_ns);
    if (c == NULL || buf_append(&c->bytes, get->key) != 0) {
        if (c != NULL)
            kv_call_free(c);
        no_memory(call);
        return;
    }
    c->op.op.kind = OP_READ;
    c->op.op.key = buf_bytes(&c->bytes);
    c->op.op.consistency = consistency_of(get->consistency);
    c->op.op.min_slot = get->min_slot;
    kv_submit(n, c);
}

static void on_get(void *context, struct rpc_call *call, struct bytes request, uint64_t deadline_ns)
{
    struct wire_arena arena;
    struct wire_error error;
    struct wire_get get;
    wire_arena_init(&arena);
    int err = wire_decode_get(request, &arena, &get, &error);
    if (err == 0)
        kv_read(context, call, &get, deadline_ns);
    else
        answer_bad_request(call, err, &error);
    wire_arena_fini(&arena);
}

static void on_hello(void *context, struct rpc_call *call, struct bytes request,
                     uint64_t deadline_ns)
{
    struct node *n = context;
    struct wire_error error;
    (void)deadline_ns;
    int err = wire_decode_nothing(request, &error);
    if (err != 0) {
        answer_bad_request(call, err, &error);
        return;
    }
    if (!node_is_serving(n)) {
        answer_fail(call, RPC_UNAVAILABLE, "this node is starting or stopping: ask another");
        return;
    }
    const struct wire_kv_hello hello = {
        .node = node_config(n)->id,
        .cluster = node_config(n)->cluster,
        .applied = node_applied(n),
        .key_size_max = KEY_SIZE_MAX,
        .value_size_max = VALUE_SIZE_MAX,
        .client_id_size_max = CLIENT_ID_SIZE_MAX,
        .op_window = machine_limits_default.window,
        .version = NODE_VERSION,
    };
    struct buf reply = {0};
    err = wire_encode_kv_hello(&hello, &reply);
    answer_reply(call, err, &reply);
}

size_t kv_service_methods(struct node *n, struct rpc_method out[SERVICE_METHODS_MAX])
{
    static const struct rpc_method methods[] = {
        {.name = WIRE_KV_HELLO, .unary = on_hello},
        {.name = WIRE_KV_GET, .unary = on_get},
        {.name = WIRE_KV_PUT, .unary = on_put},
        {.name = WIRE_KV_APPEND, .unary = on_append},
        {.name = WIRE_KV_DELETE, .unary = on_delete},
        {.name = WIRE_KV_COMPARE_AND_SET, .unary = on_compare_and_set},
    };
    size_t count = sizeof(methods) / sizeof(methods[0]);
    for (size_t i = 0; i < count; i++) {
        out[i] = methods[i];
        out[i].context = n;
    }
    return count;
}
