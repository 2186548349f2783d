/*
 * loadtest.c -- how fast it is, how that holds when more clients ask through all nodes at once, and
 * whether what they see under load is still linearizable.
 *
 * First speed: puts, linearizable reads and both, for more and more clients spread over the nodes,
 * and for as many on one node alone; nothing is written down, so that the generator costs little.
 * Then truth: fewer keys, every kind of operation, all of it recorded and checked.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/scenarios/load.h"
#include "cli/scenarios/moment.h"
#include "cli/scenarios/scenario.h"

#define CELLS_MAX 16
#define SLOWEST_MAX_NS (2 * MOMENT_S)
#define DRAIN_TIMEOUT_MS 15000 /* Longer than the time limit of an operation. */
#define PROGRESS_MS 200

/* How large all is. */
struct sizes {
    uint32_t keys;
    uint32_t clients[3]; /* 0: none. */
    uint64_t warm_up_ns;
    uint64_t cell_ns;
    uint32_t recorded_keys;
    uint64_t recorded_ns;
};

static const struct sizes sizes_full = {
    .keys = 10000,
    .clients = {1, 16, 64},
    .warm_up_ns = MOMENT_S,
    .cell_ns = 5 * MOMENT_S,
    .recorded_keys = 100,
    .recorded_ns = 10 * MOMENT_S,
};

static const struct sizes sizes_quick = {
    .keys = 200,
    .clients = {1, 16, 0},
    .warm_up_ns = 100 * MOMENT_MS,
    .cell_ns = 300 * MOMENT_MS,
    .recorded_keys = 20,
    .recorded_ns = MOMENT_S,
};

/* One row of the table. */
struct cell {
    const char *name;
    enum load_mix mix;
    uint32_t clients;
    bool on_one_node;
    double per_second;
    double cpu_us; /* Of all nodes, for each operation. */
    struct load_result result;
};

struct loadtest {
    struct stage *stage;
    struct sizes sizes;
    uint32_t clients_most;
    const char *endpoints[STAGE_NODES_MAX];
    char prefix[LOAD_KEY_SIZE + 1];
    uint32_t cells_count;
    struct cell cells[CELLS_MAX];
    json_t *rows;
};

/* ---- One load after the other -------------------------------------------------------------- */

/* A line that is overwritten, for a person who waits. */
static void show_progress(const struct loadtest *t, const char *name, uint32_t clients,
                          struct load *l)
{
    if (t->stage->report.is_json || !isatty(STDERR_FILENO))
        return;
    uint64_t now_ns = moment_now_ns();
    uint64_t end_ns = load_end_ns(l);
    struct load_result so_far;
    load_get(l, &so_far);
    fprintf(stderr, "\r\033[K    %s, %u clients: %llu operations, %.0f s to go", name,
            (unsigned)clients, (unsigned long long)so_far.done,
            now_ns < end_ns ? (double)(end_ns - now_ns) / (double)MOMENT_S : 0.0);
}

static void hide_progress(const struct loadtest *t)
{
    if (!t->stage->report.is_json && isatty(STDERR_FILENO))
        fputs("\r\033[K", stderr);
}

static void watch_until(const struct loadtest *t, const char *name, uint32_t clients,
                        struct load *l, uint64_t until_ns)
{
    for (uint64_t now_ns = moment_now_ns(); now_ns < until_ns; now_ns = moment_now_ns()) {
        show_progress(t, name, clients, l);
        uint64_t next_ns = now_ns + PROGRESS_MS * MOMENT_MS;
        moment_sleep_until_ns(next_ns < until_ns ? next_ns : until_ns);
    }
}

/* What all nodes have used, and what clients had of it until then. */
struct reading {
    double cpu_s;
    uint64_t done;
};

