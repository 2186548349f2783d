/* node.c -- see node.h. */
#include "node.h"

#include <assert.h>
#include <string.h>

#include "base/mem.h"
#include "base/planted.h"
#include "trace.h"
#include "world.h"

#define CLOCK_ONE 65536

/* ---- Clock --------------------------------------------------------------------------------- */

uint64_t node_clock(const struct world *w, uint32_t node)
{
    const struct node *n = &w->nodes[node];
    return n->clock_base + w->now_ns * n->clock_rate / CLOCK_ONE;
}

/* When, in the world's time, the node's clock will show local_ns; not before now. */
static uint64_t node_when(const struct world *w, const struct node *n, uint64_t local_ns)
{
    /* Not for what lies beyond any run. */
    if (local_ns > n->clock_base + w->now_ns * 4 + 3600 * NS_PER_S)
        return UINT64_MAX;
    if (local_ns <= n->clock_base)
        return w->now_ns;
    uint64_t at = ((local_ns - n->clock_base) * CLOCK_ONE + n->clock_rate - 1) / n->clock_rate;
    return at < w->now_ns ? w->now_ns : at;
}

static void node_wake(struct world *w, struct node *n, uint64_t at_ns)
{
    if (at_ns < n->busy_ns)
        at_ns = n->busy_ns;
    if (at_ns < w->now_ns)
        at_ns = w->now_ns;
    if (at_ns < n->turn_ns)
        n->turn_ns = at_ns;
}

/* ---- Life ---------------------------------------------------------------------------------- */

static void node_new_identity(struct world *w, struct node *n)
{
    n->identity = (struct identity){
        .cluster = "sim",
        .mode = w->mix.mode,
        .members = {.count = w->mix.nodes},
        .id = n->id,
    };
    for (uint32_t i = 0; i < w->mix.nodes; i++)
        n->identity.members.ids[i] = i + 1;
    for (size_t i = 0; i < DISK_ID_SIZE; i++)
        n->identity.disk_id[i] = (uint8_t)(1 + prng_below(&w->prng, 255));
}

void node_init(struct world *w, uint32_t node)
{
    struct node *n = &w->nodes[node];
    uint32_t skew = w->mix.clock_skew_pm * CLOCK_ONE / 1000;
    *n = (struct node){
        .id = node + 1,
        .turn_ns = UINT64_MAX,
        .clock_rate = prng_between(&w->prng, CLOCK_ONE - skew, CLOCK_ONE + skew),
        .clock_base = prng_below(&w->prng, 1000 * NS_PER_S),
        .life = 1,
    };
    n->inbox_end = &n->inbox;
    node_new_identity(w, n);
}

static void node_empty_inbox(struct world *w, struct node *n)
{
    while (n->inbox != NULL) {
        struct letter *l = n->inbox;
        n->inbox = l->next;
        net_letter_free(w, l);
    }
    n->inbox_end = &n->inbox;
}

void node_fini(struct world *w, uint32_t node)
{
    struct node *n = &w->nodes[node];
    node_empty_inbox(w, n);
    effects_fini(&n->effects);
    replica_close(n->replica);
    disk_fini(&n->disk);
}

void node_start(struct world *w, uint32_t node)
{
    struct node *n = &w->nodes[node];
    assert(!n->running);
    n->life++;
    n->running = true;
    n->paused = false;
    n->ending = ENDING_NONE;
    n->ends_proposing = false;
    n->busy_ns = w->now_ns;
    n->ops_taken = 0;
    n->ops_answered = 0;
    n->behind = (struct member_set){0};
    if (!node_restore(w, node))
        return;
    WORLD_TRACE(w, "n%u starts: boot %lu, applied %lu, chosen to %lu%s", n->id, n->boot,
                machine_applied(replica_machine(n->replica)), n->disk.chosen_to,
                n->disk.admitted ? "" : ", not admitted");
    n->applied = machine_applied(replica_machine(n->replica));
    truth_on_start(w, node);
    bounds_on_start(w, node);
    node_wake(w, n, w->now_ns);
    net_on_start(w, node);
}

