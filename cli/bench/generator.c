/*
 * generator.c -- see generator.h.
 *
 * A client has `pipeline` lanes, each with one operation at most. A lane is
 *
 *     under way   with the target, which calls lane_on_done on whatever thread
 *     parked      after a failure, or because the target was busy: it goes on with the next tick,
 *                 so that a store which fails everything at once is not asked without a pause
 *     idle        open loop: nothing is due at its client
 *     at rest     at the end
 *
 * The lock guards the tally and where each lane is; nothing is submitted under it.
 */
#define _GNU_SOURCE
#include "cli/bench/generator.h"

#include <assert.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>

#include "base/list.h"
#include "base/mem.h"
#include "base/prng.h"
#include "cli/scenarios/moment.h"

#define TICK_NS (10 * MOMENT_MS)
#define TIMER_SLACK_NS 1000UL
#define VALUES_SPARE 4096 /* Values begin at so many places of one run of random bytes. */

struct client;

struct lane {
    struct target_op op;
    struct list link; /* Parked, or idle at its client. */
    struct client *client;
    struct prng prng;
    uint64_t began_ns;
    bool again; /* Parked with its operation, which the target was too busy for. */
};

struct client {
    struct generator *generator;
    struct target_client *target;
    uint32_t home;
    struct list idle;
    uint64_t next_arrival; /* Open loop: the number of its next operation. */
};

struct generator {
    struct generator_options options;
    struct target *target;
    struct client *clients;
    struct lane *lanes;
    uint8_t *keys; /* One for each lane. */
    uint8_t *values;
    uint32_t key_digits;
    uint64_t start_ns;
    uint64_t end_ns;

    pthread_mutex_t lock; /* Of what follows. */
    struct tally tally;
    struct list parked;
    uint64_t under_way;
    uint64_t filled; /* Keys taken. */
    uint64_t done;   /* Keys put. */
    bool stopping;
    uint64_t failed;
    char error[TARGET_TEXT_SIZE_MAX];
};

uint32_t generator_key_size_min(uint32_t keys)
{
    uint32_t digits = 1;
    for (uint32_t n = keys - 1; n >= 10; n /= 10)
        digits++;
    return digits;
}

/* ---- What to ask --------------------------------------------------------------------------- */

/* All but the number was written once, by lane_init. */
static void lane_set_key(struct lane *lane, uint64_t number)
{
    struct generator *g = lane->client->generator;
    uint8_t *key = g->keys + (size_t)(lane - g->lanes) * g->options.key_size;
    uint8_t *at = key + g->options.key_size;
    for (uint32_t i = 0; i < g->key_digits; i++, number /= 10)
        *--at = (uint8_t)('0' + number % 10);
    lane->op.key = (struct bytes){.data = key, .size = g->options.key_size};
}

/* Under the lock when filling. */
static void lane_choose(struct lane *lane)
{
    struct generator *g = lane->client->generator;
    const struct generator_options *o = &g->options;
    if (o->fill)
        lane_set_key(lane, g->filled - 1);
    else
        lane_set_key(lane, prng_below(&lane->prng, o->keys));
    lane->op.is_put = o->fill || o->gets == 0 ||
                      (o->puts > 0 && prng_below(&lane->prng, o->puts + o->gets) < o->puts);
    if (lane->op.is_put)
        lane->op.value = (struct bytes){
            .data = g->values + prng_below(&lane->prng, VALUES_SPARE),
            .size = o->value_size,
        };
}

static uint64_t arrival_ns(const struct generator *g, uint64_t number)
{
    uint64_t rate = g->options.rate_per_s;
    return g->start_ns + number / rate * MOMENT_S + number % rate * MOMENT_S / rate;
}

/* ---- From one operation to the next -------------------------------------------------------- */

static void lane_park(struct lane *lane, bool again)
{
    lane->again = again;
    list_push_back(&lane->client->generator->parked, &lane->link);
}

/*
 * A lane has nothing to do: give it an operation, if one is to be begun now. Under the lock. False:
 * the lane is idle, or at rest.
 */
static bool lane_next(struct lane *lane, uint64_t now_ns)
{
    struct client *c = lane->client;
    struct generator *g = c->generator;
    if (g->stopping)
        return false;
    lane->began_ns = now_ns;
    if (g->options.fill) {
        if (g->filled == g->options.keys)
            return false;
        g->filled++;
    } else if (g->options.rate_per_s > 0) {
        uint64_t due_ns = arrival_ns(g, c->next_arrival);
        if (due_ns > now_ns) {
            list_push_back(&c->idle, &lane->link);
            return false;
        }
        lane->began_ns = due_ns;
        c->next_arrival += g->options.clients;
    }
    lane_choose(lane);
    g->under_way++;
    return true;
}

