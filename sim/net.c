/* net.c -- see net.h. */
#include "net.h"

#include <assert.h>
#include <string.h>

#include "base/mem.h"
#include "trace.h"
#include "world.h"

#define TAIL_TIMES 30                 /* A message in the tail takes so many times the spread. */
#define DIAL_NS (200 * NS_PER_US)     /* Until a stream is up, when all is well. */
#define QUEUE_NS NS_PER_S             /* What would wait for longer on a slow stream is lost. */
#define REFUSED_NS (1000 * NS_PER_MS) /* Until a refused one is dialled again. */

/* ---- Letters ------------------------------------------------------------------------------- */

struct letter *net_letter(struct world *w, enum event_kind kind, uint32_t to)
{
    struct letter *l = w->net.pool;
    if (l == NULL) {
        l = mem_alloc_zero(sizeof(*l));
        assert(l != NULL);
    } else {
        w->net.pool = l->next;
    }
    l->next = NULL;
    l->kind = kind;
    l->to = to;
    l->life = w->nodes[to].life;
    return l;
}

void net_letter_free(struct world *w, struct letter *l)
{
    message_fini(&l->message);
    buf_clear(&l->bytes);
    l->next = w->net.pool;
    w->net.pool = l;
}

/* ---- Messages ------------------------------------------------------------------------------ */

static uint64_t net_delay(struct world *w)
{
    uint64_t delay = w->mix.delay_min_ns + prng_below(&w->prng, w->mix.delay_spread_ns + 1);
    if (prng_chance(&w->prng, w->mix.delay_tail_ppm))
        delay += prng_below(&w->prng, w->mix.delay_spread_ns * TAIL_TIMES + 1);
    return delay;
}

uint64_t net_value_bytes(const struct message *m)
{
    uint64_t bytes = m->value == NULL ? 0 : m->value->size;
    for (uint32_t i = 0; m->reports != NULL && i < m->reports->count; i++)
        bytes += m->reports->items[i].value->size;
    return bytes;
}

static void net_post(struct world *w, struct letter *l, uint64_t at_ns)
{
    struct stream *s = &w->net.streams[l->from][l->to];
    if (at_ns < s->jammed_to_ns)
        at_ns = s->jammed_to_ns;
    if (w->now_ns < s->narrow_to_ns) {
        at_ns = at_ns < s->carries_to_ns ? s->carries_to_ns : at_ns;
        at_ns += net_value_bytes(&l->message) * w->mix.narrow_ns_per_byte;
        s->carries_to_ns = at_ns;
    }
    if (w->mix.fifo && at_ns < s->last_due_ns)
        at_ns = s->last_due_ns;
    s->last_due_ns = at_ns;
    schedule_add(&w->schedule,
                 (struct task){.at_ns = at_ns, .kind = TASK_DELIVER, .node = l->to, .item = l});
}

static struct hello *net_hello_copy(const struct hello *hello)
{
    if (hello == NULL)
        return NULL;
    struct hello *copy = mem_alloc(sizeof(*copy));
    assert(copy != NULL);
    *copy = *hello;
    return copy;
}

/* What may be said though nobody wants anything: heartbeats; and a lost disk keeps asking in. */
static bool net_is_idle_talk(const struct world *w, uint32_t from, uint32_t to,
                             enum message_kind kind)
{
    if (kind == MESSAGE_HEARTBEAT)
        return true;
    bool is_greeting = kind == MESSAGE_HELLO || kind == MESSAGE_GOODBYE;
    return is_greeting && (w->nodes[from].wiped || w->nodes[to].wiped);
}

void net_send(struct world *w, uint32_t from, uint32_t to, struct message *m)
{
    struct stream *s = &w->net.streams[from][to];
    assert(from != to);
    w->net.sent++;
    if (w->net.quiet && !net_is_idle_talk(w, from, to, m->kind))
        world_fail(w, "idle, yet node %u sends %s", w->nodes[from].id, trace_message_name(m->kind));
    if (m->value != NULL && m->value->size > w->net.value_bytes_max)
        w->net.value_bytes_max = m->value->size;
    bool is_full = s->carries_to_ns > w->now_ns + QUEUE_NS;
    if (!s->up || s->blocked > 0 || is_full || prng_chance(&w->prng, w->mix.loss_ppm)) {
        message_fini(m);
        return;
    }
    bool twice = prng_chance(&w->prng, w->mix.duplicate_ppm);
    for (int i = 0; i < 1 + twice; i++) {
        struct letter *l = net_letter(w, EVENT_MESSAGE, to);
        l->from = from;
        l->link = s->link;
        l->message = *m;
        if (i == 0 && twice) {
            value_ref(m->value);
            reports_ref(m->reports);
            l->message.hello = net_hello_copy(m->hello);
        }
        net_post(w, l, w->now_ns + net_delay(w));
    }
    *m = (struct message){0}; /* Its references have moved. */
}

void net_on_deliver(struct world *w, struct letter *l)
{
    if (l->kind == EVENT_MESSAGE) {
        const struct stream *s = &w->net.streams[l->from][l->to];
        bool is_old = !s->up || s->link != l->link;
        if (is_old && !prng_chance(&w->prng, w->mix.late_ppm)) {
            net_letter_free(w, l);
            return;
        }
        w->net.delivered++;
        if (l->message.kind == MESSAGE_FETCH) {
            node_on_fetch(w, l);
            return;
        }
    }
    node_give(w, l);
}

