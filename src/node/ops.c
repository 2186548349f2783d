/* ops.c -- clients' operations, from the transport's thread to the replica. */
#include <assert.h>

#include "base/list.h"
#include "node/internal.h"
#include "node/monotime.h"
#include "rpc/rpc.h"

#define WAIT_NS (10 * MONOTIME_S)
/* What waits takes a place of queue_ops, though its client be gone long since. */
#define WAIT_MAX_NS (60 * MONOTIME_S)
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
    uint64_t wait_ns = ahead_ns < left_ns ? left_ns - ahead_ns : 0;
    return now_ns + (wait_ns < WAIT_MAX_NS ? wait_ns : WAIT_MAX_NS);
}

static void op_end(struct node *n, struct node_op *op, enum node_op_end end)
{
    metrics_count_op(&n->metrics, op, end, NULL, monotime_ns());
    op->on_end(n, op, end, NULL);
}

static void op_unqueue(struct node *n, const struct node_op *op)
{
    atomic_fetch_sub_explicit(&n->queued_ops, 1, memory_order_relaxed);
    atomic_fetch_sub_explicit(&n->queued_bytes, op->size, memory_order_relaxed);
}

/* Room for it on its way to the replica? Then op_unqueue follows. */
static bool op_queue(struct node *n, const struct node_op *op)
{
    uint64_t ops = atomic_fetch_add_explicit(&n->queued_ops, 1, memory_order_relaxed);
    uint64_t bytes = atomic_fetch_add_explicit(&n->queued_bytes, op->size, memory_order_relaxed);
    if (ops < n->config.queue_ops && bytes + op->size <= n->config.queue_bytes)
        return true;
    op_unqueue(n, op);
    return false;
}

/* To the replica, on the loop. */
static void op_enter(struct node *n, struct node_op *op)
{
    op_unqueue(n, op);
    if (atomic_load(&n->phase) != NODE_SERVING) {
        op_end(n, op, NODE_OP_STOPPING);
        return;
    }
    op->op.handle = (uint64_t)(uintptr_t)op;
    list_push_back(&n->ops, &op->link);
    node_step(n, (struct event){.kind = EVENT_OP, .op = &op->op});
}

static void op_on_mail(struct mail *mail, void *owner)
{
    op_enter(owner, LIST_ENTRY(mail, struct node_op, mail));
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
    if (op_queue(n, op))
        mailbox_push(&n->mailbox, &op->mail);
    else
        op_end(n, op, NODE_OP_REFUSED);
}

static void ops_on_mail(struct mail *mail, void *owner)
{
    struct node *n = owner;
    struct node_ops *ops = LIST_ENTRY(mail, struct node_ops, mail);
    ops->on_taken(n, ops);
    while (!list_is_empty(&ops->ops)) {
        struct node_op *op = LIST_ENTRY(ops->ops.next, struct node_op, link);
        list_remove(&op->link);
        if (op->refused)
            op_end(n, op, NODE_OP_REFUSED);
        else
            op_enter(n, op);
    }
}

void node_submit_all(struct node *n, struct node_ops *ops)
{
    uint64_t now_ns = monotime_ns();
    for (struct list *l = ops->ops.next; l != &ops->ops; l = l->next) {
        struct node_op *op = LIST_ENTRY(l, struct node_op, link);
        assert(op->on_end != NULL && op->kind < NODE_OP_KINDS);
        op->began_ns = now_ns;
        op->refused = !op_queue(n, op);
    }
    ops->mail.run = ops_on_mail;
    mailbox_push(&n->mailbox, &ops->mail);
}
