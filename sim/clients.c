/* clients.c -- see clients.h. */
#include "clients.h"

#include <assert.h>
#include <string.h>

#include "base/mem.h"
#include "trace.h"
#include "world.h"

#define MILLION 1000000
#define HANDLE_ATTEMPTS 64
#define IDLE_TIMES 200                   /* An idle client thinks so many times longer. */
#define PROBE_AGAIN_NS (300 * NS_PER_MS) /* After a full queue turned a probe away. */
#define LIMIT_SLACK 4 /* A node gets this part of a client's patience less as its deadline. */

static uint64_t clients_delay(struct world *w)
{
    return w->mix.delay_min_ns + prng_below(&w->prng, w->mix.delay_spread_ns + 1);
}

static void client_new_id(struct world *w, struct client *c)
{
    w->clients.ids++;
    for (size_t i = 0; i < SIM_CLIENT_ID_SIZE; i++)
        c->id[i] = (uint8_t)(w->clients.ids >> 8 * (SIM_CLIENT_ID_SIZE - 1 - i));
    c->op_id = 0;
}

static void client_later_than(struct world *w, uint32_t client, uint64_t at_ns)
{
    const struct client *c = &w->clients.clients[client];
    uint64_t most = w->mix.clients.think_ns * (c->idle ? IDLE_TIMES : 1);
    schedule_add(&w->schedule, (struct task){
                                   .at_ns = at_ns + 1 + prng_below(&w->prng, most + 1),
                                   .kind = TASK_CLIENT,
                                   .number = client,
                               });
}

static void client_later(struct world *w, uint32_t client)
{
    client_later_than(w, client, w->now_ns);
}

void clients_init(struct world *w)
{
    struct clients *cs = &w->clients;
    const struct client_mix *m = &w->mix.clients;
    assert(m->count <= CLIENTS_MAX && m->pipeline <= CLIENT_PIPELINE_MAX);
    assert(m->keys <= CLIENT_KEYS_MAX);
    history_init(&cs->history);
    for (uint32_t i = 0; i < m->count; i++) {
        struct client *c = &cs->clients[i];
        c->has_id = !prng_chance(&w->prng, m->no_id_ppm);
        c->idle = i < m->idle;
        c->home = (uint32_t)prng_below(&w->prng, m->homes);
        c->pinned = prng_chance(&w->prng, m->pinned_ppm);
        client_new_id(w, c);
        client_later(w, i);
    }
}

void clients_fini(struct world *w)
{
    struct clients *cs = &w->clients;
    for (size_t i = 0; i < cs->ops_count; i++) {
        buf_fini(&cs->ops[i]->text);
        buf_fini(&cs->ops[i]->command);
        mem_free(cs->ops[i]);
    }
    mem_free(cs->ops);
    for (size_t i = 0; i < CLIENT_KEYS_MAX; i++)
        buf_fini(&cs->guesses[i]);
    history_fini(&cs->history);
    reads_fini(&cs->reads);
}

void reply_free(struct reply *r)
{
    result_fini(&r->answer.result);
    entry_unref(r->answer.entry);
    mem_free(r);
}

void clients_stop(struct world *w)
{
    w->clients.stopped = true;
}

/* ---- Sending ------------------------------------------------------------------------------- */

static void op_set_timer(struct world *w, struct sim_op *op, uint64_t after_ns)
{
    op->timer++;
    schedule_add(&w->schedule, (struct task){
                                   .at_ns = w->now_ns + after_ns,
                                   .kind = TASK_TIMER,
                                   .number = op->timer,
                                   .item = op,
                               });
}

