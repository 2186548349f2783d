/* world.c -- see world.h. */
#include "world.h"

#include <assert.h>
#include <stdarg.h>
#include <string.h>

#include "base/mem.h"
#include "trace.h"

/* With all faults over, the cluster must be one again within this simulated time, */
#define CONVERGE_NS (60 * NS_PER_S)
/* answer any of its clients within this, */
#define PROGRESS_NS (20 * NS_PER_S)
/* and with the causes of trouble gone, within this and a number of commits and messages, */
#define PROMPT_NS NS_PER_S
#define PROMPT_ROUNDS 50
#define PROMPT_RESTART_NS (10 * NS_PER_MS)
#define PROMPT_TRAVELS 2
#define WHOLE_NS (30 * NS_PER_S)
/* and then be still for this. */
#define IDLE_NS (10 * NS_PER_S)
#define SETTLE_NS (2 * NS_PER_S)
/* A run that makes so many events beyond those asked for has come to a storm. */
#define EVENTS_EXTRA 3000000
/* A run whose clients have given up still ends. */
#define RUN_NS (600 * NS_PER_S)

void world_fail(struct world *w, const char *format, ...)
{
    if (w->failed)
        return;
    w->failed = true;
    va_list args;
    va_start(args, format);
    vsnprintf(w->failure, sizeof(w->failure), format, args);
    va_end(args);
    WORLD_TRACE(w, "** %s", w->failure);
}

void world_trace(struct world *w, const char *format, ...)
{
    fprintf(w->options.trace, "%12.3f ms  ", (double)w->now_ns / 1e6);
    va_list args;
    va_start(args, format);
    vfprintf(w->options.trace, format, args);
    va_end(args);
    fputc('\n', w->options.trace);
}

uint64_t world_draw_ns(struct world *w, uint64_t most)
{
    if (most == 0)
        return 0;
    most >>= prng_below(&w->prng, 5);
    return prng_below(&w->prng, most + 1);
}

/* ---- One thing after the other ------------------------------------------------------------- */

static void world_on_task(struct world *w, const struct task *t)
{
    switch (t->kind) {
    case TASK_DELIVER:
        net_on_deliver(w, t->item);
        break;
    case TASK_COMMIT:
        disk_on_commit(w, t);
        break;
    case TASK_CHECKPOINT:
        disk_on_checkpoint(w, t);
        break;
    case TASK_DIAL:
        net_on_dial(w, t);
        break;
    case TASK_BREAK:
        net_on_break(w, t);
        break;
    case TASK_START:
        if (!w->nodes[t->node].running && w->nodes[t->node].life == t->number)
            node_start(w, t->node);
        break;
    case TASK_RESUME:
        node_on_resume(w, t);
        break;
    case TASK_CLIENT:
    case TASK_TIMER:
    case TASK_REPLY:
        clients_on_task(w, t);
        break;
    case TASK_FAULT:
    case TASK_HEAL:
        faults_on_task(w, t);
        break;
    }
}

/* Tasks come before turns of the same time. */
void world_advance(struct world *w)
{
    uint64_t task_ns = schedule_next_ns(&w->schedule);
    uint32_t node = MEMBER_NONE;
    uint64_t turn_ns = UINT64_MAX;
    for (uint32_t i = 0; i < w->mix.nodes; i++) {
        if (w->nodes[i].turn_ns < turn_ns) {
            turn_ns = w->nodes[i].turn_ns;
            node = i;
        }
    }
    if (task_ns <= turn_ns) {
        if (task_ns == UINT64_MAX) {
            world_fail(w, "nothing is left to happen");
            return;
        }
        struct task t = schedule_take(&w->schedule);
        assert(t.at_ns >= w->now_ns);
        w->now_ns = t.at_ns;
        world_on_task(w, &t);
        return;
    }
    assert(turn_ns >= w->now_ns);
    w->now_ns = turn_ns;
    node_turn(w, node);
}

static void world_free_task(struct world *w, const struct task *t)
{
    if (t->kind == TASK_DELIVER)
        net_letter_free(w, t->item);
    if (t->kind == TASK_REPLY)
        reply_free(t->item);
}

/* ---- Ends ---------------------------------------------------------------------------------- */

static bool world_is_voter(const struct world *w, uint32_t node)
{
    return !w->nodes[node].wiped;
}

/* All voters run, have nothing left to do, and have applied all that anybody voted for. */
static bool world_is_converged(struct world *w)
{
    const struct truth *t = &w->truth;
    uint64_t wanted_to = truth_wanted_to(w);
    uint64_t applied = wanted_to;
    if (w->mix.mode == MODE_CLASSIC)
        applied = t->chosen_to; /* Else slots are skipped far ahead of all that is used. */
    if (t->chosen_to < wanted_to)
        return false;
    for (uint32_t i = 0; i < w->mix.nodes; i++) {
        const struct node *n = &w->nodes[i];
        if (world_is_voter(w, i))
            applied = n->applied > applied ? n->applied : applied;
    }
    for (uint32_t i = 0; i < w->mix.nodes; i++) {
        const struct node *n = &w->nodes[i];
        if (!world_is_voter(w, i))
            continue;
        if (!n->running || n->applied < applied || n->inbox != NULL || n->disk.pending_count > 0)
            return false;
    }
    return true;
}