/* Not under the lock. */
static void lane_submit(struct lane *lane)
{
    struct generator *g = lane->client->generator;
    if (g->options.kind->submit(lane->client->target, &lane->op) == 0)
        return;
    pthread_mutex_lock(&g->lock);
    g->under_way--;
    lane_park(lane, true);
    pthread_mutex_unlock(&g->lock);
}

static void generator_note_failure(struct generator *g, const struct target_result *result)
{
    if (g->failed == 0)
        snprintf(g->error, sizeof(g->error), "%s", result->text);
    g->failed++;
}

static void lane_on_done(struct target_op *op, const struct target_result *result)
{
    struct lane *lane = LIST_ENTRY(op, struct lane, op);
    struct generator *g = lane->client->generator;
    uint64_t now_ns = moment_now_ns();
    bool goes_on = false;
    pthread_mutex_lock(&g->lock);
    if (!g->options.fill)
        tally_add(&g->tally, &(struct tally_op){
                                 .home = lane->client->home,
                                 .began_ns = lane->began_ns,
                                 .ended_ns = now_ns,
                                 .failed = !result->ok,
                                 .not_found = !op->is_put && !result->found,
                             });
    g->under_way--;
    g->done += result->ok;
    if (result->ok) {
        goes_on = lane_next(lane, now_ns);
    } else {
        generator_note_failure(g, result);
        lane_park(lane, false);
    }
    pthread_mutex_unlock(&g->lock);
    if (goes_on)
        lane_submit(lane);
}

/* ---- What the caller's thread does --------------------------------------------------------- */

/* Those that were parked go on. */
static void generator_tick(struct generator *g)
{
    struct list parked;
    list_init(&parked);
    g->options.kind->tick(g->target);
    pthread_mutex_lock(&g->lock);
    list_splice_back(&parked, &g->parked);
    while (!list_is_empty(&parked)) {
        struct lane *lane = LIST_ENTRY(parked.next, struct lane, link);
        list_remove(&lane->link);
        bool goes_on = lane->again ? !g->stopping : lane_next(lane, moment_now_ns());
        g->under_way += lane->again && goes_on;
        lane->again = false;
        if (!goes_on)
            continue;
        pthread_mutex_unlock(&g->lock);
        lane_submit(lane);
        pthread_mutex_lock(&g->lock);
    }
    pthread_mutex_unlock(&g->lock);
}

/* Begin what is due, where a lane is idle; returns the number of the first that is not due. */
static uint64_t generator_arrive(struct generator *g, uint64_t number)
{
    uint64_t now_ns = moment_now_ns();
    for (; arrival_ns(g, number) <= now_ns; number++) {
        struct client *c = &g->clients[number % g->options.clients];
        bool begins = false;
        struct lane *lane = NULL;
        pthread_mutex_lock(&g->lock);
        if (!list_is_empty(&c->idle)) {
            lane = LIST_ENTRY(c->idle.next, struct lane, link);
            list_remove(&lane->link);
            begins = lane_next(lane, now_ns);
        }
        pthread_mutex_unlock(&g->lock);
        if (begins)
            lane_submit(lane);
    }
    return number;
}

static void generator_start(struct generator *g)
{
    uint64_t lanes = (uint64_t)g->options.clients * g->options.pipeline;
    for (uint64_t i = 0; i < lanes; i++) {
        /* Each client's first lane before any client's second. */
        uint64_t client = i % g->options.clients;
        struct lane *lane = &g->lanes[client * g->options.pipeline + i / g->options.clients];
        pthread_mutex_lock(&g->lock);
        bool begins = lane_next(lane, moment_now_ns());
        pthread_mutex_unlock(&g->lock);
        if (begins)
            lane_submit(lane);
    }
}

static bool generator_is_filled(struct generator *g)
{
    pthread_mutex_lock(&g->lock);
    bool filled = g->filled == g->options.keys && g->under_way == 0;
    bool failed = g->failed > 0;
    pthread_mutex_unlock(&g->lock);
    return filled || failed;
}

/* Begin nothing new, and wait for what is under way: each operation has a time limit. */
static void generator_drain(struct generator *g)
{
    pthread_mutex_lock(&g->lock);
    g->stopping = true;
    while (g->under_way > 0) {
        pthread_mutex_unlock(&g->lock);
        moment_sleep_ms(TICK_NS / MOMENT_MS);
        generator_tick(g);
        pthread_mutex_lock(&g->lock);
    }
    pthread_mutex_unlock(&g->lock);
}

