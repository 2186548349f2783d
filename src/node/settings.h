/*
 * settings.h -- where a setting comes from: flag over environment over file.
 *
 * A setting has one name, `data-dir`, for the flag --data-dir, the variable DKV_DATA_DIR and the
 * key "data-dir" of the JSON file. This module collects texts and knows nothing of their meaning;
 * config.c does.
 */
#ifndef DKV_NODE_SETTINGS_H
#define DKV_NODE_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

#define SETTINGS_MAX 40
#define SETTINGS_NAME_SIZE_MAX 40     /* With the NUL. */
#define SETTINGS_MESSAGE_SIZE_MAX 512 /* With the NUL. */

struct setting {
    const char *name;     /* Lower case, with dashes. */
    const char *argument; /* What a person writes behind it; NULL: a switch, on or off. */
    const char *help;
    bool flag_only; /* Neither in the environment nor in a file. */
};

enum setting_source {
    SETTING_ABSENT = 0,
    SETTING_FILE,
    SETTING_ENVIRONMENT,
    SETTING_FLAG,
};

struct setting_value {
    enum setting_source source;
    char *text; /* Owned, NUL-terminated; a switch has "true" or "false". NULL when absent. */
};

/* The values of a table of settings, by the place in the table. */
struct settings {
    const struct setting *table;
    size_t count; /* <= SETTINGS_MAX */
    struct setting_value values[SETTINGS_MAX];
    char file[SETTINGS_MESSAGE_SIZE_MAX]; /* Path of the file that was read, for messages. */
};

void settings_init(struct settings *s, const struct setting *table, size_t count);
void settings_fini(struct settings *s);

/*
 * Each of these takes what its source says, unless a higher one spoke already; any order will do.
 * ERR_INVALID: message is one line that says what is wrong and what to do. ERR_NO_MEMORY.
 */
int settings_take_flags(struct settings *s, int argc, char *const *argv,
                        char message[SETTINGS_MESSAGE_SIZE_MAX]) MUST_CHECK;
int settings_take_environment(struct settings *s, const char *(*lookup)(const char *name),
                              char message[SETTINGS_MESSAGE_SIZE_MAX]) MUST_CHECK;
int settings_take_file(struct settings *s, const char *path,
                       char message[SETTINGS_MESSAGE_SIZE_MAX]) MUST_CHECK;

/* The text of a setting, or NULL. Borrowed until settings_fini. */
const char *settings_get(const struct settings *s, size_t place);

/* What to call it in a message: "--id", "DKV_ID", or "id in FILE". */
void settings_name(const struct settings *s, size_t place, char out[SETTINGS_MESSAGE_SIZE_MAX]);

#endif
