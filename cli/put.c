/* put.c -- dkv-cli put and append: a key gets a value, or more of it. */
#include "cli/commands.h"
#include "cli/write.h"

static enum cli_exit run_kind(struct cli *cli, enum dkv_kind kind)
{
    struct write w = {.op = {.kind = kind}};
    enum cli_exit code = write_take_key(cli, &w);
    if (code == CLI_OK)
        code = write_take_value(cli, &w);
    if (code == CLI_OK)
        return write_run(cli, &w);
    write_fini(&w);
    return code;
}

static enum cli_exit run_put(struct cli *cli)
{
    return run_kind(cli, DKV_PUT);
}

static enum cli_exit run_append(struct cli *cli)
{
    return run_kind(cli, DKV_APPEND);
}

static const struct option options[] = {
    {.name = "key", .argument = "KEY", .help = "instead of the argument"},
    {.name = "value", .argument = "VALUE", .help = "instead of the argument"},
    {.name = "value-file", .argument = "FILE", .help = "the bytes of this file; -: of the input"},
    {.name = "prev", .help = "print the value that was there before"},
};

const struct command_entry command_put = {
    .name = "put",
    .family = FAMILY_DATA,
    .summary = "give a key a value",
    .usage = "put KEY VALUE [flags]\n"
             "put KEY - [flags]              the value is the standard input",
    .examples = "dkv-cli put greeting hello\n"
                "dkv-cli put photo --value-file photo.jpg\n"
                "date | dkv-cli put now -\n"
                "dkv-cli put --addr localhost:5001 --key greeting --value hello --prev",
    .notes = "Keys have 1 to 511 bytes, values up to 1 MiB, of any kind.",
    .flags = COMMAND_CLUSTER | COMMAND_SESSION,
    .options = options,
    .options_count = sizeof(options) / sizeof(options[0]),
    .run = run_put,
};

const struct command_entry command_append = {
    .name = "append",
    .family = FAMILY_DATA,
    .summary = "add to the end of a key's value",
    .usage = "append KEY VALUE [flags]\n"
             "append KEY - [flags]           what is added is the standard input",
    .examples = "dkv-cli append greeting ', world'\n"
                "dkv-cli append log --value-file more.txt\n"
                "dkv-cli append --addr localhost:5003 --key greeting --value '!' -o json",
    .notes = "A key that is not there begins empty. It happens once, however often it is sent.",
    .flags = COMMAND_CLUSTER | COMMAND_SESSION,
    .options = options,
    .options_count = sizeof(options) / sizeof(options[0]),
    .run = run_append,
};
