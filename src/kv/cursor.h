/*
 * cursor.h -- taking fields off the front of some bytes. ERR_INVALID: there are not that many.
 */
#ifndef DKV_KV_CURSOR_H
#define DKV_KV_CURSOR_H

#include <stdint.h>

#include "base/be.h"
#include "base/bytes.h"
#include "base/err.h"

MUST_CHECK static inline int cursor_take(struct bytes *in, size_t n, struct bytes *out)
{
    if (in->size < n)
        return ERR_INVALID;
    *out = bytes_slice(*in, 0, n);
    *in = bytes_slice(*in, n, in->size - n);
    return 0;
}

MUST_CHECK static inline int cursor_u8(struct bytes *in, uint8_t *out)
{
    struct bytes raw;
    TRY(cursor_take(in, 1, &raw));
    *out = raw.data[0];
    return 0;
}

MUST_CHECK static inline int cursor_be32(struct bytes *in, uint32_t *out)
{
    struct bytes raw;
    TRY(cursor_take(in, 4, &raw));
    *out = be32_load(raw.data);
    return 0;
}

MUST_CHECK static inline int cursor_be64(struct bytes *in, uint64_t *out)
{
    struct bytes raw;
    TRY(cursor_take(in, 8, &raw));
    *out = be64_load(raw.data);
    return 0;
}

#endif