static bool take_reading(struct stage *s, struct load *l, struct reading *out)
{
    out->cpu_s = 0;
    for (uint32_t i = 0; i < s->nodes_count; i++) {
        double cpu_s = 0;
        if (!stage_metric(s, i, "process_cpu_seconds_total", &cpu_s))
            return false;
        out->cpu_s += cpu_s;
    }
    struct load_result so_far;
    load_get(l, &so_far);
    out->done = so_far.done;
    return true;
}

static struct load *begin(struct loadtest *t, const struct load_options *wanted)
{
    struct load_options options = *wanted;
    struct stage *s = t->stage;
    options.io = s->io;
    options.timeout_ms = s->timeout_ms;
    options.endpoints = t->endpoints;
    memcpy(options.prefix, t->prefix, sizeof(options.prefix));
    options.seed = moment_now_ns();
    struct load *l = NULL;
    enum dkv_status status = load_start(&options, &l);
    if (status != DKV_OK)
        report_break(&s->report, "%u clients can be made: %s", (unsigned)options.clients,
                     dkv_status_text(status));
    return l;
}

/* Until the last answer. False, and said: there are clients that still wait. */
static bool finish(struct loadtest *t, struct load *l, struct load_result *out)
{
    bool idle = load_wait(l, DRAIN_TIMEOUT_MS);
    hide_progress(t);
    load_get(l, out);
    if (!idle)
        report_break(&t->stage->report, "every operation is answered within %d s",
                     DRAIN_TIMEOUT_MS / 1000);
    return idle;
}

/* ---- Speed --------------------------------------------------------------------------------- */

static double ms_of(const struct histogram *h, uint32_t per_million)
{
    return (double)histogram_quantile_ns(h, per_million) / (double)MOMENT_MS;
}

static void print_head(struct report *r)
{
    report_saw(r, "%-8s %7s %5s %9s %9s %9s %9s %9s %9s %10s", "", "clients", "nodes", "ops/s",
               "p50 ms", "p95 ms", "p99 ms", "p99.9 ms", "max ms", "CPU µs/op");
}

static void print_cell(struct loadtest *t, const struct cell *c, const struct histogram *h)
{
    double p50 = ms_of(h, 500000);
    double p95 = ms_of(h, 950000);
    double p99 = ms_of(h, 990000);
    double p999 = ms_of(h, 999000);
    double max = (double)c->result.slowest_ns / (double)MOMENT_MS;
    unsigned nodes = c->on_one_node ? 1 : (unsigned)t->stage->nodes_count;
    report_saw(&t->stage->report, "%-8s %7u %5u %9.0f %9.2f %9.2f %9.2f %9.2f %9.2f %9.1f", c->name,
               (unsigned)c->clients, nodes, c->per_second, p50, p95, p99, p999, max, c->cpu_us);
    json_array_append_new(t->rows, json_pack("{s:s,s:i,s:i,s:f,s:f,s:f,s:f,s:f,s:f,s:f,s:I}",
                                             "operation", c->name, "clients", (int)c->clients,
                                             "nodes", (int)nodes, "ops_per_second", c->per_second,
                                             "p50_ms", p50, "p95_ms", p95, "p99_ms", p99, "p999_ms",
                                             p999, "max_ms", max, "server_cpu_us_per_op", c->cpu_us,
                                             "failed", (json_int_t)c->result.failed));
}

static bool measure(struct loadtest *t, struct cell *c, struct load *l)
{
    struct reading before;
    struct reading after;
    watch_until(t, c->name, c->clients, l, load_begin_ns(l));
    bool ok = take_reading(t->stage, l, &before);
    watch_until(t, c->name, c->clients, l, load_end_ns(l));
    ok = ok && take_reading(t->stage, l, &after);
    if (!finish(t, l, &c->result) || !ok)
        return false;
    c->per_second = (double)c->result.measured * (double)MOMENT_S / (double)t->sizes.cell_ns;
    if (after.done > before.done)
        c->cpu_us = (after.cpu_s - before.cpu_s) * 1e6 / (double)(after.done - before.done);
    print_cell(t, c, load_latencies(l));
    return true;
}

