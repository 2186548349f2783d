/* table.c -- see table.h. */
#include "cli/table.h"
#include "base/number.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/suggest.h"
#include "cli/text.h"

#define COMMANDS_MAX 64

const struct command_entry *const command_table[] = {
    &command_put,    &command_get,     &command_append,    &command_delete,
    &command_cas,    &command_load,    &command_bench,     &command_health,
    &command_status, &command_metrics, &command_fetch_log, &command_drop_rules,
    &command_faults, &command_die,     &command_scenario,  NULL,
};

static const struct option general_options[] = {
    {.name = "help", .help = "print this, and exit", .letter = 'h'},
};

static const struct option cluster_options[] = {
    {.name = "endpoints",
     .argument = "HOST:PORT,...",
     .help = "the nodes (DKV_ENDPOINTS; localhost:5001 to 5003)"},
    {.name = "addr", .argument = "HOST:PORT", .help = "the same", .alias_of = "endpoints"},
    {.name = "timeout", .argument = "10s", .help = "how long to try, with ms, s, m"},
    {.name = "output",
     .argument = "text|json|table",
     .help = "how to print what comes back (text)",
     .letter = 'o'},
};

static const struct option session_options[] = {
    {.name = "client-id",
     .argument = "ID",
     .help = "who writes: text, or hex:00ff... (16 random bytes)"},
    {.name = "op-id", .argument = "N", .help = "number of this client's write (1)"},
    {.name = "floor", .argument = "N", .help = "lowest op-id without an answer (op-id)"},
    {.name = "born", .argument = "SLOT", .help = "of the first time that this write was sent"},
};

const struct command_entry *command_find(const char *name)
{
    for (const struct command_entry *const *c = command_table; *c != NULL; c++) {
        if (strcmp((*c)->name, name) == 0)
            return *c;
    }
    return NULL;
}

const char *command_suggest(const char *name)
{
    const char *names[COMMANDS_MAX + 1];
    size_t count = 0;
    for (const struct command_entry *const *c = command_table; *c != NULL; c++) {
        assert(count < COMMANDS_MAX);
        names[count] = (*c)->name;
        count++;
    }
    names[count] = NULL;
    return suggest_word(name, names);
}

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

void command_add_options(const struct command_entry *command, struct options *o)
{
    unsigned flags = command != NULL ? command->flags : COMMAND_CLUSTER;
    options_add(o, general_options, COUNT(general_options));
    if ((flags & COMMAND_CLUSTER) != 0)
        options_add(o, cluster_options, COUNT(cluster_options));
    if ((flags & COMMAND_SESSION) != 0)
        options_add(o, session_options, COUNT(session_options));
    if (command != NULL)
        options_add(o, command->options, command->options_count);
}

/* ---- Help and complaints ------------------------------------------------------------------- */

/* Lines, each indented and begun with the program's name. */
static void print_lines(const char *lines, const char *before)
{
    while (*lines != '\0') {
        size_t size = strcspn(lines, "\n");
        printf("  %s%.*s\n", before, (int)size, lines);
        lines += size + (lines[size] == '\n');
    }
}

static void print_options(const char *title, const struct option *options, size_t count)
{
    if (count == 0)
        return;
    printf("\n%s:\n", title);
    for (size_t i = 0; i < count; i++) {
        char *letter = options[i].letter != 0 ? text_format("-%c, ", options[i].letter)
                                              : text_format("%s", "");
        char *left = text_format("%s--%s %s", letter, options[i].name,
                                 options[i].argument != NULL ? options[i].argument : "");
        printf("  %-30s %s\n", left, options[i].help);
        free(left);
        free(letter);
    }
}

void command_print_overview(void)
{
    static const char *const families[] = {
        [FAMILY_DATA] = "Data",
        [FAMILY_CLUSTER] = "Cluster",
        [FAMILY_FAULTS] = "Faults, on nodes started with --enable-fault-injection",
        [FAMILY_SCENARIOS] = "Scenarios",
    };
    puts("dkv-cli -- talk to a dkv cluster\n"
         "\n"
         "  dkv-cli put greeting hello\n"
         "  dkv-cli get greeting --addr localhost:5002\n"
         "  dkv-cli status -o table\n"
         "  dkv-cli COMMAND --help");
    for (size_t family = 0; family < COUNT(families); family++) {
        printf("\n%s:\n", families[family]);
        for (const struct command_entry *const *c = command_table; *c != NULL; c++) {
            if ((*c)->family == (enum command_family)family)
                printf("  %-12s %s\n", (*c)->name, (*c)->summary);
        }
    }
    print_options("Everywhere", cluster_options, COUNT(cluster_options));
    puts("\nExit codes: 0 ok, 1 error, 2 usage, 3 not found, 4 unavailable, 5 timeout (outcome\n"
         "unknown), 6 comparison failed, 7 denied, 8 a scenario's check failed, 130 interrupted.");
}

