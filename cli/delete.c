/* delete.c -- dkv-cli delete. */
#include "cli/commands.h"
#include "cli/write.h"

static enum cli_exit run(struct cli *cli)
{
    struct write w = {.op = {.kind = DKV_DELETE}};
    enum cli_exit code = write_take_key(cli, &w);
    return code == CLI_OK ? write_run(cli, &w) : code;
}

static const struct option options[] = {
    {.name = "key", .argument = "KEY", .help = "instead of the argument"},
    {.name = "prev", .help = "print the value that was there before"},
};

const struct command_entry command_delete = {
    .name = "delete",
    .family = FAMILY_DATA,
    .summary = "remove a key",
    .usage = "delete KEY [flags]",
    .examples = "dkv-cli delete greeting\n"
                "dkv-cli delete --addr localhost:5003 --key greeting --prev",
    .notes = "Exit code 0 also when there is nothing to delete.",
    .flags = COMMAND_CLUSTER | COMMAND_SESSION,
    .options = options,
    .options_count = sizeof(options) / sizeof(options[0]),
    .run = run,
};
