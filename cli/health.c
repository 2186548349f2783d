/* health.c -- dkv-cli health: would each node serve? */
#include <inttypes.h>
#include <stdio.h>

#include "cli/commands.h"
#include "cli/nodes.h"
#include "cli/text.h"

struct report {
    json_t *json;
    struct output_table table;
};

static void report_answer(struct report *r, enum output_format format, const struct admin *a,
                          const struct wire_health *h)
{
    if (format == OUTPUT_JSON) {
        json_t *object = nodes_json(a);
        output_set(object, "node", output_json_u64(h->node));
        output_set(object, "ready", json_boolean(h->ready));
        output_set(object, "detail", output_json_bytes(bytes_of(h->detail)));
        json_array_append_new(r->json, object);
        return;
    }
    output_cell(&r->table, text_format("%s", admin_address(a)));
    output_cell(&r->table, text_format("%" PRIu32, h->node));
    output_cell(&r->table, text_format("%s", h->ready ? "ready" : "not ready"));
    output_cell(&r->table, text_printable(bytes_of(h->detail), SIZE_MAX));
}

static void report_error(struct report *r, enum output_format format, const struct admin *a,
                         enum dkv_status status, const struct admin_error *error)
{
    if (format == OUTPUT_JSON) {
        json_array_append_new(r->json, nodes_json_error(a, error));
        return;
    }
    output_cell(&r->table, text_format("%s", admin_address(a)));
    output_cell(&r->table, text_format("-"));
    output_cell(&r->table, text_format("%s", dkv_status_text(status)));
    output_cell(&r->table, text_printable(bytes_of(error->text), SIZE_MAX));
}

static enum cli_exit run(struct cli *cli)
{
    static const char *const heads[] = {"ENDPOINT", "NODE", "STATE", "DETAIL", NULL};
    struct nodes nodes;
    if (cli_check_rest(cli) != CLI_OK)
        return CLI_USAGE;
    enum cli_exit code = nodes_open(cli, NODES_ALL, &nodes);
    if (code != CLI_OK)
        return code;
    struct report report = {.json = json_array()};
    output_heads(&report.table, heads);
    for (uint32_t i = 0; i < nodes.count; i++) {
        struct wire_health health;
        struct admin_error error;
        enum dkv_status status = admin_health(nodes.admins[i], &health, &error);
        if (status == DKV_OK)
            report_answer(&report, cli->format, nodes.admins[i], &health);
        else
            report_error(&report, cli->format, nodes.admins[i], status, &error);
        if (status != DKV_OK || !health.ready)
            code = CLI_UNAVAILABLE;
    }
    if (cli->format == OUTPUT_JSON)
        output_json(json_incref(report.json));
    else
        output_table(&report.table);
    output_table_fini(&report.table);
    json_decref(report.json);
    nodes_close(&nodes);
    return code;
}

const struct command_entry command_health = {
    .name = "health",
    .family = FAMILY_CLUSTER,
    .summary = "say whether each node would serve a read now",
    .usage = "health [flags]",
    .examples = "dkv-cli health\n"
                "dkv-cli health --addr localhost:5001 -o json",
    .notes = "Exit code 4: a node that was asked is not ready, or does not answer.",
    .flags = COMMAND_CLUSTER,
    .run = run,
};
