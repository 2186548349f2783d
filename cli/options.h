/*
 * options.h -- the words behind a command: flags and operands.
 *
 * Flags are --name VALUE, --name=VALUE, --switch, and -x for those that have a letter (-x VALUE,
 * -xVALUE); they may stand anywhere, and the last of one name counts. "--" ends them; "-" and what
 * looks like a negative number are operands. Everything is borrowed from argv.
 */
#ifndef DKV_CLI_OPTIONS_H
#define DKV_CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define OPTIONS_MAX 32
#define OPERANDS_MAX 8
#define OPTIONS_MESSAGE_SIZE_MAX 256

struct option {
    const char *name;     /* Without dashes. */
    const char *argument; /* What stands for its value in the help; NULL: a switch. */
    const char *help;
    const char *alias_of; /* Another name of that flag; NULL: one of its own. */
    char letter;          /* Or 0. */
};

struct options {
    const struct option *known[OPTIONS_MAX];
    const char *values[OPTIONS_MAX]; /* NULL: not given; "" for a switch. */
    size_t known_count;
    const char *operands[OPERANDS_MAX];
    size_t operands_count;
    size_t operands_taken; /* By options_take_operand. */
};

/* Make these flags known; a name must not be known already. */
void options_add(struct options *o, const struct option *table, size_t count);

/*
 * Sort the words. ERR_INVALID: message says which one is wrong, and what it may have been meant to
 * be.
 */
int options_parse(struct options *o, int argc, char *const *argv,
                  char message[OPTIONS_MESSAGE_SIZE_MAX]) MUST_CHECK;

/* The value of a known flag, or NULL. */
const char *options_get(const struct options *o, const char *name);

bool options_has(const struct options *o, const char *name);

/* The flag's value, else the next operand, else NULL. */
const char *options_take(struct options *o, const char *name);

/* An operand that nobody took, or NULL. */
const char *options_rest(const struct options *o);

/*
 * How many of these words an option is: 0 (an operand), 1 or 2 (with its value). For finding a
 * command behind options.
 */
int options_width(const struct options *o, const char *word);

#endif
