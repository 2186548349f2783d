#include "node/settings.h"

#include <assert.h>
#include <ctype.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

void settings_init(struct settings *s, const struct setting *table, size_t count)
{
    assert(count <= SETTINGS_MAX);
    memset(s, 0, sizeof(*s));
    s->table = table;
    s->count = count;
}

void settings_fini(struct settings *s)
{
    for (size_t i = 0; i < s->count; i++)
        mem_free(s->values[i].text);
}

const char *settings_get(const struct settings *s, size_t place)
{
    assert(place < s->count);
    return s->values[place].text;
}

/* DKV_DATA_DIR of data-dir. */
static void variable_name(const struct setting *setting, char out[SETTINGS_NAME_SIZE_MAX])
{
    int n = snprintf(out, SETTINGS_NAME_SIZE_MAX, "DKV_%s", setting->name);
    assert(n > 0 && n < SETTINGS_NAME_SIZE_MAX);
    for (int i = 0; i < n; i++)
        out[i] = (char)(out[i] == '-' ? '_' : toupper((unsigned char)out[i]));
}

void settings_name(const struct settings *s, size_t place, char out[SETTINGS_MESSAGE_SIZE_MAX])
{
    assert(place < s->count);
    const struct setting *setting = &s->table[place];
    char variable[SETTINGS_NAME_SIZE_MAX];
    switch (s->values[place].source) {
    case SETTING_ENVIRONMENT:
        variable_name(setting, variable);
        snprintf(out, SETTINGS_MESSAGE_SIZE_MAX, "%s", variable);
        return;
    case SETTING_FILE:
        snprintf(out, SETTINGS_MESSAGE_SIZE_MAX, "%s in %.400s", setting->name, s->file);
        return;
    case SETTING_ABSENT:
    case SETTING_FLAG:
        snprintf(out, SETTINGS_MESSAGE_SIZE_MAX, "--%s", setting->name);
        return;
    }
}

/* Keep a copy of text, unless a higher source has spoken. */
static int value_set(struct settings *s, size_t place, enum setting_source source, const char *text,
                     size_t size)
{
    struct setting_value *v = &s->values[place];
    if (v->source > source)
        return 0;
    char *copy = mem_alloc(size + 1);
    if (copy == NULL)
        return ERR_NO_MEMORY;
    memcpy(copy, text, size);
    copy[size] = '\0';
    mem_free(v->text);
    *v = (struct setting_value){.source = source, .text = copy};
    return 0;
}

static int switch_set(struct settings *s, size_t place, enum setting_source source, bool on)
{
    const char *text = on ? "true" : "false";
    return value_set(s, place, source, text, strlen(text));
}

/* ---- Flags --------------------------------------------------------------------------------- */

/* The place of the setting of this name; s->count: there is none. */
static size_t place_of(const struct settings *s, const char *name, size_t size)
{
    size_t place = 0;
    while (place < s->count) {
        const char *known = s->table[place].name;
        if (strlen(known) == size && memcmp(known, name, size) == 0)
            break;
        place++;
    }
    return place;
}

/* "--name=text", "--name text" or "--switch". Moves *at past what it used. */
static int flag_take(struct settings *s, int argc, char *const *argv, int *at,
                     char message[SETTINGS_MESSAGE_SIZE_MAX])
{
    const char *word = argv[*at];
    if (strncmp(word, "--", 2) != 0 || word[2] == '\0') {
        snprintf(message, SETTINGS_MESSAGE_SIZE_MAX,
                 "unexpected argument \"%.200s\": settings are given as --name value; see --help",
                 word);
        return ERR_INVALID;
    }
    const char *name = word + 2;
    const char *equals = strchr(name, '=');
    size_t size = equals != NULL ? (size_t)(equals - name) : strlen(name);
    size_t place = place_of(s, name, size);
    if (place == s->count) {
        snprintf(message, SETTINGS_MESSAGE_SIZE_MAX, "unknown flag \"--%.*s\": see --help",
                 size > 200 ? 200 : (int)size, name);
        return ERR_INVALID;
    }
    const struct setting *setting = &s->table[place];
    if (s->values[place].source == SETTING_FLAG) {
        snprintf(message, SETTINGS_MESSAGE_SIZE_MAX, "--%s is given twice: give it once",
                 setting->name);
        return ERR_INVALID;
    }
    (*at)++;
    if (setting->argument == NULL) {
        if (equals == NULL)
            return switch_set(s, place, SETTING_FLAG, true);
        if (strcmp(equals, "=true") == 0 || strcmp(equals, "=false") == 0)
            return switch_set(s, place, SETTING_FLAG, equals[1] == 't');
        snprintf(message, SETTINGS_MESSAGE_SIZE_MAX, "--%s is a switch: write --%s, or --%s=false",
                 setting->name, setting->name, setting->name);
        return ERR_INVALID;
    }
    if (equals != NULL)
        return value_set(s, place, SETTING_FLAG, equals + 1, strlen(equals + 1));
    if (*at == argc) {
        snprintf(message, SETTINGS_MESSAGE_SIZE_MAX, "--%s needs a value: --%s %s", setting->name,
                 setting->name, setting->argument);
        return ERR_INVALID;
    }
    const char *text = argv[(*at)++];
    return value_set(s, place, SETTING_FLAG, text, strlen(text));
}