void command_print_help(const struct command_entry *command)
{
    printf("dkv-cli %s -- %s\n\nExamples:\n", command->name, command->summary);
    print_lines(command->examples, "");
    printf("\nUsage:\n");
    print_lines(command->usage, "dkv-cli ");
    if (command->notes != NULL)
        printf("\n%s\n", command->notes);
    print_options("Flags", command->options, command->options_count);
    if ((command->flags & COMMAND_CLUSTER) != 0)
        print_options("Which cluster, and what to print", cluster_options, COUNT(cluster_options));
    if ((command->flags & COMMAND_SESSION) != 0)
        print_options("To repeat a write by hand, so that it happens once", session_options,
                      COUNT(session_options));
}

__attribute__((format(printf, 2, 0))) static void complain(const struct cli *cli,
                                                           const char *format, va_list arguments)
{
    output_progress_end();
    fputs("dkv-cli: ", stderr);
    if (cli->command != NULL)
        fprintf(stderr, "%s: ", cli->command->name);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
}

void cli_complain(const struct cli *cli, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    complain(cli, format, arguments);
    va_end(arguments);
}

enum cli_exit cli_usage(const struct cli *cli, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    complain(cli, format, arguments);
    va_end(arguments);
    const char *name = cli->command != NULL ? cli->command->name : "";
    fprintf(stderr, "Try 'dkv-cli %s%s--help'.\n", name, *name != '\0' ? " " : "");
    return CLI_USAGE;
}

enum cli_exit cli_check_rest(const struct cli *cli)
{
    const char *rest = options_rest(&cli->options);
    if (rest == NULL)
        return CLI_OK;
    return cli_usage(cli, "unexpected argument '%s'", rest);
}

enum cli_exit cli_run(struct cli *cli, int count, char *const *words)
{
    char message[OPTIONS_MESSAGE_SIZE_MAX];
    command_add_options(cli->command, &cli->options);
    if (options_parse(&cli->options, count, words, message) != 0)
        return cli_usage(cli, "%s", message);
    if (options_has(&cli->options, "help")) {
        command_print_help(cli->command);
        return CLI_OK;
    }
    const char *format =
        (cli->command->flags & COMMAND_CLUSTER) != 0 ? options_get(&cli->options, "output") : NULL;
    if (format != NULL && output_format_parse(format, &cli->format) != 0)
        return cli_usage(cli, "--output takes text, json or table, not '%s'", format);
    return cli->command->run(cli);
}

int cli_end(const char *program, enum cli_exit code)
{
    output_progress_end();
    if (output_flush() == 0)
        return (int)code;
    fprintf(stderr, "%s: cannot write the output: %s\n", program, strerror(errno));
    return code == CLI_OK ? CLI_ERROR : (int)code;
}

/* ---- Shared flags -------------------------------------------------------------------------- */

const char *cli_endpoints(const struct cli *cli)
{
    const char *endpoints = options_get(&cli->options, "endpoints");
    if (endpoints == NULL)
        endpoints = getenv("DKV_ENDPOINTS");
    return endpoints != NULL && *endpoints != '\0' ? endpoints : CLI_ENDPOINTS_DEFAULT;
}

int cli_timeout(const struct cli *cli, uint32_t default_ms, uint32_t *out_ms)
{
    const char *text = options_get(&cli->options, "timeout");
    uint32_t ms = default_ms;
    if (text != NULL && (text_parse_duration(text, &ms) != 0 || ms == 0)) {
        cli_usage(cli, "--timeout takes a duration as 500ms, 10s or 2m, not '%s'", text);
        return ERR_INVALID;
    }
    *out_ms = ms;
    return 0;
}

int cli_number(const struct cli *cli, const char *name, uint64_t min, uint64_t max, uint64_t *out)
{
    const char *text = options_get(&cli->options, name);
    uint64_t number = 0;
    if (text == NULL)
        return 0;
    if (number_parse(text, &number) != 0 || number < min || number > max) {
        cli_usage(cli, "--%s takes a number from %" PRIu64 " to %" PRIu64 ", not '%s'", name, min,
                  max, text);
        return ERR_INVALID;
    }
    *out = number;
    return 0;
}
