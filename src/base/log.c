/* log.c -- see log.h. A line is put together on the stack: logging works when memory is short. */
#define _GNU_SOURCE
#include "base/log.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Kept free for the end of a line: that it was cut, how many were lost, brace, newline. */
#define TAIL_ROOM 64

/* Longest message, before escapes and with them. A field is kept whole or left out. */
#define MESSAGE_MAX 1500
#define MESSAGE_ROOM 2048

static const char *const log_level_words[] = {"debug", "info", "warn", "error"};

static struct {
    enum log_format format;
    enum log_level level_min;
    uint32_t node_id;
} log_settings = {.format = LOG_FORMAT_TEXT, .level_min = LOG_INFO, .node_id = 0};

/* Nobody else of this process writes between the look whether there is room and the write. */
static struct {
    pthread_mutex_t lock;
    uint64_t lost; /* Lines since the last one that got through. */
} log_output = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* A line being written. Invariant: size <= limit <= LOG_LINE_MAX - TAIL_ROOM until finished. */
struct line {
    char data[LOG_LINE_MAX];
    size_t size;
    size_t limit; /* What does not fit below it is left out, and whatever follows it fits. */
    bool is_json;
    bool is_cut; /* Something did not fit and was left out. */
};

struct log_field log_text(const char *key, const char *value)
{
    return log_bytes(key, bytes_of(value == NULL ? "" : value));
}

struct log_field log_bytes(const char *key, struct bytes value)
{
    return (struct log_field){.key = key, .kind = LOG_FIELD_TEXT, .text = value};
}

struct log_field log_u64(const char *key, uint64_t value)
{
    return (struct log_field){.key = key, .kind = LOG_FIELD_U64, .number = value};
}

struct log_field log_bool(const char *key, bool value)
{
    return (struct log_field){.key = key, .kind = LOG_FIELD_BOOL, .number = value};
}

void log_setup(enum log_format format, enum log_level level_min, uint32_t node_id)
{
    log_settings.format = format;
    log_settings.level_min = level_min;
    log_settings.node_id = node_id;
}

int log_level_parse(const char *word, enum log_level *out_level)
{
    for (size_t i = 0; i < sizeof(log_level_words) / sizeof(log_level_words[0]); i++) {
        if (strcmp(word, log_level_words[i]) == 0) {
            *out_level = (enum log_level)i;
            return 0;
        }
    }
    return ERR_INVALID;
}

int log_format_parse(const char *word, enum log_format *out_format)
{
    if (strcmp(word, "text") == 0)
        *out_format = LOG_FORMAT_TEXT;
    else if (strcmp(word, "json") == 0)
        *out_format = LOG_FORMAT_JSON;
    else
        return ERR_INVALID;
    return 0;
}

static void line_put(struct line *l, const char *data, size_t size)
{
    assert(l->size <= l->limit);
    if (size > l->limit - l->size) {
        l->is_cut = true;
        return;
    }
    memcpy(l->data + l->size, data, size);
    l->size += size;
}

static void line_print(struct line *l, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* For what is short by nature. */
static void line_print(struct line *l, const char *format, ...)
{
    char piece[128];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(piece, sizeof(piece), format, args);
    va_end(args);
    assert(n >= 0 && (size_t)n < sizeof(piece));
    line_put(l, piece, (size_t)n);
}

/* Bytes of the well-formed UTF-8 sequence that b begins with; 0: it begins with none. RFC 3629. */
static size_t utf8_size(struct bytes b)
{
    const uint8_t *p = b.data;
    size_t n = p[0] < 0x80 ? 1 : p[0] < 0xc2 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
    if (n == 0 || p[0] > 0xf4 || n > b.size)
        return 0;
    for (size_t i = 1; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    }
    bool is_overlong = (p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xf0 && p[1] < 0x90);
    bool is_surrogate = p[0] == 0xed && p[1] >= 0xa0;
    bool is_too_high = p[0] == 0xf4 && p[1] >= 0x90;
    return is_overlong || is_surrogate || is_too_high ? 0 : n;
}

/* Text in which no byte ends the line, leaves the quotes or moves a terminal's cursor. */
static void line_escape(struct line *l, struct bytes text, bool is_quoted)
{
    while (text.size > 0 && !l->is_cut) {
        size_t n = utf8_size(text);
        uint8_t c = text.data[0];
        /* C1 controls are two bytes of UTF-8 that terminals obey too. */
        bool is_c1 = n == 2 && c == 0xc2 && text.data[1] < 0xa0;
        if (c == '\n') {
            line_put(l, "\\n", 2);
        } else if (is_quoted && (c == '"' || c == '\\')) {
            line_print(l, "\\%c", c);
        } else if (n == 0 || c < 0x20 || c == 0x7f || is_c1) {
            /* JSON knows no \x; there, the backslash is itself escaped. */
            line_print(l, "%s\\x%02x", l->is_json ? "\\" : "", c);
            n = 1;
        } else {
            line_put(l, (const char *)text.data, n);
        }
        n = n == 0 ? 1 : n;
        text = bytes_slice(text, n, text.size - n);
    }
}

static void line_put_head(struct line *l, enum log_level level)
{
    struct timespec now;
    struct tm utc;
    char date[64];
    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &utc);
    line_print(l, l->is_json ? "{\"time\":\"%s.%03ldZ\",\"level\":\"%s\"" : "%s.%03ldZ %s", date,
               now.tv_nsec / 1000000, log_level_words[level]);
    if (log_settings.node_id != 0)
        line_print(l, l->is_json ? ",\"node\":%" PRIu32 : " node=%" PRIu32, log_settings.node_id);
}

