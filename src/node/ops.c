/* ops.c -- clients' operations, from the transport's thread to the replica. */
#include <assert.h>

#include "base/list.h"
#include "node/internal.h"
#include "node/monotime.h"
#include "rpc/rpc.h"

#define WAIT_NS (10 * MONOTIME_S)
#define AHEAD_MIN_NS (5 * MONOTIME_MS)
#define AHEAD_MAX_NS (100 * MONOTIME_MS)

uint64_t node_deadline_ns(uint64_t now_ns, uint64_t client_deadline_ns)
{
    if (client_deadline_ns == RPC_FOREVER_NS)
        return now_ns + WAIT_NS;
    if (client_deadline_ns <= now_ns)
        return now_ns;
    uint64_t left_ns = client_deadline_ns - now_ns;
    uint64_t ahead_ns = left_ns / 10;
    ahead_ns = ahead_ns < AHEAD_MIN_NS ? AHEAD_MIN_NS : ahead_ns;
    ahead_ns = ahead_ns > AHEAD_MAX_NS ? AHEAD_MAX_NS : ahead_ns;
    return ahead_ns < left_ns ? client_deadline_ns - ahead_ns : now_ns;
}

static void op_end(struct node *n, struct node_op *op, enum node_op_end end)
{
    metrics_count_op(&n->metrics, op, end, NULL, monotime_ns());
    op->on_end(n, op, end, NULL);
}

static void op_on_mail(struct mail *mail, void *owner)
{
    struct node *n = owner;
    struct node_op *op = LIST_ENTRY(mail, struct node_op, mail);
    atomic_fetch_sub_explicit(&n->queued_ops, 1, memory_order_relaxed);
    atomic_fetch_sub_explicit(&n->queued_bytes, op->size, memory_order_relaxed);
    if (atomic_load(&n->phase) != NODE_SERVING) {
        op_end(n, op, NODE_OP_STOPPING);
        return;
    }
    op->op.handle = (uint64_t)(uintptr_t)op;
    list_push_back(&n->ops, &op->link);
    node_step(n, (struct event){.kind = EVENT_OP, .op = &op->op});
}

void node_submit(struct node *n, struct node_op *op)
{
    assert(op->on_end != NULL && op->kind < NODE_OP_KINDS);
    op->began_ns = monotime_ns();
    op->mail.run = op_on_mail;
    list_init(&op->link);
    int phase = atomic_load_explicit(&n->phase, memory_order_acquire);
    if (phase != NODE_SERVING) {
        op_end(n, op, phase == NODE_LOADING ? NODE_OP_LOADING : NODE_OP_STOPPING);
        return;
    }
    uint64_t ops = atomic_fetch_add_explicit(&n->queued_ops, 1, memory_order_relaxed);
    uint64_t bytes = atomic_fetch_add_explicit(&n->queued_bytes, op->size, memory_order_relaxed);
    if (ops >= n->config.queue_ops || bytes + op->size > n->config.queue_bytes) {
        atomic_fetch_sub_explicit(&n->queued_ops, 1, memory_order_relaxed);
        atomic_fetch_sub_explicit(&n->queued_bytes, op->size, memory_order_relaxed);
        op_end(n, op, NODE_OP_REFUSED);
        return;
    }
    mailbox_push(&n->mailbox, &op->mail);
}