static void world_why_apart(struct world *w)
{
    char text[256] = "";
    size_t at = 0;
    for (uint32_t i = 0; i < w->mix.nodes && at < sizeof(text); i++) {
        const struct node *n = &w->nodes[i];
        at += (size_t)snprintf(text + at, sizeof(text) - at, " n%u%s %lu", n->id,
                               n->wiped     ? " (wiped)"
                               : n->running ? ""
                                            : " (down)",
                               n->applied);
    }
    world_fail(w,
               "not converged %lu s after all faults ended: votes up to slot %lu, chosen to "
               "%lu, applied:%s",
               CONVERGE_NS / NS_PER_S, w->truth.touched_to, w->truth.chosen_to, text);
}

static void world_run_for(struct world *w, uint64_t length_ns)
{
    uint64_t end = w->now_ns + length_ns;
    while (!w->failed && w->now_ns < end)
        world_advance(w);
}

static void world_converge(struct world *w)
{
    uint64_t end = w->now_ns + CONVERGE_NS;
    uint64_t events = w->events;
    while (!w->failed && (w->clients.open > 0 || !world_is_converged(w))) {
        world_advance(w);
        if (w->now_ns > end)
            world_why_apart(w);
        else if (w->events > events + EVENTS_EXTRA)
            world_fail(w, "a storm: %lu events in %lu ms, with no new operation and no fault",
                       w->events - events, (w->now_ns + CONVERGE_NS - end) / NS_PER_MS);
    }
}

/* A write and a read at each node. */
static void world_probe(struct world *w, uint64_t limit_ns)
{
    for (uint32_t i = 0; i < w->mix.nodes && !w->failed; i++) {
        if (world_is_voter(w, i))
            clients_probe(w, i, limit_ns);
    }
    while (!w->failed && w->clients.open > 0)
        world_advance(w);
}

/* ---- Served again -------------------------------------------------------------------------- */

/* Everybody runs, and hears everybody; what began in bad times, commits and values, is over. */
static bool world_is_whole(const struct world *w, uint64_t over_ns)
{
    if (w->now_ns < over_ns)
        return false;
    for (uint32_t a = 0; a < w->mix.nodes; a++) {
        for (uint32_t b = 0; b < w->mix.nodes; b++) {
            if (!world_is_voter(w, a) || !world_is_voter(w, b))
                continue;
            if (!w->nodes[a].running || (a != b && !w->net.streams[a][b].up))
                return false;
        }
    }
    return true;
}

/*
 * Whatever the faults were: a second after their causes went away every node serves its clients.
 * Where disks or networks are slow it may take as many of their rounds as anybody would wait for;
 * and each restart may have left a chunk of reserved slots behind, which the log has to pass.
 */
static void world_prompt_phase(struct world *w)
{
    /* The slow disk may be one of the causes, and what it cost is to be over as soon. */
    if (w->mix.slow_node != MEMBER_NONE && prng_chance(&w->prng, 500000)) {
        WORLD_TRACE(w, "-- n%u's disk is as quick as others", w->nodes[w->mix.slow_node].id);
        w->mix.slow_node = MEMBER_NONE;
    }
    uint64_t over_ns = net_all_there_at(w);
    for (uint32_t i = 0; i < w->mix.nodes; i++) {
        uint64_t end = w->nodes[i].disk.commit_end_ns;
        over_ns = end > over_ns ? end : over_ns;
    }
    uint64_t end_ns = w->now_ns + WHOLE_NS;
    while (!w->failed && !world_is_whole(w, over_ns)) {
        world_advance(w);
        if (w->now_ns > end_ns && w->now_ns > over_ns)
            world_fail(w, "with all faults over, some streams do not come up");
    }
    uint64_t commit_ns = w->mix.commit_min_ns + w->mix.commit_spread_ns;
    if (w->mix.slow_node != MEMBER_NONE)
        commit_ns *= 10;
    uint64_t round_ns = commit_ns + w->mix.delay_min_ns + w->mix.delay_spread_ns;
    if (w->mix.is_far) /* There it is not the second that counts, but the way there and back. */
        round_ns += w->mix.delay_min_ns + w->mix.delay_spread_ns;
    uint64_t limit_ns = PROMPT_NS + PROMPT_ROUNDS * round_ns;
    for (uint32_t i = 0; i < w->mix.nodes; i++)
        limit_ns += w->nodes[i].boot * PROMPT_RESTART_NS;
    /* What was announced and is lost is waited for. */
    limit_ns += PROMPT_TRAVELS * w->net.value_bytes_max * w->mix.tuning.travel_ns_per_byte;
    /* A queue of a few operations may be full of those that came before. */
    const struct replica_tuning *t = &w->mix.tuning;
    bool is_short =
        t->queue_ops_max < 1000 || t->queue_bytes_max < replica_tuning_default.queue_bytes_max;
    if (!is_short && !w->mix.state_fills)
        world_probe(w, limit_ns);
}

