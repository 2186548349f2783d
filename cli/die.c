/* die.c -- dkv-cli die: a node ends itself, as kill -9 would end it. */
#include <stdio.h>

#include "cli/commands.h"
#include "cli/nodes.h"

static enum cli_exit run(struct cli *cli)
{
    struct nodes nodes;
    if (cli_check_rest(cli) != CLI_OK)
        return CLI_USAGE;
    enum cli_exit code = nodes_open(cli, NODES_CHOSEN, &nodes);
    if (code != CLI_OK)
        return code;
    json_t *json = json_array();
    for (uint32_t i = 0; i < nodes.count; i++) {
        struct admin *a = nodes.admins[i];
        struct admin_error error;
        enum dkv_status status = admin_die(a, &error);
        if (status == DKV_OK) {
            json_array_append_new(json, nodes_json(a));
            if (cli->format != OUTPUT_JSON)
                printf("%s ends itself\n", admin_address(a));
            continue;
        }
        json_array_append_new(json, nodes_json_error(a, &error));
        enum cli_exit its_code = nodes_fail(cli, a, status, &error);
        code = code == CLI_OK ? its_code : code;
    }
    if (cli->format == OUTPUT_JSON)
        output_json(json_incref(json));
    json_decref(json);
    nodes_close(&nodes);
    return code;
}

const struct command_entry command_die = {
    .name = "die",
    .family = FAMILY_FAULTS,
    .summary = "make a node end itself at once, as kill -9 would",
    .usage = "die --addr HOST:PORT [flags]",
    .examples = "dkv-cli die --addr localhost:5002",
    .notes = "Exit code 7: the node was not started with --enable-fault-injection.",
    .flags = COMMAND_CLUSTER,
    .run = run,
};
