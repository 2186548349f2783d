/* cas.c -- dkv-cli cas: a new value, if the old one is what one thinks it is. */
#include "cli/commands.h"
#include "cli/session.h"
#include "cli/write.h"

/* What is compared: exactly one of three. */
static enum cli_exit take_expect(struct cli *cli, struct write *w)
{
    bool absent = options_has(&cli->options, "expect-absent");
    bool revision = options_has(&cli->options, "expect-revision");
    bool value = options_has(&cli->options, "expect");
    if (absent + revision + value > 1)
        return cli_usage(cli, "one of --expect, --expect-absent and --expect-revision is enough");
    if (absent) {
        w->op.expect = DKV_EXPECT_ABSENT;
        return CLI_OK;
    }
    if (revision) {
        w->op.expect = DKV_EXPECT_REVISION;
        return cli_number(cli, "expect-revision", 1, UINT64_C(1) << 62, &w->op.expected_revision) ==
                       0
                   ? CLI_OK
                   : CLI_USAGE;
    }
    w->expect = options_take(&cli->options, "expect");
    if (w->expect == NULL)
        return cli_usage(cli, "which value is expected?");
    w->op.expect = DKV_EXPECT_VALUE;
    w->op.expected = session_bytes(bytes_of(w->expect));
    return CLI_OK;
}

static enum cli_exit run(struct cli *cli)
{
    struct write w = {.op = {.kind = DKV_CAS}};
    enum cli_exit code = write_take_key(cli, &w);
    if (code == CLI_OK)
        code = take_expect(cli, &w);
    if (code == CLI_OK)
        code = write_take_value(cli, &w);
    if (code == CLI_OK)
        return write_run(cli, &w);
    write_fini(&w);
    return code;
}

static const struct option options[] = {
    {.name = "key", .argument = "KEY", .help = "instead of the argument"},
    {.name = "expect", .argument = "VALUE", .help = "instead of the argument"},
    {.name = "expect-absent", .help = "if there is no such key"},
    {.name = "expect-revision",
     .argument = "N",
     .help = "if it was last modified at N (mod_revision of get -o json)"},
    {.name = "value", .argument = "VALUE", .help = "the new one, instead of the argument"},
    {.name = "value-file", .argument = "FILE", .help = "the bytes of this file; -: of the input"},
    {.name = "prev", .help = "print the value that was there before"},
};

const struct command_entry command_cas = {
    .name = "cas",
    .family = FAMILY_DATA,
    .summary = "give a key a value if it has the one expected",
    .usage = "cas KEY EXPECT NEW [flags]\n"
             "cas KEY --expect-absent NEW [flags]\n"
             "cas KEY --expect-revision N NEW [flags]",
    .examples = "dkv-cli cas greeting hello goodbye\n"
                "dkv-cli cas lock --expect-absent me\n"
                "dkv-cli cas --addr localhost:5001 --key n --expect-revision 17 --value 5",
    .notes = "Exit code 6: it has another one, and nothing changed.",
    .flags = COMMAND_CLUSTER | COMMAND_SESSION,
    .options = options,
    .options_count = sizeof(options) / sizeof(options[0]),
    .run = run,
};
