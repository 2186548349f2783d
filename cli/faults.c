/* faults.c -- dkv-cli faults and drop-rules: what happens to the messages between nodes. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/nodes.h"
#include "cli/rules.h"
#include "cli/text.h"

#define DELAY_MS_MAX 60000

/* ---- What is in force ---------------------------------------------------------------------- */

static json_t *json_rule(const struct wire_fault_rule *rule)
{
    json_t *object = json_object();
    output_set(object, "peer", output_json_u64(rule->peer));
    output_set(object, "direction", json_string(rules_direction_name(rule->direction)));
    output_set(object, "drop", json_real(rule->drop_ppm / 1e6));
    output_set(object, "delay_ms", output_json_u64(rule->delay_ms));
    output_set(object, "jitter_ms", output_json_u64(rule->jitter_ms));
    output_set(object, "duplicate", json_real(rule->duplicate_ppm / 1e6));
    return object;
}

static json_t *json_faults(const struct admin *a, const struct wire_faults *f)
{
    json_t *object = nodes_json(a);
    json_t *rules = json_array();
    for (uint32_t i = 0; i < f->rules_count; i++)
        json_array_append_new(rules, json_rule(&f->rules[i]));
    output_set(object, "enabled", json_boolean(f->enabled));
    output_set(object, "rules", rules);
    output_set(object, "dropped", output_json_u64(f->dropped));
    output_set(object, "delayed", output_json_u64(f->delayed));
    output_set(object, "duplicated", output_json_u64(f->duplicated));
    return object;
}

static void print_faults(const struct admin *a, const struct wire_faults *f)
{
    if (f->rules_count == 0)
        printf("%s: no rules%s\n", admin_address(a),
               f->enabled ? "" : " (started without --enable-fault-injection)");
    for (uint32_t i = 0; i < f->rules_count; i++) {
        char *text = rules_text(&f->rules[i]);
        printf("%s: %s\n", admin_address(a), text);
        free(text);
    }
    if (f->dropped + f->delayed + f->duplicated > 0)
        printf("%s: so far %" PRIu64 " dropped, %" PRIu64 " delayed, %" PRIu64 " duplicated\n",
               admin_address(a), f->dropped, f->delayed, f->duplicated);
}

static void add_rows(struct output_table *t, const struct admin *a, const struct wire_faults *f)
{
    for (uint32_t i = 0; i < f->rules_count; i++) {
        const struct wire_fault_rule *rule = &f->rules[i];
        output_cell(t, text_format("%s", admin_address(a)));
        output_cell(t, text_format("%" PRIu32, rule->peer));
        output_cell(t, text_format("%s", rules_direction_name(rule->direction)));
        output_cell(t, text_format("%g", rule->drop_ppm / 1e6));
        output_cell(t, text_format("%" PRIu32 "ms", rule->delay_ms));
        output_cell(t, text_format("%" PRIu32 "ms", rule->jitter_ms));
        output_cell(t, text_format("%g", rule->duplicate_ppm / 1e6));
    }
}

struct report {
    json_t *json;
    struct output_table table;
};

static void report_begin(struct report *r)
{
    static const char *const heads[] = {"ENDPOINT", "PEER",   "DIRECTION", "DROP",
                                        "DELAY",    "JITTER", "DUPLICATE", NULL};
    *r = (struct report){.json = json_array()};
    output_heads(&r->table, heads);
}

/* Ask a node for its rules, and take them into the report. */
static enum cli_exit report_node(struct report *r, const struct cli *cli, struct admin *a)
{
    struct wire_faults faults;
    struct admin_error error;
    enum dkv_status status = admin_get_faults(a, &faults, &error);
    if (status != DKV_OK) {
        json_array_append_new(r->json, nodes_json_error(a, &error));
        return nodes_fail(cli, a, status, &error);
    }
    switch (cli->format) {
    case OUTPUT_JSON:
        json_array_append_new(r->json, json_faults(a, &faults));
        break;
    case OUTPUT_TABLE:
        add_rows(&r->table, a, &faults);
        break;
    case OUTPUT_TEXT:
        print_faults(a, &faults);
        break;
    }
    return CLI_OK;
}

static void report_end(struct report *r, const struct cli *cli)
{
    if (cli->format == OUTPUT_JSON)
        output_json(json_incref(r->json));
    if (cli->format == OUTPUT_TABLE)
        output_table(&r->table);
    output_table_fini(&r->table);
    json_decref(r->json);
}

