/*
 * table.h -- the commands of dkv-cli: their names, flags, help and functions.
 */
#ifndef DKV_CLI_TABLE_H
#define DKV_CLI_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli/exit.h"
#include "cli/options.h"
#include "cli/output.h"

/* What a command gets to know. */
struct cli {
    const char *program; /* As it was called. */
    const struct command_entry *command;
    struct options options;
    enum output_format format;
};

/* Flags that several commands share. */
enum command_flags {
    COMMAND_CLUSTER = 1, /* --endpoints, --addr, --timeout, -o */
    COMMAND_SESSION = 2, /* --client-id, --op-id, --floor, --born */
};

enum command_family {
    FAMILY_DATA,
    FAMILY_CLUSTER,
    FAMILY_FAULTS,
    FAMILY_SCENARIOS,
};

struct command_entry {
    const char *name;
    enum command_family family;
    const char *summary;  /* One line, without a full stop. */
    const char *usage;    /* The forms, one a line, without the program's name. */
    const char *examples; /* Lines that work as they stand. */
    const char *notes;    /* What else a person should know; NULL: nothing. */
    unsigned flags;       /* enum command_flags */
    const struct option *options;
    size_t options_count;
    enum cli_exit (*run)(struct cli *cli);
};

/* All of them, in the order of the help; ends with NULL. */
extern const struct command_entry *const command_table[];

/* NULL: there is none of that name. */
const struct command_entry *command_find(const char *name);

/* What was meant by a name that is none, or NULL. */
const char *command_suggest(const char *name);

/* Make a command's flags known; NULL: those that may stand before the command. */
void command_add_options(const struct command_entry *command, struct options *o);

/* Read the words that follow a command's name, and run it; what is wrong with them is said. */
enum cli_exit cli_run(struct cli *cli, int count, char *const *words);

/* A program's last step: what it has printed is written. The code to exit with. */
int cli_end(const char *program, enum cli_exit code);

/* ---- Help and complaints ------------------------------------------------------------------- */

void command_print_overview(void);
void command_print_help(const struct command_entry *command);

/* "dkv-cli: put: …" and a hint at --help, on stderr. Returns CLI_USAGE. */
enum cli_exit cli_usage(const struct cli *cli, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* "dkv-cli: put: …" on stderr. */
void cli_complain(const struct cli *cli, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Complain if there is an operand that no one took. CLI_OK: there is none. */
enum cli_exit cli_check_rest(const struct cli *cli);

/* ---- Shared flags -------------------------------------------------------------------------- */

#define CLI_ENDPOINTS_DEFAULT "localhost:5001,localhost:5002,localhost:5003"

/* Flag over DKV_ENDPOINTS over default. */
const char *cli_endpoints(const struct cli *cli);

/* --timeout, or the default; at least 1. ERR_INVALID: complained. */
int cli_timeout(const struct cli *cli, uint32_t default_ms, uint32_t *out_ms) MUST_CHECK;

/* A flag that is a number; absent: *out is as it was. ERR_INVALID: complained. */
int cli_number(const struct cli *cli, const char *name, uint64_t min, uint64_t max,
               uint64_t *out) MUST_CHECK;

#endif