/* Open loop: what was due and never sent has waited at least until the end. */
static uint64_t generator_count_backlog(struct generator *g)
{
    uint64_t backlog = 0;
    if (g->options.rate_per_s == 0)
        return 0;
    for (uint32_t i = 0; i < g->options.clients; i++) {
        struct client *c = &g->clients[i];
        if (arrival_ns(g, c->next_arrival) < g->end_ns)
            tally_raise_max(&g->tally, c->home, g->end_ns - arrival_ns(g, c->next_arrival));
        for (uint64_t n = c->next_arrival; arrival_ns(g, n) < g->end_ns; n += g->options.clients)
            backlog++;
    }
    return backlog;
}

/* ---- The run ------------------------------------------------------------------------------- */

/* What the watching thread keeps between two turns. */
struct watch {
    void (*on_progress)(void *context, const struct generator_progress *progress);
    void *context;
    uint64_t next_tick_ns;
    uint64_t next_progress_ns;
    uint64_t next_arrival;
    bool has_begun; /* The window. */
    uint64_t server_cpu_ns;
    uint64_t client_cpu_ns;
};

static void watch_progress(struct watch *w, struct generator *g, uint64_t now_ns)
{
    struct tally_second last;
    struct generator_progress progress = {
        .window_ns = (int64_t)(now_ns - g->tally.begin_ns),
    };
    pthread_mutex_lock(&g->lock);
    tally_advance(&g->tally, now_ns);
    if (g->tally.seconds_count > 0) {
        last = g->tally.seconds[g->tally.seconds_count - 1];
        progress.last = &last;
    }
    progress.done = g->options.fill ? g->done : g->tally.ops;
    pthread_mutex_unlock(&g->lock);
    w->on_progress(w->context, &progress);
}

static int watch_begin_window(struct watch *w, const struct generator *g, pid_t *out_missing)
{
    w->has_begun = true;
    w->client_cpu_ns = cpu_own_ns();
    return cpu_read_ns(g->options.servers, &w->server_cpu_ns, out_missing);
}

