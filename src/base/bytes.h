/*
 * bytes.h -- runs of bytes: borrowed (struct bytes) and owned (struct buf).
 *
 * Keys and values are bytes, never strings: NUL, newlines and invalid UTF-8 are ordinary.
 * A struct bytes is good for the duration of a call; a header that keeps one longer says so.
 */
#ifndef DKV_BASE_BYTES_H
#define DKV_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* Borrowed. data may be NULL when size is 0. */
struct bytes {
    const uint8_t *data;
    size_t size;
};

/* Owned, growable, from pool.h. All zero is an empty one. Invariant: size <= capacity. */
struct buf {
    uint8_t *data;
    size_t size;
    size_t capacity;
};

/* Bytes of a C string, without its NUL. Borrowed from it. */
struct bytes bytes_of(const char *text);

/* Same length and same content. */
bool bytes_equal(struct bytes a, struct bytes b);

/* memcmp order, a prefix before what it begins: < 0, 0, > 0. */
int bytes_cmp(struct bytes a, struct bytes b);

/* The n bytes from offset. Asserts that they are inside. */
struct bytes bytes_slice(struct bytes b, size_t offset, size_t n);

/* The content of a buf, borrowed until it next changes. */
struct bytes buf_bytes(const struct buf *b);

/* Room for `extra` more bytes behind size. ERR_NO_MEMORY leaves b as it was. */
int buf_reserve(struct buf *b, size_t extra) MUST_CHECK;

/* ERR_NO_MEMORY leaves b as it was. */
int buf_append(struct buf *b, struct bytes more) MUST_CHECK;
int buf_append_u8(struct buf *b, uint8_t v) MUST_CHECK;
int buf_append_be32(struct buf *b, uint32_t v) MUST_CHECK;
int buf_append_be64(struct buf *b, uint64_t v) MUST_CHECK;

/* Empty it, and keep the memory. */
void buf_clear(struct buf *b);

/* Free the memory; b is empty and usable afterwards. */
void buf_fini(struct buf *b);

#endif
