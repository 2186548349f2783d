/* faults.c -- see faults.h. */
#include "faults.h"

#include <assert.h>

#include "world.h"

/* A doze takes at least so long: others wait for a node for 6 ms and more. */
#define DOZE_MIN_NS (2 * NS_PER_MS)
/* And a stall. */
#define STALL_MIN_NS (50 * NS_PER_MS)
/* A node that a partition cut off may notice after so long that nothing comes any more. */
#define SILENCE_NS NS_PER_S

static void faults_next(struct world *w, enum fault f)
{
    uint64_t every = w->mix.faults[f].every_ns;
    if (every == 0)
        return;
    schedule_add(&w->schedule, (struct task){
                                   .at_ns = w->now_ns + 1 + prng_below(&w->prng, 2 * every),
                                   .kind = TASK_FAULT,
                                   .number = f,
                               });
}

void faults_init(struct world *w)
{
    for (int f = 0; f < FAULTS; f++)
        faults_next(w, (enum fault)f);
}

/* ---- Cuts ---------------------------------------------------------------------------------- */

static struct cut *faults_new_cut(struct world *w, uint32_t *out_place)
{
    for (uint32_t i = 0; i < CUTS_MAX; i++) {
        if (w->faults.cuts[i].active)
            continue;
        w->faults.cuts_made++;
        w->faults.cuts[i] = (struct cut){.active = true, .number = w->faults.cuts_made};
        *out_place = i;
        return &w->faults.cuts[i];
    }
    return NULL;
}

/* Block what the cut says; perhaps the streams break, at once or after a silence. */
static void faults_apply_cut(struct world *w, const struct cut *c)
{
    bool breaks = prng_chance(&w->prng, w->mix.notice_ppm);
    uint64_t delay = prng_chance(&w->prng, 500000) ? 0 : SILENCE_NS;
    for (uint32_t a = 0; a < w->mix.nodes; a++) {
        for (uint32_t b = 0; b < w->mix.nodes; b++) {
            if (a == b || !member_set_has(c->blocked[a], b))
                continue;
            net_block(w, a, b, true);
            if (!breaks)
                continue;
            net_break(w, a, b, delay);
            net_break(w, b, a, delay);
        }
    }
}

static void faults_end_cut(struct world *w, struct cut *c)
{
    if (!c->active)
        return;
    for (uint32_t a = 0; a < w->mix.nodes; a++) {
        for (uint32_t b = 0; b < w->mix.nodes; b++) {
            if (a != b && member_set_has(c->blocked[a], b))
                net_block(w, a, b, false);
        }
    }
    c->active = false;
}

static void cut_pair(struct cut *c, uint32_t a, uint32_t b)
{
    member_set_add(&c->blocked[a], b);
    member_set_add(&c->blocked[b], a);
}

void faults_cut_pair(struct world *w, uint32_t a, uint32_t b)
{
    uint32_t place = 0;
    struct cut *c = faults_new_cut(w, &place);
    assert(c != NULL);
    WORLD_TRACE(w, "-- cut between n%u and n%u", a + 1, b + 1);
    cut_pair(c, a, b);
    faults_apply_cut(w, c);
}

static void faults_draw_cut(struct world *w, enum fault f, struct cut *c)
{
    uint32_t nodes = w->mix.nodes;
    uint32_t a = (uint32_t)prng_below(&w->prng, nodes);
    uint32_t b = (a + 1 + (uint32_t)prng_below(&w->prng, nodes - 1)) % nodes;
    uint64_t side = prng_next(&w->prng);
    for (uint32_t i = 0; i < nodes; i++) {
        if (f == FAULT_ISOLATE && i != a)
            cut_pair(c, a, i);
        for (uint32_t j = 0; j < i && f == FAULT_SPLIT; j++) {
            if ((side >> i & 1) != (side >> j & 1))
                cut_pair(c, i, j);
        }
    }
    if (f == FAULT_ONE_WAY)
        member_set_add(&c->blocked[a], b);
    if (f == FAULT_PAIR)
        cut_pair(c, a, b);
}

static void faults_cut(struct world *w, enum fault f)
{
    uint32_t place = 0;
    struct cut *c = faults_new_cut(w, &place);
    if (c == NULL)
        return;
    faults_draw_cut(w, f, c);
    faults_apply_cut(w, c);
    schedule_add(&w->schedule,
                 (struct task){
                     .at_ns = w->now_ns + world_draw_ns(w, w->mix.faults[f].length_ns),
                     .kind = TASK_HEAL,
                     .number = c->number,
                     .peer = place,
                 });
}

/* ---- The others ---------------------------------------------------------------------------- */

/* Only where a correct cluster stays safe and able to go on: voters known to all, a majority kept.
 */
static bool faults_may_wipe(const struct world *w)
{
    if (w->faults.wipes >= w->mix.wipes_max)
        return false;
    for (uint32_t i = 0; i < w->mix.nodes; i++) {
        if (!w->nodes[i].wiped && !w->nodes[i].disk.admitted)
            return false;
    }
    return true;
}

static void faults_wipe(struct world *w, uint32_t node)
{
    if (!faults_may_wipe(w) || w->nodes[node].wiped)
        return;
    w->faults.wipes++;
    node_crash(w, node, "its disk is lost");
    node_wipe(w, node);
}

