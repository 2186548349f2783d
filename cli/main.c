/* main.c -- dkv-cli: find the command, read its flags, run it. */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/interrupt.h"
#include "cli/scenarios/leash.h"
#include "cli/table.h"

#define VERSION "0.1.0"

/* Place of the command among the words; flags of every command may stand before it. */
static int find_command(int argc, char *const *argv)
{
    struct options general = {0};
    command_add_options(NULL, &general);
    int at = 1;
    while (at < argc) {
        int width = options_width(&general, argv[at]);
        if (width == 0)
            return at;
        at += width;
    }
    return argc;
}

static enum cli_exit run_named(struct cli *cli, int argc, char **argv, int at)
{
    const char *name = argv[at];
    cli->command = command_find(name);
    if (cli->command == NULL) {
        const char *meant = command_suggest(name);
        if (meant != NULL)
            return cli_usage(cli, "unknown command '%s': did you mean '%s'?", name, meant);
        return cli_usage(cli, "unknown command '%s'", name);
    }
    /* The words of a command are all but its name. */
    for (int i = at; i + 1 < argc; i++)
        argv[i] = argv[i + 1];
    return cli_run(cli, argc - 2, argv + 1);
}

/* No command: --help, --version, or a mistake. */
static enum cli_exit run_nothing(struct cli *cli, int argc, char **argv)
{
    if (argc == 1) {
        command_print_overview();
        return CLI_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        command_print_overview();
        return CLI_OK;
    }
    if (strcmp(argv[1], "--version") == 0) {
        puts("dkv-cli " VERSION);
        return CLI_OK;
    }
    char message[OPTIONS_MESSAGE_SIZE_MAX] = "which command?";
    command_add_options(NULL, &cli->options);
    if (options_parse(&cli->options, argc - 1, argv + 1, message) == 0 &&
        options_has(&cli->options, "help")) {
        command_print_overview();
        return CLI_OK;
    }
    return cli_usage(cli, "%s", message);
}

static enum cli_exit dispatch(struct cli *cli, int argc, char **argv)
{
    int at = find_command(argc, argv);
    if (at == argc)
        return run_nothing(cli, argc, argv);
    if (strcmp(argv[at], "help") != 0)
        return run_named(cli, argc, argv, at);
    if (at + 1 == argc) {
        command_print_overview();
        return CLI_OK;
    }
    const struct command_entry *command = command_find(argv[at + 1]);
    if (command == NULL)
        return cli_usage(cli, "unknown command '%s'", argv[at + 1]);
    command_print_help(command);
    return CLI_OK;
}

int main(int argc, char **argv)
{
    if (leash_is_asked(argc, argv))
        return leash_exec(argc, argv);
    interrupt_catch();
    struct cli cli = {.program = argv[0]};
    return cli_end("dkv-cli", dispatch(&cli, argc, argv));
}