void node_crash(struct world *w, uint32_t node, const char *why)
{
    struct node *n = &w->nodes[node];
    if (!n->running)
        return;
    WORLD_TRACE(w, "n%u ends: %s", n->id, why);
    n->running = false;
    n->paused = false;
    n->life++;
    n->turn_ns = UINT64_MAX;
    node_empty_inbox(w, n);
    effects_clear(&n->effects);
    replica_close(n->replica);
    n->replica = NULL;
    disk_on_crash(w, node);
    net_on_end(w, node);
    schedule_add(&w->schedule, (struct task){
                                   .at_ns = w->now_ns + world_draw_ns(w, w->mix.down_ns),
                                   .kind = TASK_START,
                                   .node = node,
                                   .number = n->life,
                               });
}

void node_wipe(struct world *w, uint32_t node)
{
    struct node *n = &w->nodes[node];
    assert(!n->running);
    WORLD_TRACE(w, "n%u loses its disk", n->id);
    disk_wipe(&n->disk);
    n->wiped = true;
    node_new_identity(w, n);
    truth_on_wiped(w, node);
    /* The planted bug takes an empty directory for one that may vote. */
    n->disk.admitted = PLANTED(PLANTED_WIPED_DISK);
}

void node_pause(struct world *w, uint32_t node, uint64_t length_ns)
{
    struct node *n = &w->nodes[node];
    if (!n->running || n->paused)
        return;
    WORLD_TRACE(w, "n%u pauses for %lu us", n->id, length_ns / NS_PER_US);
    n->paused = true;
    n->resume_ns = w->now_ns + length_ns;
    n->turn_ns = UINT64_MAX;
    schedule_add(&w->schedule, (struct task){
                                   .at_ns = n->resume_ns,
                                   .kind = TASK_RESUME,
                                   .node = node,
                                   .number = n->life,
                               });
}

void node_on_resume(struct world *w, const struct task *t)
{
    struct node *n = &w->nodes[t->node];
    if (n->life != t->number || !n->paused)
        return;
    WORLD_TRACE(w, "n%u goes on", n->id);
    n->paused = false;
    node_wake(w, n, w->now_ns);
}

/* ---- Turns --------------------------------------------------------------------------------- */

void node_give(struct world *w, struct letter *l)
{
    struct node *n = &w->nodes[l->to];
    if (l->life != n->life || !n->running) {
        net_letter_free(w, l);
        return;
    }
    l->next = NULL;
    *n->inbox_end = l;
    n->inbox_end = &l->next;
    if (!n->paused)
        node_wake(w, n, w->now_ns);
}

/* One replica_step, and a look at what it did. False: the run has failed. */
static bool node_step(struct world *w, uint32_t node, const struct event *event)
{
    struct node *n = &w->nodes[node];
    w->events++;
    world_note(w, (uint64_t)event->kind << 56 ^ (uint64_t)node << 48 ^ event->now_ns);
    int err = replica_step(n->replica, event, &n->effects);
    if (err != 0) {
        world_fail(w, "node %u: a step failed: %s", n->id, err_text(err));
        return false;
    }
    uint64_t applied = machine_applied(replica_machine(n->replica));
    if (applied != n->applied)
        truth_on_step(w, node);
    n->applied = applied;
    bounds_on_step(w, node, event);
    return !w->failed;
}

/* Of what the turn has to say only some is said: the process ends in the middle of it. */
static void node_cut_sends(struct world *w, struct effects *e, enum ending ending)
{
    size_t kept = 0;
    for (size_t i = 0; i < e->sends_count; i++) {
        if (ending == ENDING_SENT_PART && prng_chance(&w->prng, 500000)) {
            struct send said = e->sends[kept];
            e->sends[kept] = e->sends[i];
            e->sends[i] = said;
            kept++;
        }
    }
    for (size_t i = kept; i < e->sends_count; i++)
        message_fini(&e->sends[i].message);
    e->sends_count = kept;
}