/* Planted bug 38: one pair is cut, all must go on answering. */
static void world_pair_phase(struct world *w)
{
    if (!w->mix.pair_phase || w->faults.wipes > 0 || w->failed)
        return;
    uint32_t a = (uint32_t)prng_below(&w->prng, w->mix.nodes);
    uint32_t b = (a + 1) % w->mix.nodes;
    faults_cut_pair(w, a, b);
    for (int round = 0; round < 3 && !w->failed; round++)
        world_probe(w, PROGRESS_NS);
    faults_stop(w);
    world_run_for(w, SETTLE_NS);
    world_converge(w);
}

/* Heartbeats, each of them two steps where it arrives and a tick where it leaves; twice that. */
static uint64_t world_idle_events(const struct world *w)
{
    uint64_t beats = IDLE_NS / w->mix.tuning.heartbeat_ns;
    return 2 * 3 * beats * w->mix.nodes * (w->mix.nodes - 1) + 1000;
}

/* Bug 34: without clients no slot is used, and nothing is said but heartbeats. */
static void world_idle_phase(struct world *w)
{
    world_run_for(w, SETTLE_NS);
    if (w->failed)
        return;
    uint64_t used = w->truth.used;
    uint64_t events = w->events;
    w->net.quiet = true;
    world_run_for(w, IDLE_NS);
    w->net.quiet = false;
    if (w->events - events > world_idle_events(w))
        world_fail(w, "idle, yet busy: %lu steps in %lu s", w->events - events, IDLE_NS / NS_PER_S);
    for (uint32_t i = 0; i < w->mix.nodes && !w->failed; i++) {
        const struct node *n = &w->nodes[i];
        if (n->ops_answered != n->ops_taken)
            world_fail(w, "node %u has taken %lu operations and given %lu answers", n->id,
                       n->ops_taken, n->ops_answered);
    }
    if (!w->failed && w->truth.used != used)
        world_fail(w, "idle, yet %lu slots are used", w->truth.used - used);
}

static void world_end(struct world *w)
{
    clients_stop(w);
    /* Sometimes the faults outlive the load: what is then unfinished nobody asks for any more. */
    if (prng_chance(&w->prng, 500000))
        world_run_for(w, world_draw_ns(w, 4 * w->mix.clients.timeout_ns));
    faults_stop(w);
    if (w->mix.mode == MODE_COORDINATED)
        world_prompt_phase(w);
    world_run_for(w, SETTLE_NS);
    world_converge(w);
    world_pair_phase(w);
    world_probe(w, PROGRESS_NS);
    world_converge(w);
    world_idle_phase(w);
    if (!w->failed)
        clients_check(w);
}

void world_open(const struct world_options *options, struct world **out_world)
{
    struct world *w = mem_alloc_zero(sizeof(*w));
    assert(w != NULL);
    w->options = *options;
    prng_init(&w->prng, options->seed);
    mix_draw(&w->mix, &w->prng, options->mode, options->nodes, options->first_slot);
    if (options->trace != NULL)
        trace_mix(w);
    truth_init(w);
    for (uint32_t i = 0; i < w->mix.nodes; i++)
        node_init(w, i);
    for (uint32_t i = 0; i < w->mix.nodes; i++)
        node_start(w, i);
    clients_init(w);
    faults_init(w);
    *out_world = w;
}

void world_close(struct world *w)
{
    while (w->schedule.count > 0) {
        struct task t = schedule_take(&w->schedule);
        world_free_task(w, &t);
    }
    schedule_fini(&w->schedule);
    for (uint32_t i = 0; i < w->mix.nodes; i++)
        node_fini(w, i);
    clients_fini(w);
    truth_fini(&w->truth);
    net_fini(w);
    mem_free(w);
}

void world_run(const struct world_options *options, volatile uint64_t *progress_events,
               struct world_result *out_result)
{
    long blocks = mem_outstanding();
    struct world *w = NULL;
    world_open(options, &w);
    while (!w->failed && w->events < options->events && w->now_ns < RUN_NS) {
        world_advance(w);
        if (progress_events != NULL)
            *progress_events = w->events;
    }
    if (!w->failed)
        world_end(w);
    *out_result = (struct world_result){
        .failed = w->failed,
        .events = w->events,
        .digest = w->digest,
        .now_ns = w->now_ns,
        .ops = w->clients.ops_count,
        .ops_ok = w->clients.ok,
        .slots = w->truth.chosen_to + 1 - w->truth.first,
        .checked = w->clients.history.count,
        .faults = w->faults.struck,
        .undecided = w->clients.undecided,
    };
    memcpy(out_result->failure, w->failure, sizeof(w->failure));
    world_close(w);
    if (out_result->failed || mem_outstanding() == blocks)
        return;
    out_result->failed = true;
    snprintf(out_result->failure, sizeof(out_result->failure), "%ld blocks of memory are lost",
             mem_outstanding() - blocks);
}
