/* bytes.c -- see bytes.h. */
#include "base/bytes.h"

#include <assert.h>
#include <string.h>

#include "base/be.h"
#include "base/pool.h"

#define CAPACITY_MIN 8

struct bytes bytes_of(const char *text)
{
    assert(text != NULL);
    size_t size = 0;
    while (text[size] != '\0')
        size++;
    return (struct bytes){.data = (const uint8_t *)text, .size = size};
}

bool bytes_equal(struct bytes a, struct bytes b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

int bytes_cmp(struct bytes a, struct bytes b)
{
    size_t shorter = a.size < b.size ? a.size : b.size;
    int order = shorter == 0 ? 0 : memcmp(a.data, b.data, shorter);
    if (order != 0)
        return order;
    return (a.size > b.size) - (a.size < b.size);
}

struct bytes bytes_slice(struct bytes b, size_t offset, size_t n)
{
    assert(offset <= b.size);
    assert(n <= b.size - offset);
    return (struct bytes){.data = n == 0 ? b.data : b.data + offset, .size = n};
}

struct bytes buf_bytes(const struct buf *b)
{
    return (struct bytes){.data = b->data, .size = b->size};
}

int buf_reserve(struct buf *b, size_t extra)
{
    assert(b->size <= b->capacity);
    if (extra > SIZE_MAX - b->size)
        return ERR_NO_MEMORY;
    size_t needed = b->size + extra;
    if (needed <= b->capacity)
        return 0;
    size_t capacity = b->capacity < CAPACITY_MIN ? CAPACITY_MIN : b->capacity * 2;
    capacity = capacity < needed ? needed : capacity;
    void *data = pool_realloc(b->data, b->capacity, capacity);
    if (data == NULL)
        return ERR_NO_MEMORY;
    b->data = data;
    b->capacity = capacity;
    return 0;
}

int buf_append(struct buf *b, struct bytes more)
{
    if (more.size == 0)
        return 0;
    TRY(buf_reserve(b, more.size));
    memcpy(b->data + b->size, more.data, more.size);
    b->size += more.size;
    return 0;
}

int buf_append_u8(struct buf *b, uint8_t v)
{
    return buf_append(b, (struct bytes){.data = &v, .size = 1});
}

int buf_append_be32(struct buf *b, uint32_t v)
{
    uint8_t raw[4];
    be32_store(raw, v);
    return buf_append(b, (struct bytes){.data = raw, .size = sizeof(raw)});
}

int buf_append_be64(struct buf *b, uint64_t v)
{
    uint8_t raw[8];
    be64_store(raw, v);
    return buf_append(b, (struct bytes){.data = raw, .size = sizeof(raw)});
}

void buf_clear(struct buf *b)
{
    b->size = 0;
}

void buf_fini(struct buf *b)
{
    pool_free(b->data, b->capacity);
    *b = (struct buf){0};
}
