/*
 * output.h -- what goes to the standard output: text, JSON or a table.
 *
 * Values go to a pipe or a file as exactly the bytes they are; a terminal gets a newline behind
 * them. JSON is one value and a newline, indented on a terminal. What goes wrong, progress and
 * colour go to stderr, the last two only to a terminal.
 */
#ifndef DKV_CLI_OUTPUT_H
#define DKV_CLI_OUTPUT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/bytes.h"
#include "base/err.h"
#include "dkv/dkv.h"

enum output_format {
    OUTPUT_TEXT = 0,
    OUTPUT_JSON,
    OUTPUT_TABLE,
};

/* "text", "json", "table". ERR_INVALID. */
int output_format_parse(const char *word, enum output_format *out) MUST_CHECK;

/* A value and nothing else; on a terminal with a newline at its end. */
void output_value(struct bytes value);

/* ---- JSON ---------------------------------------------------------------------------------- */

/*
 * Bytes as JSON: a string if they are UTF-8 (with \u0000 for NUL), else {"b64":"…"} with the
 * standard alphabet and padding (RFC 4648).
 */
json_t *output_json_bytes(struct bytes b);

/* Print it and forget it. */
void output_json(json_t *value);

/* As json_object_set_new, ending the process when there is no memory. */
void output_set(json_t *object, const char *name, json_t *value);

/* Numbers beyond JSON's (of jansson) are cut to its largest. */
json_t *output_json_u64(uint64_t number);

/* ---- Tables -------------------------------------------------------------------------------- */

#define OUTPUT_COLUMNS_MAX 12

/* Rows of cells, the first one the heads. All zero is an empty one. */
struct output_table {
    size_t columns;
    char **cells; /* Owned; row by row. */
    size_t cells_count;
    size_t cells_capacity;
};

/* One more cell; text is taken over (free(3)). */
void output_cell(struct output_table *t, char *text);

/* A row of heads, which also says how many columns there are. heads ends with NULL. */
void output_heads(struct output_table *t, const char *const *heads);

/* Print it, columns aligned, and free it. */
void output_table(struct output_table *t);

/* Free it. */
void output_table_fini(struct output_table *t);

/* ---- stderr -------------------------------------------------------------------------------- */

/* One line of progress, which replaces the last one; nothing unless stderr is a terminal. Any
 * thread. */
void output_progress(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Wipe it. */
void output_progress_end(void);

/* Flush stdout. ERR_IO: something that was printed is lost. */
int output_flush(void) MUST_CHECK;

#endif
