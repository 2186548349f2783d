/*
 * pack.h -- protobuf-c, kept in bounds. Of wire/ only.
 *
 * protobuf-c takes as much memory as the sender likes (4 MiB of empty submessages cost 208 MiB),
 * so every message is walked first, by hand: is it well-formed, and how many fields does it have,
 * at all levels together? Only then is it unpacked, into an arena with a bound that follows from
 * that count. No message of ours is recursive, so the walk is as deep as the .proto, at most.
 */
#ifndef DKV_WIRE_PACK_H
#define DKV_WIRE_PACK_H

#include <protobuf-c/protobuf-c.h>

#include "wire/fields.h"
#include "wire/wire.h"

/* Fields of a message that lists nothing: far above what any of ours has. */
#define WIRE_FIELDS_MAX ((size_t)128)

#define FIELD_NUMBER_MAX ((UINT64_C(1) << 29) - 1)

/* One field as it stands in the bytes of a message. */
struct field {
    uint32_t number;
    enum field_type type;
    uint64_t varint;    /* VARINT */
    struct bytes bytes; /* BYTES: borrowed. */
};

/* Say what is wrong; returns ERR_INVALID. */
int wire_refuse(struct wire_error *error, const char *format, ...)
    __attribute__((format(printf, 2, 3), cold));

/* Say that they are no protobuf message; returns ERR_INVALID. */
int wire_refuse_bytes(struct wire_error *error) __attribute__((cold));

/* Take the first field off *in, which is not empty. */
int wire_take_field(struct bytes *in, struct field *out_field, struct wire_error *error) MUST_CHECK;

/*
 * Walk a message of that type (NULL: one without fields) and the messages inside; add the number
 * of fields to *count. ERR_INVALID: not well-formed, or *count would pass `max`. An element of a
 * packed array counts as a field for each of its bytes.
 */
int wire_count_fields(const ProtobufCMessageDescriptor *type, struct bytes in, size_t max,
                      size_t *count, struct wire_error *error) MUST_CHECK;

/* Unpack into the arena, which is emptied first. *out_message is of the C type of `type`. */
int wire_unpack(const ProtobufCMessageDescriptor *type, struct bytes in, size_t fields_max,
                struct wire_arena *arena, const void **out_message,
                struct wire_error *error) MUST_CHECK;

/* Append a message's bytes. */
int wire_pack(const ProtobufCMessage *message, struct buf *out) MUST_CHECK;

/*
 * Make room for one more element of the repeated field `number`, which is below 16: *out_at is
 * where its `size` bytes are to be written, all of them, before anything else is done with the
 * list. ERR_FULL, ERR_NO_MEMORY.
 */
int wire_list_begin(struct wire_list *list, uint32_t number, size_t size,
                    uint8_t **out_at) MUST_CHECK;

/* Append a message as one more element of the repeated field `number`, which is below 16. */
int wire_list_add(struct wire_list *list, uint32_t number,
                  const ProtobufCMessage *message) MUST_CHECK;

/*
 * Take the next element of the repeated field `number` off *rest, and pass over all else.
 * ERR_NOT_FOUND: there is no more.
 */
int wire_list_next(struct bytes *rest, uint32_t number, struct bytes *out_element,
                   struct wire_error *error) MUST_CHECK;

/* Memory of the arena for `count` elements, zeroed. NULL stands for none, when count is 0. */
int wire_array(struct wire_arena *arena, size_t count, size_t size, void **out_array,
               struct wire_error *error) MUST_CHECK;

/* protobuf-c takes pointers to what is not const, and never writes to it. */
ProtobufCBinaryData wire_binary(struct bytes b);
char *wire_string(const char *text);

struct bytes wire_bytes(ProtobufCBinaryData b);

#endif
