/*
 * zk_load.c -- `dkv-cli bench` with ZooKeeper for a target.
 *
 *     zk-load put --endpoints localhost:2181,localhost:2182,localhost:2183 --clients 64 -o json
 *
 * The flags, the generator and the report are those of dkv-cli: only who is asked differs. That is
 * why this program, which is no part of the product, has a target_find of its own: the linker takes
 * it instead of the one in libbench.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/interrupt.h"
#include "cli/output.h"
#include "target_zookeeper.h"

const struct target_kind *target_find(const char *name)
{
    /* "dkv" is what the command takes to be meant when nothing is said. */
    bool is_known = strcmp(name, "zookeeper") == 0 || strcmp(name, "dkv") == 0;
    return is_known ? &target_zookeeper : NULL;
}

static enum cli_exit run(struct cli *cli, int argc, char **argv)
{
    char message[OPTIONS_MESSAGE_SIZE_MAX];
    command_add_options(cli->command, &cli->options);
    if (options_parse(&cli->options, argc - 1, argv + 1, message) != 0)
        return cli_usage(cli, "%s", message);
    if (options_has(&cli->options, "help")) {
        command_print_help(cli->command);
        return CLI_OK;
    }
    const char *format = options_get(&cli->options, "output");
    if (format != NULL && output_format_parse(format, &cli->format) != 0)
        return cli_usage(cli, "--output takes text, json or table, not '%s'", format);
    return cli->command->run(cli);
}

int main(int argc, char **argv)
{
    interrupt_catch();
    struct cli cli = {.program = argv[0], .command = &command_bench};
    enum cli_exit code = run(&cli, argc, argv);
    output_progress_end();
    if (output_flush() != 0) {
        fprintf(stderr, "zk-load: cannot write the output: %s\n", strerror(errno));
        return code == CLI_OK ? CLI_ERROR : (int)code;
    }
    return (int)code;
}
