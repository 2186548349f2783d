/* fetch_log.c -- dkv-cli fetch-log: what a node holds of its log. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/commands.h"
#include "cli/nodes.h"
#include "cli/text.h"

#define LAST_DEFAULT 20
#define SLOT_MAX (UINT64_C(1) << 62)
#define KEY_SHOWN_MAX 40
#define VALUE_SHOWN_MAX 24

static const char *kind_name(enum value_kind kind)
{
    switch (kind) {
    case VALUE_NOOP:
        return "noop";
    case VALUE_BARRIER:
        return "barrier";
    case VALUE_BATCH:
        return "batch";
    }
    return "none";
}

static const char *command_name(enum command_kind kind)
{
    switch (kind) {
    case COMMAND_PUT:
        return "put";
    case COMMAND_APPEND:
        return "append";
    case COMMAND_DELETE:
        return "delete";
    case COMMAND_CAS:
        return "cas";
    }
    return "?";
}

/* ---- JSON ---------------------------------------------------------------------------------- */

static json_t *json_ballot(struct ballot b)
{
    if (ballot_is_none(b))
        return json_null();
    json_t *object = json_object();
    output_set(object, "round", output_json_u64(b.round));
    output_set(object, "node", output_json_u64(b.node));
    output_set(object, "boot", output_json_u64(b.boot));
    return object;
}

static json_t *json_command(const struct wire_log_command *c)
{
    json_t *object = json_object();
    output_set(object, "op", json_string(command_name(c->kind)));
    output_set(object, "key", output_json_bytes(c->key));
    output_set(object, "value_size", output_json_u64(c->value_size));
    output_set(object, "value_begins", output_json_bytes(c->value));
    if (c->client_id.size > 0) {
        char *client_id = text_client_id(c->client_id);
        output_set(object, "client_id", json_string(client_id));
        output_set(object, "op_id", output_json_u64(c->op_id));
        free(client_id);
    }
    return object;
}

static json_t *json_slot(const struct wire_log_slot *s)
{
    json_t *object = json_object();
    json_t *commands = json_array();
    json_t *voters = json_array();
    for (size_t i = 0; i < s->commands_count; i++)
        json_array_append_new(commands, json_command(&s->commands[i]));
    for (uint32_t i = 0; i < s->voters_count; i++)
        json_array_append_new(voters, output_json_u64(s->voters[i]));
    output_set(object, "slot", output_json_u64(s->slot));
    output_set(object, "chosen", json_boolean(s->chosen));
    output_set(object, "learnt", json_boolean(s->learnt));
    output_set(object, "promised", json_ballot(s->promised));
    output_set(object, "accepted", json_ballot(s->accepted));
    output_set(object, "value", json_string(kind_name(s->value_kind)));
    output_set(object, "value_size", output_json_u64(s->value_size));
    output_set(object, "voters", voters);
    output_set(object, "commands", commands);
    return object;
}

/* ---- Lines --------------------------------------------------------------------------------- */

static char *ballot_text(struct ballot b)
{
    if (ballot_is_none(b))
        return text_format("-");
    return text_format("%" PRIu64 ".%" PRIu32 ".%" PRIu64, b.round, b.node, b.boot);
}

static char *voters_text(const struct wire_log_slot *s)
{
    char *text = text_format("%s", s->voters_count == 0 ? "-" : "");
    for (uint32_t i = 0; i < s->voters_count; i++) {
        char *longer = text_format("%s%s%" PRIu32, text, i > 0 ? "," : "", s->voters[i]);
        free(text);
        text = longer;
    }
    return text;
}

static char *command_text(const struct wire_log_command *c)
{
    char *key = text_printable(c->key, KEY_SHOWN_MAX);
    char *value = text_printable(c->value, VALUE_SHOWN_MAX);
    char *text = c->kind == COMMAND_DELETE
                     ? text_format("delete %s", key)
                     : text_format("%s %s '%s' (%" PRIu64 " B)", command_name(c->kind), key, value,
                                   c->value_size);
    free(value);
    free(key);
    return text;
}

/* "batch of 3: put a 'x' (1 B), ...": the first one stands for the others. */
static char *value_text(const struct wire_log_slot *s)
{
    if (s->commands_count == 0)
        return text_format("%s", kind_name(s->value_kind));
    char *first = command_text(&s->commands[0]);
    char *text = s->commands_count == 1
                     ? text_format("%s", first)
                     : text_format("batch of %zu: %s, ...", s->commands_count, first);
    free(first);
    return text;
}

static void add_row(struct output_table *t, const struct wire_log_slot *s)
{
    output_cell(t, text_format("%" PRIu64, s->slot));
    output_cell(t, text_format("%s", s->chosen ? "chosen" : "open"));
    output_cell(t, ballot_text(s->promised));
    output_cell(t, ballot_text(s->accepted));
    output_cell(t, voters_text(s));
    output_cell(t, value_text(s));
}

static void print_line(const struct wire_log_slot *s)
{
    char *accepted = ballot_text(s->accepted);
    char *voters = voters_text(s);
    char *value = value_text(s);
    printf("%" PRIu64 " %s accepted=%s voters=%s %s\n", s->slot, s->chosen ? "chosen" : "open",
           accepted, voters, value);
    free(value);
    free(voters);
    free(accepted);
}

/* ---- The command --------------------------------------------------------------------------- */

struct report {
    enum output_format format;
    json_t *slots;
    struct output_table table;
};

static void report_slot(struct report *r, const struct wire_log_slot *s)
{
    switch (r->format) {
    case OUTPUT_JSON:
        json_array_append_new(r->slots, json_slot(s));
        break;
    case OUTPUT_TABLE:
        add_row(&r->table, s);
        break;
    case OUTPUT_TEXT:
        print_line(s);
        break;
    }
}

