/* report.c -- see report.h. */
#include "cli/bench/report.h"

#include <inttypes.h>

struct quantile {
    const char *name;
    const char *label;
    uint32_t per_million;
};

static const struct quantile quantiles[] = {
    {"p50_ms", "p50", 500000},    {"p95_ms", "p95", 950000},      {"p99_ms", "p99", 990000},
    {"p999_ms", "p99.9", 999000}, {"p9999_ms", "p99.99", 999900},
};

#define QUANTILES_FIRST 4 /* Those whose place among the fields is fixed. */
#define QUANTILES (sizeof(quantiles) / sizeof(quantiles[0]))

void report_mode(const struct generator_options *o, char out[REPORT_MODE_SIZE_MAX])
{
    if (o->gets == 0)
        snprintf(out, REPORT_MODE_SIZE_MAX, "put");
    else if (o->puts == 0)
        snprintf(out, REPORT_MODE_SIZE_MAX, "get");
    else
        snprintf(out, REPORT_MODE_SIZE_MAX, "%" PRIu32 "/%" PRIu32, o->puts, o->gets);
}

const char *report_consistency(enum target_consistency consistency)
{
    switch (consistency) {
    case TARGET_LINEARIZABLE:
        break;
    case TARGET_QUORUM:
        return "quorum";
    case TARGET_SEQUENTIAL:
        return "sequential";
    }
    return "linearizable";
}

static double seconds_of(const struct tally *t)
{
    return (double)(t->end_ns - t->begin_ns) / 1e9;
}

static double ms_of(uint64_t ns)
{
    uint64_t us = (ns + 500) / 1000; /* Whole ones: more is noise. */
    return (double)us / 1000;
}

static double quantile_ms(const struct tally *t, uint32_t per_million)
{
    return ms_of(histogram_quantile_ns(&t->latencies, per_million));
}

static double us_per_op(uint64_t cpu_ns, uint64_t ops)
{
    uint64_t ns = cpu_ns / ops;
    return (double)ns / 1000;
}

/* ---- JSON ---------------------------------------------------------------------------------- */

/* null where there is no such number: no operation, or nobody to ask. */
static bool servers_known(const struct generator_options *o, const struct generator_result *r)
{
    return o->servers->count > 0 && r->server_gone == 0;
}

static json_t *json_cpu(bool known, uint64_t cpu_ns, uint64_t ops)
{
    return known && ops > 0 ? json_real(us_per_op(cpu_ns, ops)) : json_null();
}

static int add_homes(json_t *object, const struct generator_options *o,
                     const struct generator_result *r)
{
    const struct endpoints *e = o->target.endpoints;
    json_t *homes = json_array();
    for (uint32_t i = 0; i < e->count; i++) {
        const struct tally_home *h = &r->tally.homes[i];
        if (r->home_clients[i] == 0)
            continue;
        json_t *home = json_pack("{s:s,s:I,s:I,s:I,s:f,s:f}", "endpoint", e->addresses[i],
                                 "clients", (json_int_t)r->home_clients[i], "ops",
                                 (json_int_t)h->ops, "errors", (json_int_t)h->errors, "max_ms",
                                 ms_of(h->max_ns), "gap_ms", ms_of(h->gap.longest_ns));
        int err = home == NULL ? -1 : 0;
        /* What the others saw says something only if there are others. */
        if (err == 0 && r->home_clients[i] < o->clients)
            err = json_object_set_new(home, "others_gap_ms",
                                      json_real(ms_of(h->others_gap.longest_ns)));
        if (err != 0 || json_array_append_new(homes, home) != 0) {
            json_decref(homes);
            return -1;
        }
    }
    return json_object_set_new(object, "by_endpoint", homes);
}

static int add_latencies(json_t *object, const struct tally *t, size_t from, size_t to)
{
    int err = 0;
    for (size_t i = from; i < to; i++)
        err |= json_object_set_new(object, quantiles[i].name,
                                   json_real(quantile_ms(t, quantiles[i].per_million)));
    return err;
}

static int add_how(json_t *object, const struct generator_options *o)
{
    json_t *how = json_pack(
        "{s:s,s:s,s:I,s:I,s:I,s:I,s:I,s:f,s:i,s:i,s:b}", "consistency",
        report_consistency(o->target.consistency), "loop", o->rate_per_s > 0 ? "open" : "closed",
        "rate", (json_int_t)o->rate_per_s, "pipeline", (json_int_t)o->pipeline, "keys",
        (json_int_t)o->keys, "key_size", (json_int_t)o->key_size, "value_size",
        (json_int_t)o->value_size, "warm_up_s", (double)o->warm_up_ns / 1e9, "timeout_ms",
        (int)o->target.timeout_ms, "attempt_timeout_ms", (int)o->target.attempt_timeout_ms,
        "calls_only", (int)o->target.calls_only);
    int err = json_object_update(object, how);
    json_decref(how);
    return err;
}

