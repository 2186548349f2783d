/* options.c -- see options.h. */
#include "cli/options.h"

#include <assert.h>
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cli/suggest.h"

#define NOT_KNOWN SIZE_MAX

static size_t options_find(const struct options *o, const char *name, size_t size)
{
    for (size_t i = 0; i < o->known_count; i++) {
        const char *known = o->known[i]->name;
        if (strlen(known) == size && memcmp(known, name, size) == 0)
            return i;
    }
    return NOT_KNOWN;
}

static size_t options_find_letter(const struct options *o, char letter)
{
    for (size_t i = 0; i < o->known_count; i++) {
        if (o->known[i]->letter == letter)
            return i;
    }
    return NOT_KNOWN;
}

void options_add(struct options *o, const struct option *table, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        assert(o->known_count < OPTIONS_MAX);
        assert(options_find(o, table[i].name, strlen(table[i].name)) == NOT_KNOWN);
        o->known[o->known_count] = &table[i];
        o->known_count++;
    }
}

__attribute__((format(printf, 2, 3))) static int refuse(char message[OPTIONS_MESSAGE_SIZE_MAX],
                                                        const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, OPTIONS_MESSAGE_SIZE_MAX, format, arguments);
    va_end(arguments);
    return ERR_INVALID;
}

static int refuse_unknown(const struct options *o, const char *name, size_t size,
                          char message[OPTIONS_MESSAGE_SIZE_MAX])
{
    const char *names[OPTIONS_MAX + 1];
    char written[SUGGEST_WORD_SIZE_MAX];
    for (size_t i = 0; i < o->known_count; i++)
        names[i] = o->known[i]->name;
    names[o->known_count] = NULL;
    snprintf(written, sizeof(written), "%.*s", (int)size, name);
    const char *meant = size < sizeof(written) ? suggest_word(written, names) : NULL;
    if (meant != NULL)
        return refuse(message, "unknown flag --%.*s: did you mean --%s?", (int)size, name, meant);
    return refuse(message, "unknown flag --%.*s", (int)size, name);
}

static void options_set(struct options *o, size_t at, const char *value)
{
    const char *alias_of = o->known[at]->alias_of;
    if (alias_of != NULL)
        at = options_find(o, alias_of, strlen(alias_of));
    assert(at != NOT_KNOWN);
    o->values[at] = value;
}

/* An option's word was read: its value is inline, or the next word. *at moves over that. */
static int options_take_value(struct options *o, size_t place, const char *inline_value, int argc,
                              char *const *argv, int *at, char message[OPTIONS_MESSAGE_SIZE_MAX])
{
    const struct option *option = o->known[place];
    if (option->argument == NULL) {
        if (inline_value != NULL)
            return refuse(message, "--%s takes no value", option->name);
        options_set(o, place, "");
        return 0;
    }
    if (inline_value == NULL) {
        if (*at + 1 >= argc)
            return refuse(message, "--%s needs a value: --%s %s", option->name, option->name,
                          option->argument);
        ++*at;
        inline_value = argv[*at];
    }
    options_set(o, place, inline_value);
    return 0;
}

static int options_take_long(struct options *o, int argc, char *const *argv, int *at,
                             char message[OPTIONS_MESSAGE_SIZE_MAX])
{
    const char *name = argv[*at] + 2;
    size_t size = strcspn(name, "=");
    size_t place = options_find(o, name, size);
    if (place == NOT_KNOWN)
        return refuse_unknown(o, name, size, message);
    const char *inline_value = name[size] == '=' ? name + size + 1 : NULL;
    return options_take_value(o, place, inline_value, argc, argv, at, message);
}

static int options_take_short(struct options *o, int argc, char *const *argv, int *at,
                              char message[OPTIONS_MESSAGE_SIZE_MAX])
{
    const char *word = argv[*at];
    size_t place = options_find_letter(o, word[1]);
    if (place == NOT_KNOWN)
        return refuse(message, "unknown flag %s (write -- before an operand that begins with -)",
                      word);
    const char *inline_value = word[2] != '\0' ? word + 2 : NULL;
    return options_take_value(o, place, inline_value, argc, argv, at, message);
}

/* "-" is the standard input, and "-5" a number. */
static bool is_operand(const char *word)
{
    return word[0] != '-' || word[1] == '\0' || isdigit((unsigned char)word[1]) || word[1] == '.';
}

int options_parse(struct options *o, int argc, char *const *argv,
                  char message[OPTIONS_MESSAGE_SIZE_MAX])
{
    bool only_operands = false;
    for (int at = 0; at < argc; at++) {
        const char *word = argv[at];
        if (!only_operands && strcmp(word, "--") == 0) {
            only_operands = true;
        } else if (only_operands || is_operand(word)) {
            if (o->operands_count == OPERANDS_MAX)
                return refuse(message, "there are too many arguments, from '%.100s' on", word);
            o->operands[o->operands_count] = word;
            o->operands_count++;
        } else if (word[1] == '-') {
            TRY(options_take_long(o, argc, argv, &at, message));
        } else {
            TRY(options_take_short(o, argc, argv, &at, message));
        }
    }
    return 0;
}

const char *options_get(const struct options *o, const char *name)
{
    size_t place = options_find(o, name, strlen(name));
    assert(place != NOT_KNOWN);
    return o->values[place];
}

bool options_has(const struct options *o, const char *name)
{
    return options_get(o, name) != NULL;
}

const char *options_take(struct options *o, const char *name)
{
    const char *value = options_get(o, name);
    if (value != NULL)
        return value;
    value = options_rest(o);
    o->operands_taken += value != NULL;
    return value;
}

const char *options_rest(const struct options *o)
{
    return o->operands_taken < o->operands_count ? o->operands[o->operands_taken] : NULL;
}

int options_width(const struct options *o, const char *word)
{
    if (is_operand(word))
        return 0;
    size_t size = strcspn(word + 2, "=");
    size_t place =
        word[1] == '-' ? options_find(o, word + 2, size) : options_find_letter(o, word[1]);
    bool has_inline = word[1] == '-' ? word[2 + size] == '=' : word[2] != '\0';
    bool takes_next = place != NOT_KNOWN && o->known[place]->argument != NULL && !has_inline;
    return takes_next ? 2 : 1;
}
