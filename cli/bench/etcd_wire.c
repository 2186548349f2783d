/* etcd_wire.c -- see etcd_wire.h. */
#include "cli/bench/etcd_wire.h"

#include <assert.h>

enum wire_type {
    TYPE_VARINT = 0,
    TYPE_FIXED64 = 1,
    TYPE_BYTES = 2,
    TYPE_FIXED32 = 5,
};

#define TAG(field, type) ((uint8_t)((field) << 3 | (type)))

#define REQUEST_KEY 1
#define PUT_VALUE 2
#define RANGE_SERIALIZABLE 7
#define RANGE_KVS 2 /* Of the answer; repeated. */

static int append_bytes(struct buf *out, uint8_t field, struct bytes b)
{
    TRY(buf_append_u8(out, TAG(field, TYPE_BYTES)));
    size_t size = b.size;
    for (; size >= 0x80; size >>= 7)
        TRY(buf_append_u8(out, (uint8_t)(size | 0x80)));
    TRY(buf_append_u8(out, (uint8_t)size));
    return buf_append(out, b);
}

int etcd_encode_put(struct bytes key, struct bytes value, struct buf *out)
{
    /* Room at once: a tag and a size of at most 5 bytes before each. */
    TRY(buf_reserve(out, key.size + value.size + 12));
    TRY(append_bytes(out, REQUEST_KEY, key));
    return append_bytes(out, PUT_VALUE, value);
}

int etcd_encode_get(struct bytes key, bool serializable, struct buf *out)
{
    TRY(buf_reserve(out, key.size + 8));
    TRY(append_bytes(out, REQUEST_KEY, key));
    if (!serializable)
        return 0;
    TRY(buf_append_u8(out, TAG(RANGE_SERIALIZABLE, TYPE_VARINT)));
    return buf_append_u8(out, 1);
}

static int take_varint(struct bytes *in, uint64_t *out)
{
    uint64_t value = 0;
    for (size_t i = 0; i < in->size && i < 10; i++) {
        value |= (uint64_t)(in->data[i] & 0x7f) << (7 * i);
        if (in->data[i] < 0x80) {
            *in = bytes_slice(*in, i + 1, in->size - i - 1);
            *out = value;
            return 0;
        }
    }
    return ERR_INVALID;
}

/* Pass over the value of a field. */
static int skip(struct bytes *in, unsigned type)
{
    uint64_t size = 0;
    switch (type) {
    case TYPE_VARINT:
        return take_varint(in, &size);
    case TYPE_FIXED64:
        size = 8;
        break;
    case TYPE_FIXED32:
        size = 4;
        break;
    case TYPE_BYTES:
        TRY(take_varint(in, &size));
        break;
    default:
        return ERR_INVALID;
    }
    if (size > in->size)
        return ERR_INVALID;
    *in = bytes_slice(*in, (size_t)size, in->size - (size_t)size);
    return 0;
}

int etcd_decode_get(struct bytes body, bool *out_found)
{
    bool found = false;
    while (body.size > 0) {
        uint64_t tag = 0;
        TRY(take_varint(&body, &tag));
        found = found || tag == TAG(RANGE_KVS, TYPE_BYTES);
        TRY(skip(&body, (unsigned)(tag & 7)));
    }
    *out_found = found;
    return 0;
}
