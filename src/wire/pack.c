/* pack.c -- see pack.h. */
#include "wire/pack.h"

#include <assert.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/*
 * What unpacking costs, at most, per field: protobuf-c's own note of it (which is in arrays that
 * double), a pointer to it, and the struct that it becomes. And per message: the outermost struct.
 */
#define COST_PER_FIELD ((size_t)512)
#define COST_PER_MESSAGE ((size_t)4096)

int wire_refuse(struct wire_error *error, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    (void)vsnprintf(error->text, sizeof(error->text), format, args);
    va_end(args);
    return ERR_INVALID;
}

int wire_refuse_bytes(struct wire_error *error)
{
    (void)wire_refuse(error, "these bytes are no protobuf message of the kind expected here");
    return ERR_INVALID;
}

static int take_bytes(struct bytes *in, uint64_t size, struct bytes *out)
{
    if (size > in->size)
        return ERR_INVALID;
    *out = bytes_slice(*in, 0, (size_t)size);
    *in = bytes_slice(*in, (size_t)size, in->size - (size_t)size);
    return 0;
}

static int take_content(struct bytes *in, uint64_t type, struct field *f)
{
    uint64_t size;
    switch (type) {
    case FIELD_VARINT:
        return varint_take(in, &f->varint);
    case FIELD_FIXED64:
        return take_bytes(in, 8, &f->bytes);
    case FIELD_FIXED32:
        return take_bytes(in, 4, &f->bytes);
    case FIELD_BYTES:
        TRY(varint_take(in, &size));
        return take_bytes(in, size, &f->bytes);
    default: /* Groups are none of ours. */
        return ERR_INVALID;
    }
}

int wire_take_field(struct bytes *in, struct field *out_field, struct wire_error *error)
{
    assert(in->size > 0);
    struct field f = {0};
    struct bytes rest = *in;
    uint64_t head;
    if (varint_take(&rest, &head) != 0 || head >> 3 == 0 || head >> 3 > FIELD_NUMBER_MAX)
        return wire_refuse_bytes(error);
    f.number = (uint32_t)(head >> 3);
    f.type = (enum field_type)(head & 7);
    if (take_content(&rest, head & 7, &f) != 0)
        return wire_refuse_bytes(error);
    *in = rest;
    *out_field = f;
    return 0;
}

static const ProtobufCFieldDescriptor *field_of(const ProtobufCMessageDescriptor *type,
                                                uint32_t number)
{
    for (unsigned i = 0; type != NULL && i < type->n_fields; i++) {
        if (type->fields[i].id == number)
            return &type->fields[i];
    }
    return NULL;
}

static bool is_number_array(const ProtobufCFieldDescriptor *d)
{
    return d->label == PROTOBUF_C_LABEL_REPEATED && d->type != PROTOBUF_C_TYPE_STRING &&
           d->type != PROTOBUF_C_TYPE_BYTES && d->type != PROTOBUF_C_TYPE_MESSAGE;
}

int wire_count_fields(const ProtobufCMessageDescriptor *type, struct bytes in, size_t max,
                      size_t *count, struct wire_error *error)
{
    while (in.size > 0) {
        struct field f;
        TRY(wire_take_field(&in, &f, error));
        const ProtobufCFieldDescriptor *d = f.type == FIELD_BYTES ? field_of(type, f.number) : NULL;
        size_t elements = d != NULL && is_number_array(d) ? f.bytes.size : 0;
        if (*count >= max || elements > max - *count - 1)
            return wire_refuse(error, "message has more than %zu fields", max);
        *count += 1 + elements;
        if (d != NULL && d->type == PROTOBUF_C_TYPE_MESSAGE)
            TRY(wire_count_fields(d->descriptor, f.bytes, max, count, error));
    }
    return 0;
}

static void *allocator_alloc(void *arena, size_t size)
{
    return wire_arena_alloc(arena, size);
}

static void allocator_free(void *arena, void *block)
{
    (void)arena; /* All at once, at the end. */
    (void)block;
}