/* One attempt at one node. What is lost on the way leaves the client in doubt all the same. */
static void op_send(struct world *w, struct sim_op *op, uint32_t node)
{
    assert(op->attempts < SIM_ATTEMPTS_MAX);
    uint32_t attempt = op->attempts;
    op->attempts++;
    op->waiting++;
    WORLD_TRACE(w, "c%u op %lu, attempt %u to n%u: %s", op->client, op->number, attempt, node + 1,
                trace_op(op));
    const struct node *n = &w->nodes[node];
    if (!n->running || (!op->is_probe && prng_chance(&w->prng, w->mix.clients.lose_ppm)))
        return;
    struct letter *l = net_letter(w, EVENT_OP, node);
    struct bytes bytes = op->is_read ? op->meant.key : buf_bytes(&op->command);
    int err = buf_append(&l->bytes, bytes);
    assert(err == 0);
    l->from = 0;
    uint64_t patience = op->timeout_ns - op->timeout_ns / LIMIT_SLACK;
    l->op = (struct replica_op){
        .kind = op->is_read ? OP_READ : OP_WRITE,
        .handle = op->number * HANDLE_ATTEMPTS + attempt,
        .deadline_ns = node_clock(w, node) + patience,
        .consistency = op->consistency,
        .min_slot = op->min_slot,
    };
    if (op->is_read)
        l->op.key = buf_bytes(&l->bytes);
    else
        l->op.command = buf_bytes(&l->bytes);
    schedule_add(&w->schedule, (struct task){
                                   .at_ns = w->now_ns + clients_delay(w),
                                   .kind = TASK_DELIVER,
                                   .node = node,
                                   .item = l,
                               });
}

/* The next round of attempts: one, or one at each of several nodes. */
static void op_try(struct world *w, struct sim_op *op)
{
    struct client *c = &w->clients.clients[op->client];
    bool may_repeat = op->is_read || op->has_id;
    uint32_t nodes = w->mix.nodes;
    uint32_t copies = 1;
    if (may_repeat && prng_chance(&w->prng, w->mix.clients.everywhere_ppm))
        copies = (uint32_t)prng_between(&w->prng, 2, nodes);
    operation_encode(w, op);
    for (uint32_t i = 0; i < copies && op->attempts < SIM_ATTEMPTS_MAX; i++)
        op_send(w, op, (c->home + i) % nodes);
    op_set_timer(w, op, op->timeout_ns);
}

static void client_start(struct world *w, uint32_t client)
{
    struct client *c = &w->clients.clients[client];
    if (c->open_count == 0 && prng_chance(&w->prng, w->mix.clients.fresh_id_ppm)) {
        client_new_id(w, c);
        c->slot = 0;
        c->revision = 0;
    }
    struct sim_op *op = operation_new(w, client);
    c->open[c->open_count] = op;
    c->open_count++;
    w->clients.open++;
    op_try(w, op);
}

/* May it begin another operation? Its window of op_ids is a limit too. */
static bool client_has_room(const struct world *w, const struct client *c)
{
    if (c->open_count >= w->mix.clients.pipeline)
        return false;
    for (uint32_t i = 0; i < c->open_count; i++) {
        if (c->open[i]->has_id && c->op_id + 1 >= c->open[i]->op_id + w->mix.limits.window)
            return false;
    }
    return true;
}

static void clients_on_turn(struct world *w, uint32_t client)
{
    struct client *c = &w->clients.clients[client];
    if (w->clients.stopped)
        return;
    if (w->now_ns < w->clients.silent_to_ns) {
        client_later_than(w, client, w->clients.silent_to_ns);
        return;
    }
    if (!client_has_room(w, c)) {
        c->waits = true;
        return;
    }
    client_start(w, client);
    client_later(w, client);
}

void clients_probe(struct world *w, uint32_t node, uint64_t limit_ns)
{
    for (int i = 0; i < 2; i++) {
        struct sim_op *op = operation_new_probe(w, i == 1);
        op->timeout_ns = limit_ns;
        op->due_ns = w->now_ns + limit_ns;
        op->probe_node = node;
        w->clients.open++;
        operation_encode(w, op);
        op_send(w, op, node);
        op_set_timer(w, op, limit_ns);
    }
}

/* ---- Ends ---------------------------------------------------------------------------------- */