/* One answer's slots, at most *left of them. */
static enum dkv_status report_part(struct report *r, struct admin *a, struct wire_log *log,
                                   uint64_t *left, struct admin_error *error)
{
    while (*left > 0) {
        struct wire_log_slot s;
        bool end = false;
        enum dkv_status status = admin_next_slot(a, log, &s, &end, error);
        if (status != DKV_OK || end)
            return status;
        report_slot(r, &s);
        --*left;
    }
    return DKV_OK;
}

static enum dkv_status report_log(struct report *r, struct admin *a,
                                  struct wire_log_request request, uint64_t limit,
                                  struct wire_log *out_log, struct admin_error *error)
{
    uint64_t left = limit != 0 ? limit : UINT64_MAX;
    for (;;) {
        request.limit = left < UINT32_MAX ? (uint32_t)left : 0;
        enum dkv_status status = admin_fetch_log(a, &request, out_log, error);
        if (status == DKV_OK)
            status = report_part(r, a, out_log, &left, error);
        if (status != DKV_OK || left == 0 || out_log->next == 0)
            return status;
        if (request.to != 0 && out_log->next > request.to)
            return DKV_OK;
        request.from = out_log->next;
    }
}

/* --last N: from where on. */
static enum dkv_status find_last(struct admin *a, uint64_t last, uint64_t *out_from,
                                 struct admin_error *error)
{
    struct wire_status s;
    enum dkv_status status = admin_status(a, &s, error);
    if (status != DKV_OK)
        return status;
    uint64_t end = s.frontier > s.chosen_to ? s.frontier : s.chosen_to;
    *out_from = end > last ? end - last + 1 : 1;
    return DKV_OK;
}

static enum cli_exit run_at(const struct cli *cli, struct admin *a,
                            const struct wire_log_request *wanted, uint64_t limit, uint64_t last)
{
    static const char *const heads[] = {"SLOT",     "STATE", "PROMISED", "ACCEPTED",
                                        "VOTED_BY", "VALUE", NULL};
    struct report report = {.format = cli->format, .slots = json_array()};
    struct wire_log_request request = *wanted;
    struct wire_log log = {.next = 0};
    struct admin_error error;
    enum dkv_status status = DKV_OK;
    output_heads(&report.table, heads);
    if (last > 0)
        status = find_last(a, last, &request.from, &error);
    if (status == DKV_OK)
        status = report_log(&report, a, request, limit, &log, &error);
    if (cli->format == OUTPUT_TABLE)
        output_table(&report.table);
    else
        output_table_fini(&report.table);
    if (cli->format == OUTPUT_JSON && status == DKV_OK) {
        json_t *object = nodes_json(a);
        output_set(object, "applied", output_json_u64(log.applied));
        output_set(object, "chosen_to", output_json_u64(log.chosen_to));
        output_set(object, "slots", json_incref(report.slots));
        output_json(object);
    }
    json_decref(report.slots);
    return status == DKV_OK ? CLI_OK : nodes_fail(cli, a, status, &error);
}

static enum cli_exit run(struct cli *cli)
{
    struct wire_log_request request = {.from = 0};
    struct nodes nodes;
    uint64_t limit = 0;
    uint64_t last = 0;
    if (cli_check_rest(cli) != CLI_OK || cli_number(cli, "from", 1, SLOT_MAX, &request.from) != 0 ||
        cli_number(cli, "to", 1, SLOT_MAX, &request.to) != 0 ||
        cli_number(cli, "limit", 1, UINT32_MAX, &limit) != 0 ||
        cli_number(cli, "last", 1, UINT32_MAX, &last) != 0)
        return CLI_USAGE;
    if (request.to != 0 && request.to < request.from)
        return cli_usage(cli, "--to is below --from");
    if (last > 0 && (request.from > 0 || request.to > 0))
        return cli_usage(cli, "--last goes without --from and --to");
    if (last == 0 && request.from == 0 && request.to == 0)
        last = LAST_DEFAULT;
    enum cli_exit code = nodes_open(cli, NODES_FIRST, &nodes);
    if (code != CLI_OK)
        return code;
    if (nodes.count == 1)
        code = run_at(cli, nodes.admins[0], &request, limit, last);
    else
        code = cli_usage(cli, "it is the log of one node: name one with --addr");
    nodes_close(&nodes);
    return code;
}

static const struct option options[] = {
    {.name = "from", .argument = "SLOT", .help = "first slot"},
    {.name = "to", .argument = "SLOT", .help = "last slot"},
    {.name = "last", .argument = "N", .help = "the last so many slots (20, without the others)"},
    {.name = "limit", .argument = "N", .help = "no more than so many"},
};

const struct command_entry command_fetch_log = {
    .name = "fetch-log",
    .family = FAMILY_CLUSTER,
    .summary = "show what a node holds of its log, slot by slot",
    .usage = "fetch-log [flags]",
    .examples = "dkv-cli fetch-log\n"
                "dkv-cli fetch-log --addr localhost:5002 --last 50 -o table\n"
                "dkv-cli fetch-log --addr localhost:5001 --from 1 --to 100 -o json",
    .notes =
        "Ballots are ROUND.NODE.BOOT. A slot is open until the node knows what was chosen.\n"
        "Slots that this node has not touched are left out. Of the slots since its last\n"
        "checkpoint a node knows the votes that it has heard of (in classic mode: for what it\n"
        "proposed), else its own. Without --addr the first of the endpoints is asked.",
    .flags = COMMAND_CLUSTER,
    .options = options,
    .options_count = sizeof(options) / sizeof(options[0]),
    .run = run,
};