/* ---- Changing it --------------------------------------------------------------------------- */

/* NULL: clear. Then say what is in force. */
static enum cli_exit apply(const struct cli *cli, const struct wire_set_faults *faults)
{
    struct nodes nodes;
    enum cli_exit code = nodes_open(cli, faults != NULL ? NODES_FIRST : NODES_ALL, &nodes);
    if (code != CLI_OK)
        return code;
    struct report report;
    report_begin(&report);
    for (uint32_t i = 0; i < nodes.count; i++) {
        struct admin *a = nodes.admins[i];
        struct admin_error error;
        enum dkv_status status =
            faults != NULL ? admin_set_faults(a, faults, &error) : admin_clear_faults(a, &error);
        enum cli_exit its_code = CLI_OK;
        if (status == DKV_OK) {
            its_code = report_node(&report, cli, a);
        } else {
            json_array_append_new(report.json, nodes_json_error(a, &error));
            its_code = nodes_fail(cli, a, status, &error);
        }
        code = code == CLI_OK ? its_code : code;
    }
    report_end(&report, cli);
    nodes_close(&nodes);
    return code;
}

static enum cli_exit run_get(const struct cli *cli)
{
    struct nodes nodes;
    enum cli_exit code = nodes_open(cli, NODES_ALL, &nodes);
    if (code != CLI_OK)
        return code;
    struct report report;
    report_begin(&report);
    for (uint32_t i = 0; i < nodes.count; i++) {
        enum cli_exit its_code = report_node(&report, cli, nodes.admins[i]);
        code = code == CLI_OK ? its_code : code;
    }
    report_end(&report, cli);
    nodes_close(&nodes);
    return code;
}

/* ---- faults -------------------------------------------------------------------------------- */

static enum cli_exit read_ratio(const struct cli *cli, const char *name, uint32_t *out_ppm)
{
    const char *text = options_get(&cli->options, name);
    if (text == NULL || text_parse_ratio(text, out_ppm) == 0)
        return CLI_OK;
    return cli_usage(cli, "--%s takes a share from 0 to 1, as 0.3, not '%s'", name, text);
}

static enum cli_exit read_delay(const struct cli *cli, const char *name, uint32_t *out_ms)
{
    const char *text = options_get(&cli->options, name);
    if (text == NULL || (text_parse_duration(text, out_ms) == 0 && *out_ms <= DELAY_MS_MAX))
        return CLI_OK;
    return cli_usage(cli, "--%s takes a duration up to 60s, as 50ms, not '%s'", name, text);
}

static enum cli_exit run_set(const struct cli *cli)
{
    struct wire_fault_rule rule = {.direction = WIRE_BOTH};
    const char *peers_text = options_get(&cli->options, "peer");
    const char *direction = options_get(&cli->options, "direction");
    uint32_t peers[WIRE_FAULT_RULES_MAX];
    if (peers_text == NULL)
        return cli_usage(cli, "set needs --peer N: between which node and that one?");
    uint32_t count = rules_parse_peers(peers_text, peers);
    if (count == 0)
        return cli_usage(cli, "--peer takes the id of a node, or several with commas, not '%s'",
                         peers_text);
    if (direction != NULL && rules_parse_direction(direction, &rule.direction) != 0)
        return cli_usage(cli, "--direction takes in, out or both, not '%s'", direction);
    enum cli_exit code = read_ratio(cli, "drop", &rule.drop_ppm);
    if (code == CLI_OK)
        code = read_ratio(cli, "duplicate", &rule.duplicate_ppm);
    if (code == CLI_OK)
        code = read_delay(cli, "delay", &rule.delay_ms);
    if (code == CLI_OK)
        code = read_delay(cli, "jitter", &rule.jitter_ms);
    if (code != CLI_OK)
        return code;
    struct wire_set_faults faults = {.rules_count = count};
    for (uint32_t i = 0; i < count; i++) {
        rule.peer = peers[i];
        faults.rules[i] = rule;
    }
    return apply(cli, &faults);
}