static void op_close(struct world *w, struct sim_op *op, enum history_outcome outcome,
                     const struct reply *r)
{
    struct client *c = &w->clients.clients[op->client];
    WORLD_TRACE(w, "c%u op %lu ends: %s", op->client, op->number,
                outcome == HISTORY_OK     ? "ok"
                : outcome == HISTORY_FAIL ? "fail"
                                          : "unknown");
    operation_record(w, op, outcome, r);
    op->is_open = false;
    op->timer++;
    w->clients.open--;
    if (outcome == HISTORY_OK)
        w->clients.ok++;
    for (uint32_t i = 0; i < c->open_count; i++) {
        if (c->open[i] != op)
            continue;
        c->open_count--;
        c->open[i] = c->open[c->open_count];
        break;
    }
    if (op->is_probe) {
        if (outcome != HISTORY_OK || w->now_ns > op->due_ns)
            world_fail(w, "no progress: a %s was not answered within %lu ms, all being well",
                       op->is_read ? "read" : "write", op->timeout_ns / NS_PER_MS);
        return;
    }
    if (c->waits) {
        c->waits = false;
        client_later(w, op->client);
    }
    if (outcome == HISTORY_OK && op->has_id && prng_chance(&w->prng, w->mix.clients.repeat_ppm))
        op_set_timer(w, op, world_draw_ns(w, w->mix.clients.repeat_after_ns));
}

static void op_give_up(struct world *w, struct sim_op *op)
{
    bool certain = op->is_read || !op->in_doubt;
    op_close(w, op, certain ? HISTORY_FAIL : HISTORY_UNKNOWN, NULL);
}

static void clients_on_timer(struct world *w, struct sim_op *op, uint64_t timer)
{
    if (timer != op->timer)
        return;
    struct client *c = &w->clients.clients[op->client];
    if (!op->is_open) { /* Long answered, and yet it asks again. */
        if (w->clients.stopped || op->attempts >= SIM_ATTEMPTS_MAX)
            return;
        op_send(w, op, (uint32_t)prng_below(&w->prng, w->mix.nodes));
        return;
    }
    if (op->waiting > 0)
        op->in_doubt = true;
    op->waiting = 0;
    if (op->is_probe && !op->in_doubt && op->attempts < SIM_ATTEMPTS_MAX) {
        op_send(w, op, op->probe_node); /* It was turned away, and nothing is under way. */
        op_set_timer(w, op, op->timeout_ns);
        return;
    }
    bool may_repeat = !op->is_probe && (op->is_read || op->has_id);
    if (!may_repeat || op->attempts >= w->mix.clients.attempts) {
        op_give_up(w, op);
        return;
    }
    if (!c->pinned)
        c->home = (c->home + 1) % w->mix.nodes;
    op_try(w, op);
}

/* An attempt came to nothing. When none is left under way, think of another one soon. */
static void op_on_attempt_lost(struct world *w, struct sim_op *op, bool in_doubt)
{
    op->in_doubt = op->in_doubt || in_doubt;
    if (op->waiting > 0)
        op->waiting--;
    if (op->waiting > 0)
        return;
    if (op->is_probe) {
        op_set_timer(w, op, PROBE_AGAIN_NS);
        return;
    }
    op_set_timer(w, op, 1 + world_draw_ns(w, w->mix.clients.timeout_ns));
}

static void op_on_read(struct world *w, struct sim_op *op, const struct reply *r)
{
    struct client *c = &w->clients.clients[op->client];
    if (op->consistency == CONSISTENCY_SEQUENTIAL && r->answer.slot < op->min_slot)
        world_fail(w, "op %lu: a read from slot %lu; its session had seen %lu", op->number,
                   r->answer.slot, op->min_slot);
    if (r->answer.revision < op->min_revision)
        world_fail(w, "op %lu: a read at revision %lu; its session had seen %lu", op->number,
                   r->answer.revision, op->min_revision);
    if (r->answer.slot >= c->slot && r->answer.revision < c->revision)
        world_fail(w, "op %lu: revision %lu at slot %lu, after %lu at slot %lu", op->number,
                   r->answer.revision, r->answer.slot, c->revision, c->slot);
    op_close(w, op, HISTORY_OK, r);
}