json_t *report_json(const struct generator_options *o, const struct generator_result *r)
{
    char mode[REPORT_MODE_SIZE_MAX];
    const struct tally *t = &r->tally;
    report_mode(o, mode);
    json_t *object =
        json_pack("{s:s,s:s,s:I,s:f,s:I,s:I,s:f}", "target", o->kind->name, "mode", mode, "clients",
                  (json_int_t)o->clients, "seconds", seconds_of(t), "ops", (json_int_t)t->ops,
                  "errors", (json_int_t)t->errors, "ops_per_s", (double)t->ops / seconds_of(t));
    int err = add_latencies(object, t, 0, QUANTILES_FIRST);
    err |= json_object_set_new(object, "max_ms", json_real(ms_of(t->max_ns)));
    err |= json_object_set_new(object, "gap_ms", json_real(ms_of(t->gap.longest_ns)));
    err |= json_object_set_new(object, "server_cpu_us_per_op",
                               json_cpu(servers_known(o, r), r->server_cpu_ns, t->ops));
    err |= json_object_set_new(object, "client_cpu_us_per_op",
                               json_cpu(true, r->client_cpu_ns, t->ops));
    err |= add_latencies(object, t, QUANTILES_FIRST, QUANTILES);
    err |= json_object_set_new(object, "not_found", json_integer((json_int_t)t->not_found));
    err |= json_object_set_new(object, "backlog", json_integer((json_int_t)r->backlog));
    err |= json_object_set_new(object, "first_error", json_string_nocheck(r->error));
    err |= add_how(object, o);
    err |= add_homes(object, o, r);
    if (err == 0)
        return object;
    json_decref(object);
    return NULL;
}

/* ---- Text ---------------------------------------------------------------------------------- */

static void print_head(FILE *out, const struct generator_options *o)
{
    char mode[REPORT_MODE_SIZE_MAX];
    const struct endpoints *e = o->target.endpoints;
    report_mode(o, mode);
    fprintf(out, "%s: %s", o->kind->name, mode);
    if (o->gets > 0)
        fprintf(out, " (%s)", report_consistency(o->target.consistency));
    fprintf(out, ", %" PRIu32 " clients", o->clients);
    if (o->pipeline > 1)
        fprintf(out, " with %" PRIu32 " operations each", o->pipeline);
    if (o->pin >= 0)
        fprintf(out, " on %s", e->addresses[o->pin]);
    else
        fprintf(out, " over %" PRIu32 " endpoints", e->count);
    if (o->rate_per_s > 0)
        fprintf(out, ", %" PRIu64 " operations/s wanted", o->rate_per_s);
    fprintf(out, "\n%" PRIu32 " keys of %" PRIu32 " bytes, values of %" PRIu32 "\n\n", o->keys,
            o->key_size, o->value_size);
}

static void print_homes(FILE *out, const struct generator_options *o,
                        const struct generator_result *r)
{
    fprintf(out, "\nclients that began at     clients        ops  errors    max ms    gap ms"
                 "  others' gap ms\n");
    for (uint32_t i = 0; i < o->target.endpoints->count; i++) {
        const struct tally_home *h = &r->tally.homes[i];
        if (r->home_clients[i] == 0)
            continue;
        fprintf(out, "%-25s %7" PRIu64 " %10" PRIu64 " %7" PRIu64 " %9.3f %9.3f",
                o->target.endpoints->addresses[i], r->home_clients[i], h->ops, h->errors,
                ms_of(h->max_ns), ms_of(h->gap.longest_ns));
        if (r->home_clients[i] < o->clients)
            fprintf(out, " %15.3f", ms_of(h->others_gap.longest_ns));
        fputc('\n', out);
    }
}

void report_print(FILE *out, const struct generator_options *o, const struct generator_result *r)
{
    const struct tally *t = &r->tally;
    print_head(out, o);
    fprintf(out, "operations  %" PRIu64 " in %.1f s: %.0f/s; %" PRIu64 " errors%s%s\n", t->ops,
            seconds_of(t), (double)t->ops / seconds_of(t), t->errors, r->failed > 0 ? ": " : "",
            r->error);
    if (t->not_found > 0)
        fprintf(out, "            %" PRIu64 " gets found no such key\n", t->not_found);
    if (r->backlog > 0)
        fprintf(out, "            %" PRIu64 " more were due and never sent\n", r->backlog);
    fputs("latency ms ", out);
    for (size_t i = 0; i < QUANTILES; i++)
        fprintf(out, " %s %.3f,", quantiles[i].label, quantile_ms(t, quantiles[i].per_million));
    fprintf(out, " max %.3f\n", ms_of(t->max_ns));
    fprintf(out, "longest gap %.3f ms without an operation done\n", ms_of(t->gap.longest_ns));
    if (t->ops > 0) {
        fputs("CPU us/op  ", out);
        if (servers_known(o, r))
            fprintf(out, " servers %.1f,", us_per_op(r->server_cpu_ns, t->ops));
        else if (r->server_gone != 0)
            fprintf(out, " servers unknown (process %ld has ended),", (long)r->server_gone);
        fprintf(out, " this generator %.1f\n", us_per_op(r->client_cpu_ns, t->ops));
    }
    print_homes(out, o, r);
}

void report_csv(FILE *out, const struct generator_result *r)
{
    fputs("second,ops,errors,p50_ms,p99_ms,max_ms,gap_ms\n", out);
    for (size_t i = 0; i < r->tally.seconds_count; i++) {
        const struct tally_second *s = &r->tally.seconds[i];
        fprintf(out, "%zu,%" PRIu64 ",%" PRIu64 ",%.3f,%.3f,%.3f,%.3f\n", i + 1, s->ops, s->errors,
                ms_of(s->p50_ns), ms_of(s->p99_ns), ms_of(s->max_ns), ms_of(s->gap_ns));
    }
}