static void line_put_message(struct line *l, struct bytes message)
{
    bool is_long = message.size > MESSAGE_MAX;
    line_print(l, l->is_json ? ",\"message\":\"" : " ");
    l->limit = l->size + MESSAGE_ROOM;
    line_escape(l, is_long ? bytes_slice(message, 0, MESSAGE_MAX) : message, l->is_json);
    l->limit = LOG_LINE_MAX - TAIL_ROOM;
    l->is_cut = l->is_cut || is_long;
    line_put(l, "\"", l->is_json ? 1 : 0);
}

/* In text, only a plain word goes without quotes. */
static bool field_needs_quotes(struct bytes text)
{
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i];
        if (c <= ' ' || c >= 0x7f || c == '"' || c == '=' || c == '\\')
            return true;
    }
    return text.size == 0;
}

static void line_put_field(struct line *l, const struct log_field *f)
{
    size_t size_before = l->size;
    bool was_cut = l->is_cut;

    l->is_cut = false;
    line_put(l, l->is_json ? ",\"" : " ", l->is_json ? 2 : 1);
    line_escape(l, bytes_of(f->key), l->is_json);
    line_put(l, l->is_json ? "\":" : "=", l->is_json ? 2 : 1);
    if (f->kind == LOG_FIELD_U64) {
        line_print(l, "%" PRIu64, f->number);
    } else if (f->kind == LOG_FIELD_BOOL) {
        line_print(l, "%s", f->number != 0 ? "true" : "false");
    } else {
        bool is_quoted = l->is_json || field_needs_quotes(f->text);
        line_put(l, "\"", is_quoted ? 1 : 0);
        line_escape(l, f->text, is_quoted);
        line_put(l, "\"", is_quoted ? 1 : 0);
    }
    if (l->is_cut)
        l->size = size_before;
    l->is_cut = l->is_cut || was_cut;
}

static void line_finish(struct line *l, uint64_t lost)
{
    char tail[TAIL_ROOM];
    int n = 0;
    if (l->is_cut)
        n = snprintf(tail, sizeof(tail), l->is_json ? ",\"truncated\":true" : " truncated=true");
    if (lost > 0)
        n += snprintf(tail + n, sizeof(tail) - (size_t)n,
                      l->is_json ? ",\"lost_lines\":%" PRIu64 : " lost_lines=%" PRIu64, lost);
    n += snprintf(tail + n, sizeof(tail) - (size_t)n, l->is_json ? "}\n" : "\n");
    assert(n > 0 && n < TAIL_ROOM && l->size <= LOG_LINE_MAX - TAIL_ROOM);
    memcpy(l->data + l->size, tail, (size_t)n);
    l->size += (size_t)n;
}

/*
 * Would a line be taken at once? A pipe that says so has room for PIPE_BUF bytes. What is no pipe,
 * or is gone, is left to write(2).
 */
static bool output_is_ready(void)
{
    struct pollfd fd = {.fd = STDERR_FILENO, .events = POLLOUT};
    return poll(&fd, 1, 0) != 0;
}

/* False: nothing of it could be written. */
static bool line_write(const struct line *l)
{
    size_t done = 0;
    while (done < l->size) {
        ssize_t n = write(STDERR_FILENO, l->data + done, l->size - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        done += (size_t)n;
    }
    return done > 0;
}

/* A reader that stalls costs lines, never time: there is nobody to tell but the next line. */
static void line_put_out(struct line *l)
{
    pthread_mutex_lock(&log_output.lock);
    bool is_out = false;
    if (output_is_ready()) {
        line_finish(l, log_output.lost);
        is_out = line_write(l);
    }
    log_output.lost = is_out ? 0 : log_output.lost + 1;
    pthread_mutex_unlock(&log_output.lock);
}

void log_line(enum log_level level, const struct log_field *fields, const char *format, ...)
{
    assert(level >= LOG_DEBUG && level <= LOG_ERROR);
    if (level < log_settings.level_min)
        return;

    int errno_before = errno;
    char message[MESSAGE_MAX + 2]; /* One byte more than is shown: then it is known to be cut. */
    va_list args;
    va_start(args, format);
    int n = vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    assert(n >= 0);

    struct line l = {.limit = LOG_LINE_MAX - TAIL_ROOM,
                     .is_json = log_settings.format == LOG_FORMAT_JSON};
    line_put_head(&l, level);
    line_put_message(&l, bytes_of(message));
    for (const struct log_field *f = fields; f != NULL && f->key != NULL; f++)
        line_put_field(&l, f);
    line_put_out(&l);
    errno = errno_before;
}