static void op_on_result(struct world *w, struct sim_op *op, const struct reply *r)
{
    switch (r->answer.result.code) {
    case RESULT_OK:
        op_close(w, op, HISTORY_OK, r);
        return;
    case RESULT_STALE:
        world_fail(w, "op %lu is called stale, and its client still waits for it", op->number);
        return;
    case RESULT_MISMATCH:
        world_fail(w, "op %lu is called another payload", op->number);
        return;
    case RESULT_SESSION_EXPIRED:
    case RESULT_BEYOND_WINDOW:
    case RESULT_TOO_LARGE:
        /* Refused when applied. An earlier attempt may have been executed. */
        op->in_doubt = op->in_doubt || op->attempts > 1;
        op_give_up(w, op);
        return;
    }
}

static void clients_on_reply(struct world *w, struct reply *r)
{
    struct sim_op *op = r->op;
    struct client *c = &w->clients.clients[op->client];
    if (!op->is_open)
        return;
    switch (r->answer.status) {
    case ANSWER_OK:
        if (op->is_read)
            op_on_read(w, op, r);
        else
            op_on_result(w, op, r);
        if (r->answer.slot >= c->slot) {
            c->slot = r->answer.slot;
            c->revision = r->answer.revision;
        }
        return;
    case ANSWER_NOT_APPLIED:
    case ANSWER_QUEUE_FULL:
    case ANSWER_STATE_FULL:
        op_on_attempt_lost(w, op, false);
        return;
    case ANSWER_OUTCOME_UNKNOWN:
    case ANSWER_NO_QUORUM:
        op_on_attempt_lost(w, op, true);
        return;
    }
}

/* ---- Answers ------------------------------------------------------------------------------- */

/* A node says that a write was executed: so it was, there and only there. */
static void op_on_done(struct world *w, uint32_t node, struct sim_op *op, const struct result *r)
{
    truth_on_done(w, node, op, r);
    if (op->done_slot == 0) {
        op->done_slot = r->slot;
        op->done_revision = r->revision;
        return;
    }
    if (op->done_slot != r->slot || op->done_revision != r->revision)
        world_fail(w, "op %lu was executed twice: slot %lu, revision %lu; slot %lu, revision %lu",
                   op->number, op->done_slot, op->done_revision, r->slot, r->revision);
}

void clients_on_answer(struct world *w, uint32_t node, struct answer *a)
{
    uint64_t number = a->handle / HANDLE_ATTEMPTS;
    uint32_t attempt = (uint32_t)(a->handle % HANDLE_ATTEMPTS);
    assert(number >= 1 && number <= w->clients.ops_count);
    struct sim_op *op = w->clients.ops[number - 1];
    world_note(w, a->handle ^ (uint64_t)a->status << 50 ^ a->slot << 20);
    WORLD_TRACE(w, "n%u answers op %lu, attempt %u: %s", node + 1, number, attempt,
                trace_answer(op, a));
    if ((op->answered >> attempt & 1) != 0) {
        world_fail(w, "op %lu, attempt %u is answered twice", number, attempt);
        return;
    }
    op->answered |= UINT64_C(1) << attempt;
    if (!op->is_read && a->status == ANSWER_OK && a->result.code == RESULT_OK)
        op_on_done(w, node, op, &a->result);
    if (op->is_read && a->status == ANSWER_OK)
        reads_add(&w->clients.reads, node, op, a);
    bool is_lost = !op->is_probe && prng_chance(&w->prng, w->mix.clients.lose_ppm);
    if (is_lost || w->failed)
        return;
    struct reply *r = mem_alloc(sizeof(*r));
    assert(r != NULL);
    *r = (struct reply){.op = op, .attempt = attempt, .node = node, .answer = *a};
    a->entry = NULL;
    a->result = (struct result){0};
    schedule_add(&w->schedule, (struct task){
                                   .at_ns = w->now_ns + clients_delay(w),
                                   .kind = TASK_REPLY,
                                   .node = node,
                                   .item = r,
                               });
}

void clients_on_task(struct world *w, const struct task *t)
{
    if (t->kind == TASK_CLIENT)
        clients_on_turn(w, (uint32_t)t->number);
    if (t->kind == TASK_TIMER)
        clients_on_timer(w, t->item, t->number);
    if (t->kind == TASK_REPLY) {
        clients_on_reply(w, t->item);
        reply_free(t->item);
    }
}
