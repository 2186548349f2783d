/* fake.c -- see fake.h. */
#define _GNU_SOURCE
#include "fake.h"

#include <stdio.h>
#include <string.h>

static void fake_fail(struct rpc_call *call, const struct fake_plan *plan)
{
    rpc_call_fail(call, plan->status, "as planned", plan->reason, plan->retry_after_ms);
}

static void fake_reply(struct rpc_call *call, struct buf *reply, int err)
{
    if (err == 0)
        rpc_call_answer(call, reply);
    else
        rpc_call_fail(call, RPC_INTERNAL, "the fake has no memory", NULL, 0);
    buf_fini(reply);
}

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
    fake_reply(call, &reply, err);
}

/* What is to be done with the operation that just arrived. */
static struct fake_plan fake_next(struct fake *f, const struct fake_seen *seen,
                                  struct rpc_call *call)
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
        f->held[f->held_count] = call;
        f->held_count++;
    }
    pthread_mutex_unlock(&f->lock);
    counter_add(&f->arrived, 1);
    return plan;
}

/* True: the plan dealt with the call. */
static bool fake_follow(const struct fake_plan *plan, struct rpc_call *call)
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

static void on_get(void *context, struct rpc_call *call, struct bytes request, uint64_t deadline_ns)
{
    struct fake *f = context;
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

static void fake_answer_write(struct fake *f, struct rpc_call *call, const struct command *c)
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

static void fake_on_write(struct fake *f, enum command_kind kind, struct rpc_call *call,
                          struct bytes request, uint64_t deadline_ns)
{
    struct wire_arena arena;
    struct wire_error error;
    struct command c;
    wire_arena_init(&arena);
    int err = wire_decode_write(kind, request, &arena, &c, &error);
    if (err != 0) {
        wire_arena_fini(&arena);
        rpc_call_fail(call, err == ERR_INVALID ? RPC_INVALID_ARGUMENT : RPC_INTERNAL, error.text,
                      NULL, 0);
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

static void on_put(void *context, struct rpc_call *call, struct bytes request, uint64_t deadline_ns)
{
    fake_on_write(context, COMMAND_PUT, call, request, deadline_ns);
}

static void on_append(void *context, struct rpc_call *call, struct bytes request,
                      uint64_t deadline_ns)
{
    fake_on_write(context, COMMAND_APPEND, call, request, deadline_ns);
}

static void on_delete(void *context, struct rpc_call *call, struct bytes request,
                      uint64_t deadline_ns)
{
    fake_on_write(context, COMMAND_DELETE, call, request, deadline_ns);
}

static void on_cas(void *context, struct rpc_call *call, struct bytes request, uint64_t deadline_ns)
{
    fake_on_write(context, COMMAND_CAS, call, request, deadline_ns);
}

void fake_start(struct fake *f, uint32_t id)
{
    memset(f, 0, sizeof(*f));
    f->id = id;
    f->slot = 100;
    f->arrived = COUNTER_INIT;
    f->hellos = COUNTER_INIT;
    pthread_mutex_init(&f->lock, NULL);
    const struct rpc_method methods[] = {
        {.name = WIRE_KV_HELLO, .unary = on_hello, .context = f},
        {.name = WIRE_KV_GET, .unary = on_get, .context = f},
        {.name = WIRE_KV_PUT, .unary = on_put, .context = f},
        {.name = WIRE_KV_APPEND, .unary = on_append, .context = f},
        {.name = WIRE_KV_DELETE, .unary = on_delete, .context = f},
        {.name = WIRE_KV_COMPARE_AND_SET, .unary = on_cas, .context = f},
    };
    f->server = server_start(methods, sizeof(methods) / sizeof(methods[0]));
}

void fake_stop(struct fake *f)
{
    const struct fake_plan stopped = {.status = RPC_UNAVAILABLE};
    rpc_server_close(f->server);
    for (uint32_t i = 0; i < f->held_count; i++) {
        if (f->held[i] != NULL)
            fake_fail(f->held[i], &stopped);
    }
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
    struct rpc_call *call = f->held[index];
    f->held[index] = NULL;
    pthread_mutex_unlock(&f->lock);
    assert_non_null(call);
    fake_answer_write(f, call, NULL);
}

uint16_t fake_port(const struct fake *f)
{
    return rpc_server_port(f->server);
}

const char *fake_endpoints(const uint16_t *ports, size_t count)
{
    static char joined[256];
    size_t used = 0;
    for (size_t i = 0; i < count; i++) {
        uint16_t port = ports[i] != 0 ? ports[i] : dead_port();
        used += (size_t)snprintf(joined + used, sizeof(joined) - used, "%s%s", i > 0 ? "," : "",
                                 loopback(port));
        assert_true(used < sizeof(joined));
    }
    return joined;
}

struct dkv_client *fake_client(const char *endpoints, const struct dkv_options *options)
{
    struct dkv_options all = options != NULL ? *options : (struct dkv_options){0};
    struct dkv_client *client = NULL;
    all.endpoints = endpoints;
    assert_int_equal(dkv_open(&all, &client), DKV_OK);
    return client;
}

struct dkv_bytes text(const char *s)
{
    return (struct dkv_bytes){.data = s, .size = strlen(s)};
}

struct dkv_answer put(struct dkv_client *client, const char *value)
{
    const struct dkv_op op = {.kind = DKV_PUT, .key = text("k"), .value = text(value)};
    struct dkv_answer answer;
    dkv_execute(client, &op, &answer);
    return answer;
}