static uint64_t min_u64(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* Until the end of the window, or until all keys are there. */
static int watch_run(struct watch *w, struct generator *g, pid_t *out_missing)
{
    for (;;) {
        uint64_t now_ns = moment_now_ns();
        if (now_ns >= g->end_ns || (g->options.fill && generator_is_filled(g)))
            return 0;
        if (!w->has_begun && now_ns >= g->tally.begin_ns)
            TRY(watch_begin_window(w, g, out_missing));
        if (now_ns >= w->next_tick_ns) {
            generator_tick(g);
            w->next_tick_ns = now_ns + TICK_NS;
        }
        if (now_ns >= w->next_progress_ns && w->on_progress != NULL) {
            watch_progress(w, g, now_ns);
            w->next_progress_ns += MOMENT_S;
        }
        uint64_t next_ns = min_u64(w->next_tick_ns, g->end_ns);
        if (!w->has_begun)
            next_ns = min_u64(next_ns, g->tally.begin_ns);
        if (g->options.rate_per_s > 0) {
            w->next_arrival = generator_arrive(g, w->next_arrival);
            next_ns = min_u64(next_ns, arrival_ns(g, w->next_arrival));
        }
        moment_sleep_until_ns(next_ns);
    }
}

static int generator_measure(struct generator *g, struct watch *w, struct generator_result *out,
                             pid_t *out_missing)
{
    uint64_t server_cpu_ns = 0;
    int err = watch_run(w, g, out_missing);
    uint64_t client_cpu_ns = cpu_own_ns();
    pid_t gone = 0;
    bool are_there = cpu_read_ns(g->options.servers, &server_cpu_ns, &gone) == 0;
    generator_drain(g);
    if (err != 0)
        return err;
    out->backlog = generator_count_backlog(g);
    tally_finish(&g->tally);
    out->tally = g->tally;
    g->tally.seconds = NULL; /* The result's now. */
    out->server_cpu_ns = are_there ? server_cpu_ns - w->server_cpu_ns : 0;
    out->server_gone = gone;
    out->client_cpu_ns = client_cpu_ns - w->client_cpu_ns;
    out->failed = g->failed;
    memcpy(out->error, g->error, sizeof(out->error));
    memset(out->home_clients, 0, sizeof(out->home_clients));
    for (uint32_t i = 0; i < g->options.clients; i++)
        out->home_clients[g->clients[i].home]++;
    return 0;
}

/* ---- Beginning and end --------------------------------------------------------------------- */

static int generator_allocate(struct generator *g)
{
    const struct generator_options *o = &g->options;
    size_t lanes = (size_t)o->clients * o->pipeline;
    size_t values_size = o->value_size + VALUES_SPARE;
    g->clients = mem_alloc_zero(o->clients * sizeof(*g->clients));
    g->lanes = mem_alloc_zero(lanes * sizeof(*g->lanes));
    g->keys = mem_alloc(lanes * o->key_size);
    g->values = mem_alloc(values_size);
    if (g->clients == NULL || g->lanes == NULL || g->keys == NULL || g->values == NULL)
        return ERR_NO_MEMORY;
    static const char prefix[] = "bench";
    size_t prefix_size = sizeof(prefix) - 1;
    memset(g->keys, '0', lanes * o->key_size);
    for (size_t i = 0; i < lanes && o->key_size >= prefix_size + g->key_digits; i++)
        memcpy(g->keys + i * o->key_size, prefix, prefix_size);
    struct prng prng;
    prng_init(&prng, o->seed);
    for (size_t i = 0; i < values_size; i++)
        g->values[i] = (uint8_t)prng_between(&prng, ' ', '~');
    return 0;
}

static int generator_open_client(struct generator *g, uint32_t number)
{
    const struct generator_options *o = &g->options;
    struct client *c = &g->clients[number];
    c->generator = g;
    c->home = o->pin >= 0 ? (uint32_t)o->pin : number % o->target.endpoints->count;
    c->next_arrival = number;
    list_init(&c->idle);
    for (uint32_t i = 0; i < o->pipeline; i++) {
        uint32_t n = number * o->pipeline + i;
        struct lane *lane = &g->lanes[n];
        lane->client = c;
        lane->op.on_done = lane_on_done;
        list_init(&lane->link);
        prng_init(&lane->prng, o->seed + 1 + n);
    }
    return o->kind->client_open(g->target, c->home, &c->target);
}

static int generator_open(struct generator *g, const struct generator_options *options)
{
    g->options = *options;
    g->key_digits = generator_key_size_min(options->keys);
    assert(options->key_size >= g->key_digits && options->key_size <= GENERATOR_KEY_SIZE_MAX);
    pthread_mutex_init(&g->lock, NULL);
    list_init(&g->parked);
    int err = generator_allocate(g);
    if (err == 0)
        err = target_open(options->kind, &options->target, &g->target);
    for (uint32_t i = 0; i < options->clients && err == 0; i++)
        err = generator_open_client(g, i);
    return err;
}

static void generator_close(struct generator *g)
{
    for (uint32_t i = 0; i < g->options.clients && g->clients != NULL; i++)
        g->options.kind->client_close(g->clients[i].target);
    g->options.kind->close(g->target);
    tally_fini(&g->tally);
    pthread_mutex_destroy(&g->lock);
    mem_free(g->values);
    mem_free(g->keys);
    mem_free(g->lanes);
    mem_free(g->clients);
    mem_free(g);
}

int generator_run(const struct generator_options *options,
                  void (*on_progress)(void *context, const struct generator_progress *progress),
                  void *context, struct generator_result *out_result, pid_t *out_missing)
{
    assert(options->clients >= 1 && options->clients <= GENERATOR_CLIENTS_MAX);
    assert(options->pipeline >= 1 && options->pipeline <= GENERATOR_PIPELINE_MAX);
    assert(options->keys >= 1 && (options->puts > 0 || options->gets > 0 || options->fill));
    struct generator *g = mem_alloc_zero(sizeof(*g));
    if (g == NULL)
        return ERR_NO_MEMORY;
    int err = generator_open(g, options);
    g->start_ns = moment_now_ns();
    g->end_ns = g->start_ns + options->warm_up_ns + options->duration_ns;
    if (err == 0)
        err = tally_init(&g->tally, g->start_ns + options->warm_up_ns, g->end_ns,
                         options->target.endpoints->count);
    if (err == 0) {
        struct watch watch = {
            .on_progress = on_progress,
            .context = context,
            .next_progress_ns = g->start_ns + options->warm_up_ns % MOMENT_S,
        };
        prctl(PR_SET_TIMERSLACK, TIMER_SLACK_NS);
        generator_start(g);
        err = generator_measure(g, &watch, out_result, out_missing);
    }
    generator_close(g);
    return err;
}