static void node_act(struct world *w, uint32_t node, enum ending ending)
{
    struct node *n = &w->nodes[node];
    struct effects *e = &n->effects;
    bounds_on_turn(w, node);
    if (ending == ENDING_SENT_PART || ending == ENDING_WROTE)
        node_cut_sends(w, e, ending);
    for (size_t i = 0; i < e->notices_count; i++) {
        const struct notice *notice = &e->notices[i];
        WORLD_TRACE(w, "n%u %s", n->id, trace_notice(notice));
        if (notice->kind == NOTICE_PEER_REFUSED)
            net_refuse(w, notice->peer, node, notice->link);
    }
    for (size_t i = 0; i < e->sends_count && !w->failed; i++) {
        struct send *s = &e->sends[i];
        if (w->options.trace != NULL)
            trace_send(w, node, s->peer, &s->message);
        truth_on_send(w, node, &s->message);
        net_send(w, node, s->peer, &s->message);
    }
    truth_on_turn(w, node);
    n->ops_answered += e->answers_count;
    for (size_t i = 0; i < e->answers_count && !w->failed && ending != ENDING_WROTE; i++)
        clients_on_answer(w, node, &e->answers[i]);
    disk_write(w, node, e);
    if (e->checkpoint != NULL) {
        disk_write_checkpoint(w, node, e->checkpoint);
        e->checkpoint = NULL;
    }
}

/* Is this the turn in which the process is to end? */
static bool node_is_ending(const struct node *n)
{
    const struct effects *e = &n->effects;
    if (n->ending == ENDING_NONE || e->writes_count == 0)
        return false;
    for (size_t i = 0; i < e->sends_count; i++) {
        const struct message *m = &e->sends[i].message;
        bool proposes = m->kind == MESSAGE_ACCEPT || m->kind == MESSAGE_ACCEPT_NOOP;
        if (!n->ends_proposing || (proposes && m->ballot.node == n->id && m->ballot.round > 0))
            return true;
    }
    return false;
}

/* Whose stream does not take what it is given, or does again. False: the run has failed. */
static bool node_tell_behind(struct world *w, uint32_t node, uint64_t now_ns)
{
    struct node *n = &w->nodes[node];
    for (uint32_t i = 0; i < w->mix.nodes; i++) {
        struct event event = {.kind = EVENT_PEER_BEHIND, .now_ns = now_ns, .peer = i};
        event.is_behind = net_is_jammed(w, node, i);
        if (event.is_behind == member_set_has(n->behind, i))
            continue;
        n->behind.bits = (uint16_t)(n->behind.bits ^ 1U << i);
        if (w->options.trace != NULL)
            trace_event(w, node, &event);
        if (!node_step(w, node, &event))
            return false;
    }
    return true;
}

void node_turn(struct world *w, uint32_t node)
{
    struct node *n = &w->nodes[node];
    assert(n->running && !n->paused);
    n->turn_ns = UINT64_MAX;
    struct event event = {.now_ns = node_clock(w, node)};
    if (!node_tell_behind(w, node, event.now_ns))
        return;
    while (n->inbox != NULL) {
        struct letter *l = n->inbox;
        n->inbox = l->next;
        if (n->inbox == NULL)
            n->inbox_end = &n->inbox;
        event.kind = l->kind;
        event.peer = l->from;
        event.link = l->link;
        event.op = &l->op;
        event.message = &l->message;
        event.sequence = l->number;
        event.slot = l->number;
        if (w->options.trace != NULL)
            trace_event(w, node, &event);
        n->ops_taken += event.kind == EVENT_OP;
        bool fine = node_step(w, node, &event);
        net_letter_free(w, l);
        if (!fine)
            return;
    }
    event = (struct event){.kind = EVENT_TICK, .now_ns = event.now_ns};
    if (!node_step(w, node, &event))
        return;
    enum ending ending = node_is_ending(n) ? n->ending : ENDING_NONE;
    uint64_t next_ns = node_when(w, n, n->effects.next_tick_ns);
    node_act(w, node, ending);
    effects_clear(&n->effects);
    n->busy_ns = w->now_ns + prng_below(&w->prng, w->mix.turn_ns + 1);
    if (next_ns != UINT64_MAX)
        node_wake(w, n, next_ns);
    if (ending != ENDING_NONE)
        node_crash(w, node, ending == ENDING_WROTE ? "before it sent" : "just after it sent");
}
