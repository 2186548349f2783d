/*
 * log.h -- what happened, for the person who runs it: one line on stderr per event.
 *
 *     log_info("serving on %s", addr);
 *     log_line(LOG_WARN, LOG_FIELDS(log_u64("peer", 2), log_text("addr", addr)), "peer is silent");
 *
 * gives, as text or as JSON,
 *
 *     2026-01-31T10:58:47.123Z warn node=1 peer is silent peer=2 addr=localhost:5002
 *     {"time":"2026-01-31T10:58:47.123Z","level":"warn","node":1,"message":"peer is silent",...}
 *
 * Whatever stands in a message or a field, it stays one line, and in JSON one valid object: control
 * characters and bytes that are no UTF-8 are escaped, and what does not fit into LOG_LINE_MAX is
 * left out, which the line then says (truncated=true).
 *
 * Nobody waits for a reader: a line for which stderr has no room is lost, and the next one that
 * gets through says how many were (lost_lines=3).
 *
 * Thread-safe: a line is one write(2). The lines of log_setup and before it come from one thread.
 * Floors 4 to 6 log; the floors below return errors, and the pure ones must not even link this.
 */
#ifndef DKV_BASE_LOG_H
#define DKV_BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

/* Bytes of the longest line, with its newline: what a pipe takes at once (PIPE_BUF). */
#define LOG_LINE_MAX 4096

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };
enum log_format { LOG_FORMAT_TEXT, LOG_FORMAT_JSON };

/* key=value. Key and text are borrowed for the call that logs them. */
struct log_field {
    const char *key; /* A plain word. NULL ends a list of fields. */
    enum { LOG_FIELD_TEXT, LOG_FIELD_U64, LOG_FIELD_BOOL } kind;
    struct bytes text;
    uint64_t number;
};

struct log_field log_text(const char *key, const char *value); /* NULL reads as "". */
struct log_field log_bytes(const char *key, struct bytes value);
struct log_field log_u64(const char *key, uint64_t value);
struct log_field log_bool(const char *key, bool value);

/* At least one field, ready to be handed to log_line. */
#define LOG_FIELDS(...) ((const struct log_field[]){__VA_ARGS__, {.key = NULL}})

/*
 * How to log from here on; without it: text, from LOG_INFO on, no node. node_id 0 is left out.
 * Call it before there are other threads.
 */
void log_setup(enum log_format format, enum log_level level_min, uint32_t node_id);

/* "debug", "info", "warn", "error", and "text", "json"; ERR_INVALID for any other word. */
int log_level_parse(const char *word, enum log_level *out_level) MUST_CHECK;
int log_format_parse(const char *word, enum log_format *out_format) MUST_CHECK;

/* One line, if its level is high enough. fields may be NULL. errno is kept. Any thread. */
void log_line(enum log_level level, const struct log_field *fields, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#define log_debug(...) log_line(LOG_DEBUG, NULL, __VA_ARGS__)
#define log_info(...) log_line(LOG_INFO, NULL, __VA_ARGS__)
#define log_warn(...) log_line(LOG_WARN, NULL, __VA_ARGS__)
#define log_error(...) log_line(LOG_ERROR, NULL, __VA_ARGS__)

#endif
