/* text.c -- see text.h. */
#define _GNU_SOURCE
#include "cli/text.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/exit.h"
#include "history/history_utf8.h"

#define DURATION_MS_MAX (24 * 3600 * 1000.0)
#define PPM_MAX 1000000

static void *text_or_end(void *memory)
{
    if (memory == NULL) {
        fputs("dkv-cli: out of memory\n", stderr);
        exit(CLI_ERROR);
    }
    return memory;
}

void *text_alloc(size_t size)
{
    return text_or_end(calloc(1, size > 0 ? size : 1));
}

char *text_format(const char *format, ...)
{
    char *text = NULL;
    va_list arguments;
    va_start(arguments, format);
    int size = vasprintf(&text, format, arguments);
    va_end(arguments);
    return text_or_end(size >= 0 ? text : NULL);
}

/* ---- To people and shells ------------------------------------------------------------------ */

/* Bytes of the UTF-8 character that b begins with; 0: it begins with none. */
static size_t utf8_size(struct bytes b)
{
    for (size_t size = 1; size <= 4 && size <= b.size; size++) {
        if (history_utf8_is_valid(bytes_slice(b, 0, size)))
            return size;
    }
    return 0;
}

static size_t print_escape(char *out, uint8_t byte)
{
    static const char hex[] = "0123456789abcdef";
    static const char letters[] = "\nn\tt\rr\\\\";
    for (size_t i = 0; letters[i] != '\0'; i += 2) {
        if (byte == (uint8_t)letters[i]) {
            out[0] = '\\';
            out[1] = letters[i + 1];
            return 2;
        }
    }
    memcpy(out, (const char[]){'\\', 'x', hex[byte >> 4], hex[byte & 15]}, 4);
    return 4;
}

/* U+0080 to U+009F are control characters too: a terminal may obey them. */
static bool is_plain(struct bytes character)
{
    uint8_t lead = character.data[0];
    if (character.size == 1)
        return lead >= 0x20 && lead != 0x7f && lead != '\\';
    return !(lead == 0xc2 && character.data[1] < 0xa0);
}

char *text_printable(struct bytes b, size_t size_max)
{
    size_t shown = b.size < size_max ? b.size : size_max;
    char *text = text_alloc(shown * 4 + sizeof("..."));
    size_t used = 0;
    size_t at = 0;
    while (at < shown) {
        struct bytes rest = bytes_slice(b, at, shown - at);
        size_t size = utf8_size(rest);
        if (size > 0 && is_plain(bytes_slice(rest, 0, size))) {
            memcpy(text + used, rest.data, size);
            used += size;
            at += size;
        } else {
            used += print_escape(text + used, rest.data[0]);
            at++;
        }
    }
    if (shown < b.size)
        memcpy(text + used, "...", sizeof("..."));
    return text;
}

char *text_shell_quote(const char *word)
{
    static const char safe[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                               "_-+=:,./@%";
    if (word[0] != '\0' && word[strspn(word, safe)] == '\0')
        return text_format("%s", word);
    char *quoted = text_alloc(strlen(word) * 4 + 3);
    char *at = quoted;
    *at++ = '\'';
    for (; *word != '\0'; word++) {
        if (*word == '\'')
            at = stpcpy(at, "'\\''");
        else
            *at++ = *word;
    }
    *at++ = '\'';
    *at = '\0';
    return quoted;
}

char *text_size(uint64_t bytes)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    double size = (double)bytes;
    size_t unit = 0;
    while (size >= 1024 && unit + 1 < sizeof(units) / sizeof(units[0])) {
        size /= 1024;
        unit++;
    }
    if (unit == 0)
        return text_format("%" PRIu64 " B", bytes);
    return text_format("%.1f %s", size, units[unit]);
}

char *text_hex(struct bytes b)
{
    char *text = text_alloc(b.size * 2 + 1);
    for (size_t i = 0; i < b.size; i++)
        snprintf(text + i * 2, 3, "%02x", b.data[i]);
    return text;
}

/* ---- From people --------------------------------------------------------------------------- */

/* Digits, perhaps with a point among them, and where they end. No sign, exponent or locale. */
static int parse_decimal(const char *text, const char **out_end, double *out)
{
    double number = 0;
    double unit = 1;
    size_t digits = 0;
    bool after_point = false;
    for (;; text++) {
        if (*text == '.' && !after_point) {
            after_point = true;
        } else if (*text >= '0' && *text <= '9') {
            digits++;
            number = number * 10 + (*text - '0');
            unit = after_point ? unit * 10 : unit;
        } else {
            break;
        }
    }
    /* So that neither number nor unit can overflow or lose what matters. */
    if (digits == 0 || digits > 15)
        return ERR_INVALID;
    *out_end = text;
    *out = number / unit;
    return 0;
}

int text_parse_duration(const char *text, uint32_t *out_ms)
{
    static const struct {
        const char *name;
        double ms;
    } units[] = {{"us", 0.001}, {"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}};
    double number = 0;
    TRY(parse_decimal(text, &text, &number));
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (strcmp(text, units[i].name) != 0)
            continue;
        double ms = number * units[i].ms;
        if (ms > DURATION_MS_MAX)
            return ERR_INVALID;
        uint32_t whole = (uint32_t)ms;
        *out_ms = whole + (ms > whole);
        return 0;
    }
    return ERR_INVALID;
}

int text_parse_ratio(const char *text, uint32_t *out_ppm)
{
    double number = 0;
    TRY(parse_decimal(text, &text, &number));
    if (*text != '\0' || number > 1)
        return ERR_INVALID;
    *out_ppm = (uint32_t)(number * PPM_MAX + 0.5);
    return 0;
}

/* -1: it is none. */
static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)tolower((unsigned char)c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

#define HEX_PREFIX "hex:"

int text_parse_client_id(const char *text, uint8_t *out, size_t size_max, size_t *out_size)
{
    size_t size = strlen(text);
    if (strncmp(text, HEX_PREFIX, strlen(HEX_PREFIX)) != 0) {
        if (size == 0 || size > size_max)
            return ERR_INVALID;
        for (size_t i = 0; i < size; i++)
            out[i] = (uint8_t)text[i];
        *out_size = size;
        return 0;
    }
    text += strlen(HEX_PREFIX);
    size -= strlen(HEX_PREFIX);
    if (size == 0 || size % 2 != 0 || size / 2 > size_max)
        return ERR_INVALID;
    for (size_t i = 0; i < size; i += 2) {
        int high = hex_digit(text[i]);
        int low = hex_digit(text[i + 1]);
        if (high < 0 || low < 0)
            return ERR_INVALID;
        out[i / 2] = (uint8_t)(high * 16 + low);
    }
    *out_size = size / 2;
    return 0;
}

char *text_client_id(struct bytes id)
{
    bool is_plain_word = id.size > 0;
    for (size_t i = 0; i < id.size; i++)
        is_plain_word = is_plain_word && id.data[i] > ' ' && id.data[i] < 0x7f;
    bool looks_like_hex =
        id.size >= strlen(HEX_PREFIX) && memcmp(id.data, HEX_PREFIX, strlen(HEX_PREFIX)) == 0;
    if (is_plain_word && !looks_like_hex)
        return text_format("%.*s", (int)id.size, (const char *)id.data);
    char *hex = text_hex(id);
    char *text = text_format(HEX_PREFIX "%s", hex);
    free(hex);
    return text;
}
