/* scenario.c -- dkv-cli scenario: play one of the scenarios of cli/scenarios/. */
#include "cli/scenarios/scenario.h"

#include <stdio.h>

#include "cli/commands.h"
#include "cli/suggest.h"
#include "client/endpoints.h"

#define SCENARIOS_MAX 32

static void print_scenarios(FILE *out)
{
    for (const struct scenario *s = scenario_table; s->name != NULL; s++)
        fprintf(out, "  %-12s %s\n", s->name, s->summary);
}

static enum cli_exit refuse(const struct cli *cli, const char *name)
{
    const char *names[SCENARIOS_MAX + 1] = {NULL};
    for (size_t i = 0; i < SCENARIOS_MAX && scenario_table[i].name != NULL; i++)
        names[i] = scenario_table[i].name;
    const char *meant = suggest_word(name, names);
    if (meant != NULL)
        return cli_usage(cli, "there is no scenario '%s': did you mean '%s'?", name, meant);
    cli_complain(cli, "there is no scenario '%s', but", name);
    print_scenarios(stderr);
    return CLI_USAGE;
}

/* What the flags say, and whether they go together. */
static enum cli_exit read_flags(const struct cli *cli, struct scenario_options *out)
{
    const char *why = NULL;
    const char *format = options_get(&cli->options, "output");
    enum output_format output = OUTPUT_TEXT;
    struct endpoints endpoints;
    *out = (struct scenario_options){
        .endpoints = options_get(&cli->options, "endpoints"),
        .node_binary = options_get(&cli->options, "node-binary"),
        .history = options_get(&cli->options, "history"),
        .interactive = options_has(&cli->options, "interactive"),
        .quick = options_has(&cli->options, "quick"),
        .keep = options_has(&cli->options, "keep"),
        .out = stdout,
    };
    if (format != NULL && (output_format_parse(format, &output) != 0 || output == OUTPUT_TABLE))
        return cli_usage(cli, "--output takes text or json, not '%s'", format);
    out->is_json = output == OUTPUT_JSON;
    if (out->endpoints != NULL && endpoints_parse(out->endpoints, &endpoints, &why) != 0)
        return cli_usage(cli, "%s, not '%s'", why, out->endpoints);
    if (cli_timeout(cli, 0, &out->timeout_ms) != 0)
        return CLI_USAGE;
    if (out->interactive && out->endpoints == NULL)
        return cli_usage(cli, "--interactive goes with --endpoints");
    return CLI_OK;
}

static enum cli_exit run(struct cli *cli)
{
    struct scenario_options options;
    const char *name = options_take(&cli->options, "name");
    if (cli_check_rest(cli) != CLI_OK || read_flags(cli, &options) != CLI_OK)
        return CLI_USAGE;
    if (name == NULL) {
        cli_complain(cli, "which one?");
        print_scenarios(stderr);
        return CLI_USAGE;
    }
    const struct scenario *scenario = scenario_find(name);
    if (scenario == NULL)
        return refuse(cli, name);
    return scenario_run(scenario, &options);
}

static const struct option options_table[] = {
    {.name = "name", .argument = "NAME", .help = "instead of the argument"},
    {.name = "endpoints",
     .argument = "HOST:PORT,...",
     .help = "play on this cluster (without it: on three nodes of its own, on free ports)"},
    {.name = "addr", .argument = "HOST:PORT,...", .help = "the same", .alias_of = "endpoints"},
    {.name = "interactive", .help = "a person stops and starts the nodes of that cluster"},
    {.name = "history", .argument = "FILE", .help = "write what clients saw, as JSON lines"},
    {.name = "timeout", .argument = "10s", .help = "how long an operation may take (10s)"},
    {.name = "quick", .help = "small and short, for tests"},
    {.name = "keep", .help = "leave data and logs of the cluster of its own, and say where"},
    {.name = "node-binary", .argument = "FILE", .help = "dkv-node of the cluster of its own"},
    {.name = "output",
     .argument = "text|json",
     .help = "how to print what it saw (text)",
     .letter = 'o'},
};

const struct command_entry command_scenario = {
    .name = "scenario",
    .family = FAMILY_SCENARIOS,
    .summary = "show a property of the system on real processes, and check it",
    .usage = "scenario NAME [flags]",
    .examples = "dkv-cli scenario basic\n"
                "dkv-cli scenario failover --history history.jsonl\n"
                "dkv-cli scenario basic --endpoints localhost:5001,localhost:5002,localhost:5003",
    .notes = "NAME is basic, duplicates, failover, recovery, partition or loadtest.\n"
             "Exit code 8: a check failed.",
    .options = options_table,
    .options_count = sizeof(options_table) / sizeof(options_table[0]),
    .run = run,
};