/* ---- Streams ------------------------------------------------------------------------------- */

static void net_dial_after(struct world *w, uint32_t from, uint32_t to, uint64_t delay_ns)
{
    struct stream *s = &w->net.streams[from][to];
    if (s->dialling)
        return;
    s->dialling = true;
    schedule_add(&w->schedule, (struct task){
                                   .at_ns = w->now_ns + delay_ns,
                                   .kind = TASK_DIAL,
                                   .node = from,
                                   .peer = to,
                               });
}

void net_on_dial(struct world *w, const struct task *t)
{
    struct stream *s = &w->net.streams[t->node][t->peer];
    const struct stream *back = &w->net.streams[t->peer][t->node];
    s->dialling = false;
    if (s->up || !w->nodes[t->node].running || !w->nodes[t->peer].running)
        return; /* Who starts dials, and is dialled. */
    if (s->blocked > 0 || back->blocked > 0 || w->nodes[t->node].paused ||
        w->nodes[t->peer].paused) {
        net_dial_after(w, t->node, t->peer, w->mix.redial_ns);
        return;
    }
    w->net.links++;
    s->link = w->net.links;
    s->up = true;
    s->jammed_to_ns = 0;
    s->carries_to_ns = 0;
    struct letter *l = net_letter(w, EVENT_PEER_UP, t->node);
    l->from = t->peer;
    node_give(w, l);
}

void net_on_break(struct world *w, const struct task *t)
{
    const struct stream *s = &w->net.streams[t->node][t->peer];
    if (s->link != t->number || !w->nodes[t->node].running)
        return;
    struct letter *l = net_letter(w, EVENT_PEER_DOWN, t->node);
    l->from = t->peer;
    node_give(w, l);
    net_dial_after(w, t->node, t->peer, s->refused ? REFUSED_NS : w->mix.redial_ns);
    w->net.streams[t->node][t->peer].refused = false;
}

void net_break(struct world *w, uint32_t from, uint32_t to, uint64_t delay_ns)
{
    struct stream *s = &w->net.streams[from][to];
    if (!s->up)
        return;
    s->up = false;
    schedule_add(&w->schedule, (struct task){
                                   .at_ns = w->now_ns + delay_ns,
                                   .kind = TASK_BREAK,
                                   .node = from,
                                   .peer = to,
                                   .number = s->link,
                               });
}

void net_refuse(struct world *w, uint32_t from, uint32_t to, uint64_t link)
{
    struct stream *s = &w->net.streams[from][to];
    if (s->link != link || !s->up)
        return;
    s->refused = true;
    net_break(w, from, to, w->mix.delay_min_ns);
}

void net_on_start(struct world *w, uint32_t node)
{
    for (uint32_t i = 0; i < w->mix.nodes; i++) {
        if (i == node || !w->nodes[i].running)
            continue;
        net_dial_after(w, node, i, DIAL_NS);
        net_dial_after(w, i, node, DIAL_NS + prng_below(&w->prng, w->mix.redial_ns));
    }
}

void net_on_end(struct world *w, uint32_t node)
{
    for (uint32_t i = 0; i < w->mix.nodes; i++) {
        if (i == node)
            continue;
        w->net.streams[node][i].up = false;
        net_break(w, i, node, prng_below(&w->prng, w->mix.redial_ns));
    }
}

void net_block(struct world *w, uint32_t from, uint32_t to, bool is_blocked)
{
    struct stream *s = &w->net.streams[from][to];
    if (is_blocked) {
        s->blocked++;
        return;
    }
    assert(s->blocked > 0);
    s->blocked--;
}

void net_jam(struct world *w, uint32_t from, uint32_t to, uint64_t length_ns)
{
    w->net.streams[from][to].jammed_to_ns = w->now_ns + length_ns;
}

bool net_is_jammed(const struct world *w, uint32_t from, uint32_t to)
{
    const struct stream *s = &w->net.streams[from][to];
    /* More is under way than the link has at once. */
    uint64_t soon_ns = w->now_ns + w->mix.delay_min_ns + w->mix.delay_spread_ns;
    return s->up && (w->now_ns < s->jammed_to_ns || soon_ns < s->carries_to_ns);
}

void net_narrow(struct world *w, uint32_t from, uint32_t to, uint64_t length_ns)
{
    w->net.streams[from][to].narrow_to_ns = w->now_ns + length_ns;
}

uint64_t net_all_there_at(const struct world *w)
{
    uint64_t last_ns = 0;
    for (uint32_t a = 0; a < w->mix.nodes; a++) {
        for (uint32_t b = 0; b < w->mix.nodes; b++) {
            uint64_t end_ns = w->net.streams[a][b].last_due_ns;
            last_ns = end_ns > last_ns ? end_ns : last_ns;
        }
    }
    return last_ns;
}

void net_fini(struct world *w)
{
    while (w->net.pool != NULL) {
        struct letter *l = w->net.pool;
        w->net.pool = l->next;
        buf_fini(&l->bytes);
        mem_free(l);
    }
}