/*
 * What it proposes is on its way, to all or to some. Where its disk stands still meanwhile others
 * have promised, and it comes back without the promise of its own.
 */
static void faults_end_proposing(struct world *w, uint32_t node, uint64_t length_ns)
{
    struct node *n = &w->nodes[node];
    n->ending = prng_chance(&w->prng, 250000) ? ENDING_SENT : ENDING_SENT_PART;
    n->ends_proposing = true;
    if (prng_chance(&w->prng, 500000))
        disk_stall(w, node, STALL_MIN_NS + length_ns);
}

/* The node's stream to one other, or all that it has. */
static void faults_jam(struct world *w, uint32_t node, uint64_t length_ns)
{
    uint32_t nodes = w->mix.nodes;
    uint32_t one = (node + 1 + (uint32_t)prng_below(&w->prng, nodes - 1)) % nodes;
    bool is_all = prng_chance(&w->prng, 500000);
    bool is_narrow = w->mix.narrow_ns_per_byte > 0 && prng_chance(&w->prng, 800000);
    for (uint32_t i = 0; i < nodes; i++) {
        if (i != one && (!is_all || i == node))
            continue;
        if (is_narrow)
            net_narrow(w, node, i, length_ns);
        else
            net_jam(w, node, i, length_ns);
    }
}

static void faults_strike(struct world *w, enum fault f, uint32_t node)
{
    struct node *n = &w->nodes[node];
    uint64_t length = world_draw_ns(w, w->mix.faults[f].length_ns);
    switch (f) {
    case FAULT_CRASH:
        node_crash(w, node, "killed");
        break;
    case FAULT_CRASH_SENT:
        n->ending = prng_chance(&w->prng, 500000) ? ENDING_SENT : ENDING_SENT_PART;
        n->ends_proposing = false;
        break;
    case FAULT_CRASH_WROTE:
        n->ending = ENDING_WROTE;
        n->ends_proposing = false;
        break;
    case FAULT_CRASH_PROPOSED:
        faults_end_proposing(w, node, length);
        break;
    case FAULT_CRASH_SYNCED:
        n->disk.ends_node = true;
        break;
    case FAULT_POWER_ALL:
        for (uint32_t i = 0; i < w->mix.nodes; i++)
            node_crash(w, i, "power lost everywhere");
        break;
    case FAULT_PAUSE:
        node_pause(w, node, length);
        break;
    case FAULT_ISOLATE:
    case FAULT_ONE_WAY:
    case FAULT_PAIR:
    case FAULT_SPLIT:
        faults_cut(w, f);
        break;
    case FAULT_RESET:
        net_break(w, node,
                  (node + 1 + (uint32_t)prng_below(&w->prng, w->mix.nodes - 1)) % w->mix.nodes,
                  w->mix.delay_min_ns);
        break;
    case FAULT_JAM:
        faults_jam(w, node, length);
        break;
    case FAULT_SLOW_DISK:
        n->disk.slow_to_ns = w->now_ns + length;
        break;
    case FAULT_COMMIT_FAILS:
        n->disk.fail_next = true;
        break;
    case FAULT_WIPE:
        faults_wipe(w, node);
        break;
    case FAULT_DOZE:
        node_pause(w, node, DOZE_MIN_NS + length);
        break;
    case FAULT_STALL:
        disk_stall(w, node, STALL_MIN_NS + length);
        break;
    case FAULT_SILENCE:
        w->clients.silent_to_ns = w->now_ns + length;
        break;
    }
}

void faults_on_task(struct world *w, const struct task *t)
{
    if (t->kind == TASK_HEAL) {
        struct cut *c = &w->faults.cuts[t->peer];
        if (!c->active || c->number != t->number)
            return;
        WORLD_TRACE(w, "-- a cut ends");
        faults_end_cut(w, c);
        return;
    }
    if (w->faults.stopped)
        return;
    enum fault f = (enum fault)t->number;
    uint32_t node = (uint32_t)prng_below(&w->prng, w->mix.nodes);
    WORLD_TRACE(w, "-- %s, n%u", fault_name(f), node + 1);
    w->faults.struck++;
    faults_strike(w, f, node);
    faults_next(w, f);
}

void faults_stop(struct world *w)
{
    WORLD_TRACE(w, "-- all faults end");
    w->faults.stopped = true;
    for (uint32_t i = 0; i < CUTS_MAX; i++)
        faults_end_cut(w, &w->faults.cuts[i]);
    w->mix.loss_ppm = 0;
    w->mix.duplicate_ppm = 0;
    w->mix.late_ppm = 0;
    w->mix.delay_tail_ppm = 0;
    w->mix.clients.lose_ppm = 0;
    for (uint32_t i = 0; i < w->mix.nodes; i++) {
        for (uint32_t j = 0; j < w->mix.nodes; j++) {
            net_jam(w, i, j, 0);
            net_narrow(w, i, j, 0);
        }
        struct node *n = &w->nodes[i];
        disk_recover(w, i);
        n->ending = ENDING_NONE;
        if (n->paused)
            node_on_resume(w, &(struct task){.node = i, .number = n->life});
    }
}
