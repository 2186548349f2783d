/* metrics.c -- dkv-cli metrics: what each node counts. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/nodes.h"
#include "cli/text.h"

/* Whole numbers without a point. */
static char *number_text(double value)
{
    if (value >= 0 && value < 9e15 && value == (double)(uint64_t)value)
        return text_format("%" PRIu64, (uint64_t)value);
    return text_format("%.6g", value);
}

/* name or name{labels}. */
static char *metric_text(const char *name, const char *labels)
{
    return *labels == '\0' ? text_format("%s", name) : text_format("%s{%s}", name, labels);
}

struct figure {
    const char *name;
    uint64_t value;
};

#define FIGURES 8

static void figures_of(const struct wire_histogram *h, struct figure out[FIGURES])
{
    const struct figure figures[FIGURES] = {
        {"count", h->count}, {"sum", h->sum}, {"p50", h->p50},   {"p90", h->p90},
        {"p95", h->p95},     {"p99", h->p99}, {"p999", h->p999}, {"max", h->max},
    };
    memcpy(out, figures, sizeof(figures));
}

/* Every name that a filter lets through begins with it; no filter, all. */
static bool is_wanted(const char *name, const char *filter)
{
    return filter == NULL || strncmp(name, filter, strlen(filter)) == 0;
}

struct report {
    const struct cli *cli;
    const char *filter;
    json_t *json;
    struct output_table table;
    size_t found;
    bool names_nodes; /* More than one was asked. */
};

static json_t *json_named(const char *name, const char *labels, const char *help)
{
    json_t *object = json_object();
    output_set(object, "name", output_json_bytes(bytes_of(name)));
    output_set(object, "labels", output_json_bytes(bytes_of(labels)));
    output_set(object, "help", output_json_bytes(bytes_of(help)));
    return object;
}

static void report_json(struct report *r, const struct admin *a, const struct wire_metrics *m)
{
    json_t *object = nodes_json(a);
    json_t *metrics = json_array();
    json_t *histograms = json_array();
    for (size_t i = 0; i < m->metrics_count; i++) {
        const struct wire_metric *metric = &m->metrics[i];
        if (!is_wanted(metric->name, r->filter))
            continue;
        json_t *one = json_named(metric->name, metric->labels, metric->help);
        output_set(one, "kind", json_string(metric->kind == WIRE_COUNTER ? "counter" : "gauge"));
        output_set(one, "value", json_real(metric->value));
        json_array_append_new(metrics, one);
    }
    for (size_t i = 0; i < m->histograms_count; i++) {
        const struct wire_histogram *h = &m->histograms[i];
        struct figure figures[FIGURES];
        if (!is_wanted(h->name, r->filter))
            continue;
        json_t *one = json_named(h->name, h->labels, h->help);
        figures_of(h, figures);
        for (size_t f = 0; f < FIGURES; f++)
            output_set(one, figures[f].name, output_json_u64(figures[f].value));
        json_array_append_new(histograms, one);
    }
    r->found += json_array_size(metrics) + json_array_size(histograms);
    output_set(object, "metrics", metrics);
    output_set(object, "histograms", histograms);
    json_array_append_new(r->json, object);
}

/* One line, or one row. Both texts are taken over. */
static void report_value(struct report *r, const struct admin *a, char *name, char *value)
{
    r->found++;
    if (r->cli->format == OUTPUT_TABLE) {
        output_cell(&r->table, text_format("%s", admin_address(a)));
        output_cell(&r->table, name);
        output_cell(&r->table, value);
        return;
    }
    if (r->names_nodes)
        printf("%s  ", admin_address(a));
    printf("%s %s\n", name, value);
    free(name);
    free(value);
}

static void report_lines(struct report *r, const struct admin *a, const struct wire_metrics *m)
{
    for (size_t i = 0; i < m->metrics_count; i++) {
        const struct wire_metric *metric = &m->metrics[i];
        if (is_wanted(metric->name, r->filter))
            report_value(r, a, metric_text(metric->name, metric->labels),
                         number_text(metric->value));
    }
    for (size_t i = 0; i < m->histograms_count; i++) {
        const struct wire_histogram *h = &m->histograms[i];
        struct figure figures[FIGURES];
        if (!is_wanted(h->name, r->filter))
            continue;
        figures_of(h, figures);
        for (size_t f = 0; f < FIGURES; f++) {
            char *name = text_format("%s_%s", h->name, figures[f].name);
            report_value(r, a, metric_text(name, h->labels),
                         text_format("%" PRIu64, figures[f].value));
            free(name);
        }
    }
}

static enum cli_exit report_end(struct report *r, enum cli_exit code)
{
    if (r->cli->format == OUTPUT_JSON)
        output_json(json_incref(r->json));
    if (r->cli->format == OUTPUT_TABLE)
        output_table(&r->table);
    else
        output_table_fini(&r->table);
    json_decref(r->json);
    if (code != CLI_OK || r->found > 0 || r->filter == NULL)
        return code;
    cli_complain(r->cli, "no metric begins with '%s'", r->filter);
    return CLI_NOT_FOUND;
}

static enum cli_exit run(struct cli *cli)
{
    static const char *const heads[] = {"ENDPOINT", "METRIC", "VALUE", NULL};
    struct nodes nodes;
    struct report report = {.cli = cli, .filter = options_take(&cli->options, "name")};
    if (cli_check_rest(cli) != CLI_OK)
        return CLI_USAGE;
    enum cli_exit code = nodes_open(cli, NODES_ALL, &nodes);
    if (code != CLI_OK)
        return code;
    report.json = json_array();
    report.names_nodes = nodes.count > 1;
    output_heads(&report.table, heads);
    for (uint32_t i = 0; i < nodes.count; i++) {
        struct wire_metrics metrics;
        struct admin_error error;
        enum dkv_status status = admin_metrics(nodes.admins[i], &metrics, &error);
        if (status != DKV_OK) {
            code = nodes_fail(cli, nodes.admins[i], status, &error);
            json_array_append_new(report.json, nodes_json_error(nodes.admins[i], &error));
        } else if (cli->format == OUTPUT_JSON) {
            report_json(&report, nodes.admins[i], &metrics);
        } else {
            report_lines(&report, nodes.admins[i], &metrics);
        }
    }
    nodes_close(&nodes);
    return report_end(&report, code);
}

static const struct option options[] = {
    {.name = "name", .argument = "PREFIX", .help = "only those whose name begins so"},
};

const struct command_entry command_metrics = {
    .name = "metrics",
    .family = FAMILY_CLUSTER,
    .summary = "show what each node counts, and how long things take",
    .usage = "metrics [PREFIX] [flags]",
    .examples = "dkv-cli metrics\n"
                "dkv-cli metrics applied_ops_total\n"
                "dkv-cli metrics request_duration -o table\n"
                "dkv-cli metrics --addr localhost:5001 -o json",
    .notes = "Counters begin at 0 when a node starts. Durations are in nanoseconds.",
    .flags = COMMAND_CLUSTER,
    .options = options,
    .options_count = sizeof(options) / sizeof(options[0]),
    .run = run,
};
