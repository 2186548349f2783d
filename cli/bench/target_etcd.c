/*
 * target_etcd.c -- etcd, through its gRPC service KV.
 *
 * The transport is the one that libdkv has: one poller, a channel for each client and endpoint.
 * When an attempt fails, the next endpoint is tried at once, as clients of etcd do for requests
 * that may be repeated: here every put may. When all have failed, there is a pause.
 */
#include <assert.h>
#include <pthread.h>

#include "base/mem.h"
#include "cli/bench/etcd_wire.h"
#include "cli/bench/target.h"
#include "cli/scenarios/moment.h"
#include "rpc/client.h"

struct target {
    struct target_options options;
    struct rpc_client *rpc;
    pthread_mutex_t lock;
    struct target_op *paused; /* Under the lock. */
};

struct target_client {
    struct target *target;
    _Atomic uint32_t preferred; /* Endpoint that answered last. */
    struct rpc_channel *channels[ENDPOINTS_MAX];
};

static int etcd_open(const struct target_options *options, struct target **out_target)
{
    struct target *t = mem_alloc_zero(sizeof(*t));
    if (t == NULL)
        return ERR_NO_MEMORY;
    t->options = *options;
    rpc_init();
    if (rpc_client_open(NULL, &t->rpc) != 0) {
        rpc_fini();
        mem_free(t);
        return ERR_NO_MEMORY;
    }
    pthread_mutex_init(&t->lock, NULL);
    *out_target = t;
    return 0;
}

static void etcd_close(struct target *t)
{
    if (t == NULL)
        return;
    rpc_client_close(t->rpc);
    rpc_fini();
    pthread_mutex_destroy(&t->lock);
    mem_free(t);
}

static void etcd_client_close(struct target_client *c)
{
    if (c == NULL)
        return;
    for (uint32_t i = 0; i < c->target->options.endpoints->count; i++)
        rpc_channel_close(c->channels[i]);
    mem_free(c);
}

static int etcd_client_open(struct target *t, uint32_t home, struct target_client **out_client)
{
    const struct endpoints *e = t->options.endpoints;
    struct target_client *c = mem_alloc_zero(sizeof(*c));
    if (c == NULL)
        return ERR_NO_MEMORY;
    c->target = t;
    c->preferred = home;
    for (uint32_t i = 0; i < e->count; i++) {
        if (rpc_channel_open(t->rpc, e->addresses[i], NULL, &c->channels[i]) != 0) {
            etcd_client_close(c);
            return ERR_NO_MEMORY;
        }
    }
    *out_client = c;
    return 0;
}

/* ---- An operation -------------------------------------------------------------------------- */

static void op_attempt(struct target_op *op);

static void op_fail(struct target_op *op, const char *text)
{
    op->on_done(op, &(struct target_result){.text = text});
}

static void op_pause(struct target_op *op)
{
    struct target *t = op->client->target;
    pthread_mutex_lock(&t->lock);
    op->next = t->paused;
    t->paused = op;
    pthread_mutex_unlock(&t->lock);
}

static void op_on_failure(struct target_op *op, const struct rpc_reply *reply)
{
    const struct endpoints *e = op->client->target->options.endpoints;
    if (moment_now_ns() >= op->deadline_ns) {
        op_fail(op, reply->text);
        return;
    }
    op->endpoint = (op->endpoint + 1) % e->count;
    op->failed_in_row++;
    if (op->failed_in_row % e->count == 0)
        op_pause(op);
    else
        op_attempt(op);
}

static void op_on_reply(void *context, const struct rpc_reply *reply)
{
    struct target_op *op = context;
    if (reply->status != RPC_OK) {
        op_on_failure(op, reply);
        return;
    }
    op->client->preferred = op->endpoint;
    struct target_result result = {.ok = true, .text = ""};
    if (!op->is_put && etcd_decode_get(reply->body, &result.found) != 0)
        result = (struct target_result){.text = "the answer does not parse"};
    op->on_done(op, &result);
}

static void op_attempt(struct target_op *op)
{
    struct target_client *c = op->client;
    const struct target_options *options = &c->target->options;
    uint64_t now_ns = moment_now_ns();
    uint64_t timeout_ns = op->deadline_ns > now_ns ? op->deadline_ns - now_ns : 1;
    if (timeout_ns > options->attempt_timeout_ms * MOMENT_MS)
        timeout_ns = options->attempt_timeout_ms * MOMENT_MS;
    struct buf request = {0};
    int err = op->is_put
                  ? etcd_encode_put(op->key, op->value, &request)
                  : etcd_encode_get(op->key, options->consistency == TARGET_SEQUENTIAL, &request);
    const char *method = op->is_put ? ETCD_PUT : ETCD_RANGE;
    if (err == 0)
        err = rpc_channel_call(c->channels[op->endpoint], method, &request, timeout_ns, op_on_reply,
                               op);
    if (err == 0)
        return;
    buf_fini(&request);
    op_fail(op, err_text(err));
}

static int etcd_client_submit(struct target_client *c, struct target_op *op)
{
    op->client = c;
    op->deadline_ns = moment_now_ns() + c->target->options.timeout_ms * MOMENT_MS;
    op->endpoint = c->preferred;
    op->failed_in_row = 0;
    op_attempt(op);
    return 0;
}

static void etcd_tick(struct target *t)
{
    pthread_mutex_lock(&t->lock);
    struct target_op *op = t->paused;
    t->paused = NULL;
    pthread_mutex_unlock(&t->lock);
    while (op != NULL) {
        struct target_op *next = op->next;
        op_attempt(op);
        op = next;
    }
}

const struct target_kind target_etcd = {
    .name = "etcd",
    .attempt_timeout_ms = TARGET_ATTEMPT_TIMEOUT_MS,
    .open = etcd_open,
    .close = etcd_close,
    .client_open = etcd_client_open,
    .client_close = etcd_client_close,
    .submit = etcd_client_submit,
    .tick = etcd_tick,
};
