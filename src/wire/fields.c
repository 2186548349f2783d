/* fields.c -- see fields.h. */
#include "wire/fields.h"

#include "wire/pack.h"

int varint_take_long(struct bytes *in, uint64_t *out)
{
    uint64_t v = 0;
    for (size_t i = 0; i < in->size && i < VARINT_SIZE_MAX; i++) {
        v |= (uint64_t)(in->data[i] & 0x7f) << (7 * i);
        if ((in->data[i] & 0x80) == 0) {
            in->data += i + 1;
            in->size -= i + 1;
            *out = v;
            return 0;
        }
    }
    return ERR_INVALID;
}

/* A field that is no number. */
static int fields_take_other(struct bytes *in, uint64_t type, uint32_t bit,
                             const struct fields_shape *shape, struct fields *f)
{
    uint64_t size = type == FIELD_FIXED64 ? 8 : 4;
    if (type == FIELD_BYTES)
        TRY(varint_take(in, &size));
    else if (type != FIELD_FIXED64 && type != FIELD_FIXED32)
        return ERR_INVALID; /* Groups are none of ours. */
    uint32_t wanted = type == FIELD_BYTES ? shape->bytes | shape->repeated : 0;
    uint32_t known = shape->numbers | shape->bytes | shape->repeated;
    if (size > in->size || (bit & known & ~wanted) != 0)
        return ERR_INVALID;
    if ((bit & shape->bytes) != 0)
        f->bytes = (struct bytes){.data = in->data, .size = (size_t)size};
    if ((bit & shape->repeated) != 0)
        f->repeated++;
    f->has |= bit & wanted;
    in->data += size;
    in->size -= (size_t)size;
    return 0;
}

static int fields_take_one(struct bytes *in, const struct fields_shape *shape, struct fields *f)
{
    uint64_t head;
    uint64_t v;
    TRY(varint_take(in, &head));
    uint64_t number = head >> 3;
    if (number == 0 || number > FIELD_NUMBER_MAX)
        return ERR_INVALID;
    uint32_t bit = number < FIELDS_MAX ? FIELD(number) : 0;
    if ((head & 7) != FIELD_VARINT)
        return fields_take_other(in, head & 7, bit, shape, f);
    TRY(varint_take(in, &v));
    if ((bit & (shape->bytes | shape->repeated)) != 0)
        return ERR_INVALID;
    if ((bit & shape->numbers) == 0)
        return 0;
    /* Of a number that is there twice, the last one counts. */
    f->numbers[number] = v;
    f->has = v != 0 ? f->has | bit : f->has & ~bit;
    return 0;
}

int fields_take(struct bytes in, const struct fields_shape *shape, struct fields *out_fields,
                struct wire_error *error)
{
    *out_fields = (struct fields){0};
    while (in.size > 0) {
        if (fields_take_one(&in, shape, out_fields) != 0)
            return wire_refuse_bytes(error);
    }
    return 0;
}