int settings_take_flags(struct settings *s, int argc, char *const *argv,
                        char message[SETTINGS_MESSAGE_SIZE_MAX])
{
    int at = 1;
    while (at < argc)
        TRY(flag_take(s, argc, argv, &at, message));
    return 0;
}

/* ---- Environment --------------------------------------------------------------------------- */

static bool word_is(const char *word, const char *const *list, bool *out_in)
{
    *out_in = false;
    for (; *list != NULL; list++)
        *out_in = *out_in || strcmp(word, *list) == 0;
    return *out_in;
}

/* ERR_INVALID: neither yes nor no. */
static int parse_switch(const char *word, bool *out_on)
{
    static const char *const yes[] = {"1", "true", "yes", "on", NULL};
    static const char *const no[] = {"0", "false", "no", "off", "", NULL};
    bool in;
    if (word_is(word, yes, &in)) {
        *out_on = true;
        return 0;
    }
    if (word_is(word, no, &in)) {
        *out_on = false;
        return 0;
    }
    return ERR_INVALID;
}

int settings_take_environment(struct settings *s, const char *(*lookup)(const char *name),
                              char message[SETTINGS_MESSAGE_SIZE_MAX])
{
    for (size_t place = 0; place < s->count; place++) {
        const struct setting *setting = &s->table[place];
        if (setting->flag_only)
            continue;
        char name[SETTINGS_NAME_SIZE_MAX];
        variable_name(setting, name);
        const char *text = lookup(name);
        if (text == NULL)
            continue;
        if (setting->argument != NULL) {
            TRY(value_set(s, place, SETTING_ENVIRONMENT, text, strlen(text)));
            continue;
        }
        bool on;
        if (parse_switch(text, &on) != 0) {
            snprintf(message, SETTINGS_MESSAGE_SIZE_MAX,
                     "%s is \"%.100s\": set it to true or false", name, text);
            return ERR_INVALID;
        }
        TRY(switch_set(s, place, SETTING_ENVIRONMENT, on));
    }
    return 0;
}

/* ---- File ---------------------------------------------------------------------------------- */

static int file_value_take(struct settings *s, size_t place, const json_t *value,
                           char message[SETTINGS_MESSAGE_SIZE_MAX])
{
    const struct setting *setting = &s->table[place];
    if (setting->argument == NULL) {
        if (json_is_boolean(value))
            return switch_set(s, place, SETTING_FILE, json_is_true(value));
        snprintf(message, SETTINGS_MESSAGE_SIZE_MAX, "%.200s: \"%s\" is to be true or false",
                 s->file, setting->name);
        return ERR_INVALID;
    }
    if (json_is_integer(value)) {
        char digits[32];
        int n = snprintf(digits, sizeof(digits), "%lld", (long long)json_integer_value(value));
        return value_set(s, place, SETTING_FILE, digits, (size_t)n);
    }
    /* jansson refuses NUL in strings, so that the text is whole. */
    if (json_is_string(value))
        return value_set(s, place, SETTING_FILE, json_string_value(value),
                         json_string_length(value));
    snprintf(message, SETTINGS_MESSAGE_SIZE_MAX, "%.200s: \"%s\" is to be a text or a number",
             s->file, setting->name);
    return ERR_INVALID;
}

static int file_object_take(struct settings *s, json_t *root,
                            char message[SETTINGS_MESSAGE_SIZE_MAX])
{
    if (!json_is_object(root)) {
        snprintf(message, SETTINGS_MESSAGE_SIZE_MAX,
                 "%.200s: is to hold one JSON object, {\"id\": 1, ...}", s->file);
        return ERR_INVALID;
    }
    const char *key;
    json_t *value;
    json_object_foreach(root, key, value)
    {
        size_t place = place_of(s, key, strlen(key));
        if (place == s->count || s->table[place].flag_only) {
            snprintf(message, SETTINGS_MESSAGE_SIZE_MAX,
                     "%.200s: unknown setting \"%.100s\": names are those of the flags, see --help",
                     s->file, key);
            return ERR_INVALID;
        }
        TRY(file_value_take(s, place, value, message));
    }
    return 0;
}

int settings_take_file(struct settings *s, const char *path,
                       char message[SETTINGS_MESSAGE_SIZE_MAX])
{
    snprintf(s->file, sizeof(s->file), "%s", path);
    json_error_t error;
    json_t *root = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
    if (root == NULL) {
        snprintf(message, SETTINGS_MESSAGE_SIZE_MAX, "--config %.200s: %.200s (line %d)", path,
                 error.text, error.line < 0 ? 0 : error.line);
        return ERR_INVALID;
    }
    int err = file_object_take(s, root, message);
    json_decref(root);
    return err;
}