int wire_unpack(const ProtobufCMessageDescriptor *type, struct bytes in, size_t fields_max,
                struct wire_arena *arena, const void **out_message, struct wire_error *error)
{
    if (in.size > WIRE_MESSAGE_SIZE_MAX)
        return wire_refuse(error, "message has %zu bytes; a message has at most %zu", in.size,
                           WIRE_MESSAGE_SIZE_MAX);
    size_t count = 0;
    TRY(wire_count_fields(type, in, fields_max, &count, error));
    wire_arena_begin(arena, 2 * in.size + COST_PER_FIELD * count + COST_PER_MESSAGE);
    ProtobufCAllocator allocator = {
        .alloc = allocator_alloc, .free = allocator_free, .allocator_data = arena};
    static const uint8_t nothing;
    const ProtobufCMessage *m =
        protobuf_c_message_unpack(type, &allocator, in.size, in.size == 0 ? &nothing : in.data);
    if (m == NULL && arena->err == ERR_NO_MEMORY)
        return ERR_NO_MEMORY;
    if (m == NULL)
        return wire_refuse_bytes(error);
    *out_message = m;
    return 0;
}

int wire_pack(const ProtobufCMessage *message, struct buf *out)
{
    size_t size = protobuf_c_message_get_packed_size(message);
    if (size == 0)
        return 0;
    TRY(buf_reserve(out, size));
    size_t packed = protobuf_c_message_pack(message, out->data + out->size);
    assert(packed == size);
    out->size += packed;
    return 0;
}

int wire_list_begin(struct wire_list *list, uint32_t number, size_t size, uint8_t **out_at)
{
    assert(number < 16);
    size_t whole = field_bytes_size(number, size);
    size_t size_max = list->size_max == 0 ? WIRE_LIST_SIZE_MAX : list->size_max;
    size_t room = size_max - list->buf.size;
    assert(whole <= WIRE_LIST_SIZE_MAX && (list->count > 0 || whole <= room));
    if (list->count >= WIRE_LIST_COUNT_MAX || whole > room)
        return ERR_FULL;
    TRY(buf_reserve(&list->buf, whole));
    *out_at = field_bytes_put_head(list->buf.data + list->buf.size, number, size);
    list->buf.size += whole;
    list->count++;
    return 0;
}

int wire_list_add(struct wire_list *list, uint32_t number, const ProtobufCMessage *message)
{
    uint8_t *at;
    size_t size = protobuf_c_message_get_packed_size(message);
    TRY(wire_list_begin(list, number, size, &at));
    size_t packed = protobuf_c_message_pack(message, at);
    assert(packed == size);
    return 0;
}

int wire_list_next(struct bytes *rest, uint32_t number, struct bytes *out_element,
                   struct wire_error *error)
{
    while (rest->size > 0) {
        struct field f;
        TRY(wire_take_field(rest, &f, error));
        if (f.number != number)
            continue;
        if (f.type != FIELD_BYTES)
            return wire_refuse_bytes(error);
        *out_element = f.bytes;
        return 0;
    }
    return ERR_NOT_FOUND;
}

int wire_array(struct wire_arena *arena, size_t count, size_t size, void **out_array,
               struct wire_error *error)
{
    void *array = NULL;
    if (count > 0) {
        array = wire_arena_alloc(arena, count * size);
        if (array == NULL)
            return arena->err == ERR_NO_MEMORY ? ERR_NO_MEMORY
                                               : wire_refuse(error, "message lists too much");
        memset(array, 0, count * size);
    }
    *out_array = array;
    return 0;
}

ProtobufCBinaryData wire_binary(struct bytes b)
{
    return (ProtobufCBinaryData){.len = b.size, .data = (uint8_t *)b.data};
}

char *wire_string(const char *text)
{
    return (char *)text;
}

struct bytes wire_bytes(ProtobufCBinaryData b)
{
    return (struct bytes){.data = b.data, .size = b.len};
}
