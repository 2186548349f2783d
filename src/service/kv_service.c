/* kv_service.c -- dkv.v1.KV: from a call to an operation of the node, and back. */
#include <assert.h>

#include "service/answer.h"
#include "service/kv_answer.h"
#include "service/service.h"
#include "service/unread.h"
#include "wire/batch_wire.h"

/* In the room of its call: gone once that is answered. */
struct kv_call {
    struct node_op op;
    struct rpc_call *call;
    bool has_session; /* Of a write. */
};

static_assert(sizeof(struct kv_call) <= RPC_CALL_ROOM_SIZE, "a call has room for it");

static void kv_fail(struct rpc_call *call, const struct kv_failure *f)
{
    rpc_call_fail(call, f->status, f->text, f->reason, f->retry_after_ms);
}

static void kv_on_end(struct node *n, struct node_op *op, enum node_op_end end,
                      const struct answer *answer)
{
    const struct kv_call *c = LIST_ENTRY(op, struct kv_call, op);
    struct kv_failure failure;
    if (kv_find_failure(op, c->has_session, end, answer, &failure)) {
        kv_fail(c->call, &failure);
        return;
    }
    struct buf *reply = rpc_call_reply(c->call);
    int err = 0;
    if (op->op.kind == OP_WRITE) {
        struct wire_write_answer wire = kv_write_answer_of(n, answer);
        wire = kv_write_answer_kept(n, &wire, 0);
        err = wire_encode_write_answer(&wire, reply);
    } else {
        struct wire_get_answer wire = kv_get_answer_of(n, answer);
        if (wire.found && !unread_has_room(n, 0, wire.value.size)) {
            kv_fail(c->call, &kv_failure_unread);
            return;
        }
        err = wire_encode_get_answer(&wire, reply);
    }
    if (err == 0)
        rpc_call_answer(c->call, reply);
    else
        answer_no_memory(c->call);
}

static struct kv_call *kv_call_of(struct rpc_call *call)
{
    struct kv_call *c = rpc_call_room(call);
    *c = (struct kv_call){.call = call, .op.on_end = kv_on_end};
    return c;
}

/* Give it to the node, if there was memory for it (err is 0). */
static void kv_submit(struct node *n, struct kv_call *c, int err)
{
    if (err == 0)
        node_submit(n, &c->op);
    else
        kv_fail(c->call, &kv_failure_memory);
}

static void kv_on_write(struct node *n, struct rpc_call *call, struct bytes request,
                        uint64_t deadline_ns, enum command_kind kind)
{
    struct wire_arena arena;
    struct wire_error error;
    struct command command;
    wire_arena_init(&arena);
    int err = wire_decode_write(kind, request, &arena, &command, &error);
    if (err == 0) {
        struct kv_call *c = kv_call_of(call);
        c->has_session = command.client_id.size > 0;
        kv_submit(n, c, kv_fill_write(&c->op, &command, deadline_ns, rpc_call_bytes(call)));
    } else {
        answer_bad_request(call, err, &error);
    }
    wire_arena_fini(&arena);
}

static void on_put(void *context, struct rpc_call *call, struct bytes request, uint64_t deadline_ns)
{
    kv_on_write(context, call, request, deadline_ns, COMMAND_PUT);
}

static void on_append(void *context, struct rpc_call *call, struct bytes request,
                      uint64_t deadline_ns)
{
    kv_on_write(context, call, request, deadline_ns, COMMAND_APPEND);
}

static void on_delete(void *context, struct rpc_call *call, struct bytes request,
                      uint64_t deadline_ns)
{
    kv_on_write(context, call, request, deadline_ns, COMMAND_DELETE);
}

static void on_compare_and_set(void *context, struct rpc_call *call, struct bytes request,
                               uint64_t deadline_ns)
{
    kv_on_write(context, call, request, deadline_ns, COMMAND_CAS);
}

static void on_get(void *context, struct rpc_call *call, struct bytes request, uint64_t deadline_ns)
{
    struct wire_arena arena;
    struct wire_error error;
    struct wire_get get;
    wire_arena_init(&arena);
    int err = wire_decode_get(request, &arena, &get, &error);
    if (err == 0) {
        struct kv_call *c = kv_call_of(call);
        kv_submit(context, c, kv_fill_read(&c->op, &get, deadline_ns, rpc_call_bytes(call)));
    } else {
        answer_bad_request(call, err, &error);
    }
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
        {.name = WIRE_KV_BATCH, .stream = &kv_batch_events},
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