static bool run_cell(struct loadtest *t, const char *name, enum load_mix mix, uint32_t clients,
                     bool on_one_node)
{
    struct cell *c = &t->cells[t->cells_count++];
    *c = (struct cell){.name = name, .mix = mix, .clients = clients, .on_one_node = on_one_node};
    const struct load_options options = {
        .endpoints_count = on_one_node ? 1 : t->stage->nodes_count,
        .clients = clients,
        .mix = mix,
        .keys = t->sizes.keys,
        .warm_up_ns = t->sizes.warm_up_ns,
        .duration_ns = t->sizes.cell_ns,
    };
    struct load *l = begin(t, &options);
    bool ok = l != NULL && measure(t, c, l);
    load_stop(l);
    return ok;
}

static bool fill(struct loadtest *t)
{
    const struct load_options options = {
        .endpoints_count = t->stage->nodes_count,
        .clients = 16,
        .mix = LOAD_FILL,
        .keys = t->sizes.keys,
        .duration_ns = 120 * MOMENT_S,
    };
    struct load *l = begin(t, &options);
    if (l == NULL)
        return false;
    uint64_t began_ns = moment_now_ns();
    while (!load_wait(l, PROGRESS_MS) && moment_now_ns() < load_end_ns(l))
        show_progress(t, "writing the keys", options.clients, l);
    struct load_result result;
    bool ok = finish(t, l, &result);
    load_stop(l);
    return ok && report_check(&t->stage->report, result.done == t->sizes.keys,
                              "%llu of %u keys written in %.1f s%s%s",
                              (unsigned long long)result.done, (unsigned)t->sizes.keys,
                              (double)(moment_now_ns() - began_ns) / (double)MOMENT_S,
                              result.failed > 0 ? ": " : "", result.error);
}

static bool run_cells(struct loadtest *t)
{
    static const struct {
        const char *name;
        enum load_mix mix;
    } kinds[] = {{"put", LOAD_PUTS}, {"get", LOAD_GETS}, {"50/50", LOAD_MIXED}};
    print_head(&t->stage->report);
    for (size_t k = 0; k < 3; k++) {
        for (size_t i = 0; i < 3 && t->sizes.clients[i] != 0; i++)
            if (!run_cell(t, kinds[k].name, kinds[k].mix, t->sizes.clients[i], false))
                return false;
        if (!run_cell(t, kinds[k].name, kinds[k].mix, t->clients_most, true))
            return false;
    }
    return true;
}

/* ---- What must hold ------------------------------------------------------------------------ */

/* Operations a second of that mix by the most clients. */
static double rate_of(const struct loadtest *t, enum load_mix mix, bool on_one_node)
{
    for (uint32_t i = 0; i < t->cells_count; i++) {
        const struct cell *c = &t->cells[i];
        if (c->mix == mix && c->on_one_node == on_one_node && c->clients == t->clients_most)
            return c->per_second;
    }
    return 0;
}

static void check_no_collapse(struct loadtest *t, const char *name, enum load_mix mix)
{
    struct report *r = &t->stage->report;
    double spread = rate_of(t, mix, false);
    double alone = rate_of(t, mix, true);
    double percent = alone > 0 ? spread * 100 / alone : 0;
    if (t->stage->quick)
        report_saw(r, "%s: %u clients on all nodes reach %.0f %% of as many on one (not judged)",
                   name, (unsigned)t->clients_most, percent);
    else
        report_check(r, spread > 0 && percent >= 50,
                     "%s: %u clients on all nodes reach %.0f %% of as many on one; at least 50",
                     name, (unsigned)t->clients_most, percent);
}

