/* records.c -- see records.h. */
#define _GNU_SOURCE
#include "cli/records.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"

#define KEY_SIZE_MAX 511
#define VALUE_SIZE_MAX (1024 * 1024)

/* The line at `at`, with its newline. */
static struct bytes line_at(struct bytes text, size_t at)
{
    const uint8_t *end = memchr(text.data + at, '\n', text.size - at);
    size_t size = end != NULL ? (size_t)(end - text.data) - at + 1 : text.size - at;
    return bytes_slice(text, at, size);
}

static bool is_blank(struct bytes line)
{
    return line.size == 1 && line.data[0] == '\n';
}

static bool is_space(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static struct bytes trimmed(struct bytes b)
{
    while (b.size > 0 && is_space(b.data[0]))
        b = bytes_slice(b, 1, b.size - 1);
    while (b.size > 0 && is_space(b.data[b.size - 1]))
        b.size--;
    return b;
}

/* Empty: it has none. */
static struct bytes record_key(struct bytes value, const char *field)
{
    size_t field_size = strlen(field);
    for (size_t at = 0; at < value.size;) {
        struct bytes line = line_at(value, at);
        if (line.size > field_size && line.data[field_size] == ':' &&
            strncasecmp((const char *)line.data, field, field_size) == 0)
            return trimmed(bytes_slice(line, field_size + 1, line.size - field_size - 1));
        at += line.size;
    }
    return (struct bytes){0};
}

static int records_add(struct records *r, struct bytes value, const char *field,
                       char message[RECORDS_MESSAGE_SIZE_MAX])
{
    struct bytes key = record_key(value, field);
    size_t number = r->count + 1;
    if (key.size == 0) {
        snprintf(message, RECORDS_MESSAGE_SIZE_MAX, "record %zu has no field %s", number, field);
        return ERR_INVALID;
    }
    if (key.size > KEY_SIZE_MAX || value.size > VALUE_SIZE_MAX) {
        snprintf(message, RECORDS_MESSAGE_SIZE_MAX,
                 "record %zu is too large: its key has %zu bytes of at most %d, its value %zu of "
                 "at most %d",
                 number, key.size, KEY_SIZE_MAX, value.size, VALUE_SIZE_MAX);
        return ERR_INVALID;
    }
    void *all = r->all;
    TRY(mem_reserve(&all, &r->capacity, r->count + 1, sizeof(*r->all)));
    r->all = all;
    r->all[r->count] = (struct record){.key = key, .value = value};
    r->count++;
    return 0;
}

/* By key, and the later one of two with the same key first. */
static int compare_records(const void *a, const void *b)
{
    const struct record *left = *(struct record *const *)a;
    const struct record *right = *(struct record *const *)b;
    int order = bytes_cmp(left->key, right->key);
    return order != 0 ? order : (left < right) - (left > right);
}

/* Keep the last record of each key, in the order of the text. */
static int records_drop_replaced(struct records *r)
{
    if (r->count == 0)
        return 0;
    struct record **sorted = mem_alloc(r->count * sizeof(struct record *));
    if (sorted == NULL)
        return ERR_NO_MEMORY;
    for (size_t i = 0; i < r->count; i++)
        sorted[i] = &r->all[i];
    qsort(sorted, r->count, sizeof(struct record *), compare_records);
    for (size_t i = r->count - 1; i > 0; i--) {
        if (bytes_equal(sorted[i]->key, sorted[i - 1]->key))
            sorted[i]->key.size = 0;
    }
    mem_free(sorted);
    size_t kept = 0;
    for (size_t i = 0; i < r->count; i++) {
        if (r->all[i].key.size > 0)
            r->all[kept++] = r->all[i];
    }
    r->replaced = r->count - kept;
    r->count = kept;
    return 0;
}

int records_parse(struct bytes text, const char *field, struct records *out,
                  char message[RECORDS_MESSAGE_SIZE_MAX])
{
    struct records r = {0};
    int err = 0;
    for (size_t at = 0; at < text.size && err == 0;) {
        size_t end = at;
        while (end < text.size && !is_blank(line_at(text, end)))
            end += line_at(text, end).size;
        if (end > at)
            err = records_add(&r, bytes_slice(text, at, end - at), field, message);
        at = end + 1;
    }
    if (err == 0)
        err = records_drop_replaced(&r);
    if (err != 0) {
        records_fini(&r);
        return err;
    }
    *out = r;
    return 0;
}

void records_fini(struct records *r)
{
    mem_free(r->all);
    *r = (struct records){0};
}
