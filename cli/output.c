/* output.c -- see output.h. */
#define _GNU_SOURCE
#include "cli/output.h"

#include <assert.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/exit.h"
#include "cli/text.h"
#include "history/history_utf8.h"

static atomic_bool progress_is_shown; /* Several threads may make progress. */

int output_format_parse(const char *word, enum output_format *out)
{
    static const char *const names[] = {
        [OUTPUT_TEXT] = "text", [OUTPUT_JSON] = "json", [OUTPUT_TABLE] = "table"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(word, names[i]) == 0) {
            *out = (enum output_format)i;
            return 0;
        }
    }
    return ERR_INVALID;
}

void output_value(struct bytes value)
{
    if (value.size > 0)
        fwrite(value.data, 1, value.size, stdout);
    bool has_newline = value.size > 0 && value.data[value.size - 1] == '\n';
    if (!has_newline && isatty(STDOUT_FILENO))
        putchar('\n');
}

/* ---- JSON ---------------------------------------------------------------------------------- */

static json_t *json_or_end(json_t *value)
{
    if (value == NULL) {
        fputs("dkv-cli: out of memory\n", stderr);
        exit(CLI_ERROR);
    }
    return value;
}

void output_set(json_t *object, const char *name, json_t *value)
{
    if (json_object_set_new(object, name, json_or_end(value)) != 0)
        json_or_end(NULL);
}

json_t *output_json_u64(uint64_t number)
{
    return json_integer(number < INT64_MAX ? (json_int_t)number : INT64_MAX);
}

static json_t *json_base64(struct bytes b)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char *text = text_alloc((b.size + 2) / 3 * 4 + 1);
    char *at = text;
    for (size_t i = 0; i < b.size; i += 3) {
        size_t left = b.size - i;
        uint32_t three = (uint32_t)b.data[i] << 16;
        three |= left > 1 ? (uint32_t)b.data[i + 1] << 8 : 0;
        three |= left > 2 ? b.data[i + 2] : 0;
        *at++ = digits[three >> 18];
        *at++ = digits[three >> 12 & 63];
        *at++ = left > 1 ? digits[three >> 6 & 63] : '=';
        *at++ = left > 2 ? digits[three & 63] : '=';
    }
    json_t *string = json_or_end(json_string(text));
    free(text);
    json_t *object = json_or_end(json_object());
    output_set(object, "b64", string);
    return object;
}

json_t *output_json_bytes(struct bytes b)
{
    if (!history_utf8_is_valid(b))
        return json_base64(b);
    return json_or_end(json_stringn(b.size > 0 ? (const char *)b.data : "", b.size));
}

void output_json(json_t *value)
{
    size_t flags = isatty(STDOUT_FILENO) ? JSON_INDENT(2) : JSON_COMPACT;
    if (json_dumpf(value, stdout, flags | JSON_ENCODE_ANY | JSON_REAL_PRECISION(15)) != 0)
        json_or_end(NULL);
    putchar('\n');
    json_decref(value);
}

/* ---- Tables -------------------------------------------------------------------------------- */

void output_cell(struct output_table *t, char *text)
{
    if (t->cells_count == t->cells_capacity) {
        t->cells_capacity = t->cells_capacity * 2 + 64;
        char **grown = text_alloc(t->cells_capacity * sizeof(*grown));
        if (t->cells_count > 0)
            memcpy(grown, t->cells, t->cells_count * sizeof(*grown));
        free(t->cells);
        t->cells = grown;
    }
    t->cells[t->cells_count] = text;
    t->cells_count++;
}

void output_heads(struct output_table *t, const char *const *heads)
{
    assert(t->columns == 0);
    for (; heads[t->columns] != NULL; t->columns++)
        output_cell(t, text_format("%s", heads[t->columns]));
    assert(t->columns <= OUTPUT_COLUMNS_MAX);
}

/* Characters, near enough the columns that they take: cells hold what text_printable made. */
static size_t cell_width(const char *text)
{
    size_t width = 0;
    for (; *text != '\0'; text++)
        width += ((unsigned char)*text & 0xc0) != 0x80;
    return width;
}

void output_table(struct output_table *t)
{
    size_t widths[OUTPUT_COLUMNS_MAX] = {0};
    for (size_t i = 0; i < t->cells_count; i++) {
        size_t width = cell_width(t->cells[i]);
        if (width > widths[i % t->columns])
            widths[i % t->columns] = width;
    }
    size_t gap = 0; /* Between the last cell and the next: nothing follows a row's last word. */
    for (size_t i = 0; i < t->cells_count; i++) {
        const char *text = t->cells[i];
        size_t column = i % t->columns;
        if (*text != '\0') {
            printf("%*s%s", (int)gap, "", text);
            gap = 0;
        }
        gap += widths[column] - cell_width(text) + 2;
        if (column == t->columns - 1) {
            putchar('\n');
            gap = 0;
        }
    }
    output_table_fini(t);
}

void output_table_fini(struct output_table *t)
{
    for (size_t i = 0; i < t->cells_count; i++)
        free(t->cells[i]);
    free(t->cells);
    *t = (struct output_table){0};
}

/* ---- stderr -------------------------------------------------------------------------------- */

void output_progress(const char *format, ...)
{
    if (!isatty(STDERR_FILENO))
        return;
    va_list arguments;
    va_start(arguments, format);
    fputs("\r\033[K", stderr);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fflush(stderr);
    progress_is_shown = true;
}

void output_progress_end(void)
{
    if (progress_is_shown)
        fputs("\r\033[K", stderr);
    progress_is_shown = false;
}

int output_flush(void)
{
    return fflush(stdout) == 0 && !ferror(stdout) ? 0 : ERR_IO;
}