/* The operations of all cells: none failed, none took too long. */
static void check_cells(struct loadtest *t)
{
    struct report *r = &t->stage->report;
    uint64_t done = 0;
    uint64_t failed = 0;
    uint64_t slowest_ns = 0;
    const char *error = "";
    for (uint32_t i = 0; i < t->cells_count; i++) {
        const struct load_result *result = &t->cells[i].result;
        done += result->done;
        failed += result->failed;
        if (result->slowest_ns > slowest_ns)
            slowest_ns = result->slowest_ns;
        if (result->failed > 0 && *error == '\0')
            error = result->error;
    }
    report_check(r, failed == 0 && done > 0, "%llu operations answered, %llu failed%s%s",
                 (unsigned long long)done, (unsigned long long)failed, failed > 0 ? ": " : "",
                 error);
    double slowest_ms = (double)slowest_ns / (double)MOMENT_MS;
    if (t->stage->quick)
        report_saw(r, "the slowest took %.0f ms (not judged)", slowest_ms);
    else
        report_check(r, slowest_ns <= SLOWEST_MAX_NS, "the slowest took %.0f ms; at most 2000",
                     slowest_ms);
    check_no_collapse(t, "put", LOAD_PUTS);
    check_no_collapse(t, "get", LOAD_GETS);
    check_no_collapse(t, "50/50", LOAD_MIXED);
}

static void run_recorded(struct loadtest *t)
{
    struct stage *s = t->stage;
    const struct load_options options = {
        .endpoints_count = s->nodes_count,
        .clients = t->clients_most,
        .mix = LOAD_ALL,
        .keys = t->sizes.recorded_keys,
        .duration_ns = t->sizes.recorded_ns,
        .journal = &s->journal,
        .journal_client = STAGE_NODES_MAX,
    };
    t->prefix[0] = 'r'; /* Keys that nobody has written yet. */
    struct load *l = begin(t, &options);
    if (l == NULL)
        return;
    watch_until(t, "recorded", options.clients, l, load_end_ns(l));
    struct load_result result;
    if (finish(t, l, &result))
        report_check(&s->report, result.failed == 0 && result.done > 0,
                     "%llu operations answered, %llu failed%s%s", (unsigned long long)result.done,
                     (unsigned long long)result.failed, result.failed > 0 ? ": " : "",
                     result.error);
    load_stop(l);
}

static void play(struct loadtest *t)
{
    struct report *r = &t->stage->report;
    report_step(r, "write %u keys of %d bytes, with values of %d bytes", (unsigned)t->sizes.keys,
                LOAD_KEY_SIZE, LOAD_VALUE_SIZE);
    if (!fill(t))
        return;
    report_step(r, "measure: %.1f s for each row, after %.1f s of warm-up",
                (double)t->sizes.cell_ns / (double)MOMENT_S,
                (double)t->sizes.warm_up_ns / (double)MOMENT_S);
    if (!run_cells(t))
        return;
    check_cells(t);
    report_step(r, "%.0f s of every kind of operation by %u clients on %u keys, recorded",
                (double)t->sizes.recorded_ns / (double)MOMENT_S, (unsigned)t->clients_most,
                (unsigned)t->sizes.recorded_keys);
    run_recorded(t);
    stage_converge(t->stage);
}

void loadtest_play(struct stage *s)
{
    static struct loadtest t; /* Large, and once at a time. */
    memset(&t, 0, sizeof(t));
    t.stage = s;
    t.sizes = s->quick ? sizes_quick : sizes_full;
    for (size_t i = 0; i < 3 && t.sizes.clients[i] != 0; i++)
        t.clients_most = t.sizes.clients[i];
    for (uint32_t i = 0; i < s->nodes_count; i++)
        t.endpoints[i] = s->nodes[i].address;
    snprintf(t.prefix, sizeof(t.prefix), "l%06x", (unsigned)(moment_now_ns() & 0xffffff));
    t.rows = json_array();
    play(&t);
    report_figure(&s->report, "cells", t.rows);
}