static enum cli_exit run_faults(struct cli *cli)
{
    const char *what = options_take(&cli->options, "do");
    if (what == NULL)
        return cli_usage(cli, "set, get or clear?");
    if (cli_check_rest(cli) != CLI_OK)
        return CLI_USAGE;
    if (strcmp(what, "set") == 0)
        return run_set(cli);
    static const char *const of_set[] = {"peer",  "direction", "drop",
                                         "delay", "jitter",    "duplicate"};
    for (size_t i = 0; i < sizeof(of_set) / sizeof(of_set[0]); i++) {
        if (options_has(&cli->options, of_set[i]))
            return cli_usage(cli, "--%s goes with set", of_set[i]);
    }
    if (strcmp(what, "get") == 0)
        return run_get(cli);
    if (strcmp(what, "clear") == 0)
        return apply(cli, NULL);
    return cli_usage(cli, "set, get or clear, not '%s'", what);
}

static const struct option faults_options[] = {
    {.name = "do", .argument = "set|get|clear", .help = "instead of the argument"},
    {.name = "peer", .argument = "N[,N...]", .help = "messages between the node and these"},
    {.name = "direction", .argument = "in|out|both", .help = "as the node sees it (both)"},
    {.name = "drop", .argument = "P", .help = "share of messages that are lost, 0 to 1"},
    {.name = "delay", .argument = "50ms", .help = "how much later each message comes"},
    {.name = "jitter", .argument = "20ms", .help = "and up to as much again, at random"},
    {.name = "duplicate", .argument = "P", .help = "share of messages that come twice, 0 to 1"},
};

const struct command_entry command_faults = {
    .name = "faults",
    .family = FAMILY_FAULTS,
    .summary = "lose, delay and repeat messages between nodes",
    .usage = "faults set --peer N [flags]\n"
             "faults get [flags]\n"
             "faults clear [flags]",
    .examples = "dkv-cli faults set --addr localhost:5001 --peer 2 --drop 0.3 --delay 50ms\n"
                "dkv-cli faults set --peer 2 --drop 0.3 --delay 50ms --jitter 20ms "
                "--duplicate 0.01\n"
                "dkv-cli faults get -o table\n"
                "dkv-cli faults clear",
    .notes =
        "set replaces what was set for these peers and directions, at the nodes of --addr, or\n"
        "else at the first endpoint; get and clear go to all. Connections stay up.\n"
        "Exit code 7: the node was not started with --enable-fault-injection.",
    .flags = COMMAND_CLUSTER,
    .options = faults_options,
    .options_count = sizeof(faults_options) / sizeof(faults_options[0]),
    .run = run_faults,
};

/* ---- drop-rules ---------------------------------------------------------------------------- */

static enum cli_exit run_drop_rules(struct cli *cli)
{
    struct wire_set_faults faults;
    char message[RULES_MESSAGE_SIZE_MAX];
    const char *rules = options_take(&cli->options, "rules");
    if (rules == NULL)
        return cli_usage(cli, "which rules? As in --rules \"2:1.0\", or --rules clear");
    if (cli_check_rest(cli) != CLI_OK)
        return CLI_USAGE;
    if (strcmp(rules, "clear") == 0)
        return apply(cli, NULL);
    if (rules_parse(rules, &faults, message) != 0)
        return cli_usage(cli, "%s", message);
    return apply(cli, &faults);
}

static const struct option drop_options[] = {
    {.name = "rules", .argument = "RULES", .help = "PEER:P[:in|out],... or clear"},
};

const struct command_entry command_drop_rules = {
    .name = "drop-rules",
    .family = FAMILY_FAULTS,
    .summary = "cut a node off from others, wholly or in part",
    .usage = "drop-rules --rules \"PEER:P[:in|out],...\" [flags]\n"
             "drop-rules --rules clear [flags]",
    .examples = "dkv-cli drop-rules --addr localhost:5001 --rules \"2:1.0\"\n"
                "dkv-cli drop-rules --addr localhost:5003 --rules \"1:1.0,2:0.5:in\"\n"
                "dkv-cli drop-rules --rules clear",
    .notes =
        "A rule loses a share P, from 0 to 1, of the messages between the node and PEER, in\n"
        "both directions unless it says in or out. New rules replace all earlier ones, at the\n"
        "nodes of --addr, or else at the first endpoint; clear goes to all.\n"
        "Exit code 7: the node was not started with --enable-fault-injection.",
    .flags = COMMAND_CLUSTER,
    .options = drop_options,
    .options_count = sizeof(drop_options) / sizeof(drop_options[0]),
    .run = run_drop_rules,
};
