/* batch_wire.c -- see batch_wire.h. */
#include "wire/batch_wire.h"

#include <assert.h>
#include <string.h>

#include "dkv/v1/kv.pb-c.h"
#include "wire/fields.h"
#include "wire/kv_messages.h"
#include "wire/pack.h"

/* Numbers of the fields that are taken apart by hand. */
enum {
    LIST_ELEMENTS = 1, /* BatchRequest.ops, BatchResponse.answers */
    LIST_ALONE = 2,    /* BatchRequest.alone */
    NUMBER = 1,        /* BatchOp, BatchAnswer */
    OP_TIMEOUT = 2,
    OP_GET = 3,
    OP_PUT = 4,
    OP_APPEND = 5,
    OP_DELETE = 6,
    OP_CAS = 7,
    ANSWER_GET = 2,
    ANSWER_WRITE = 3,
    ANSWER_ERROR = 4,
    ERROR_CODE = 1,
    ERROR_MESSAGE = 2,
    ERROR_REASON = 3,
    ERROR_RETRY_AFTER = 4,
};

#define CODE_MAX 16

/* ---- Making -------------------------------------------------------------------------------- */

/* Packs once what protobuf-c would measure and move at each level. */
static int add(struct wire_list *list, uint64_t number, uint32_t timeout_ms, uint32_t field,
               const ProtobufCMessage *message)
{
    if (list->count >= WIRE_BATCH_OPS_MAX)
        return ERR_FULL;
    uint8_t head[2 * (2 + VARINT_SIZE_MAX)];
    uint8_t *end = field_put(field_put(head, NUMBER, number), OP_TIMEOUT, timeout_ms);
    size_t head_size = (size_t)(end - head);
    size_t size = protobuf_c_message_get_packed_size(message);
    uint8_t *at;
    TRY(wire_list_begin(list, LIST_ELEMENTS, head_size + field_bytes_size(field, size), &at));
    memcpy(at, head, head_size);
    at = field_bytes_put_head(at + head_size, field, size);
    size_t packed = protobuf_c_message_pack(message, at);
    assert(packed == size);
    return 0;
}

int wire_batch_add_get(struct wire_list *list, uint64_t number, uint32_t timeout_ms,
                       const struct wire_get *get)
{
    Dkv__V1__GetRequest m;
    kv_put_get(get, &m);
    return add(list, number, timeout_ms, OP_GET, &m.base);
}

static uint32_t field_of_kind(enum command_kind kind)
{
    switch (kind) {
    case COMMAND_PUT:
        return OP_PUT;
    case COMMAND_APPEND:
        return OP_APPEND;
    case COMMAND_DELETE:
        return OP_DELETE;
    case COMMAND_CAS:
        return OP_CAS;
    }
    assert(!"a known kind");
    return 0;
}

int wire_batch_add_write(struct wire_list *list, uint64_t number, uint32_t timeout_ms,
                         const struct command *c)
{
    struct kv_write_message m;
    return add(list, number, timeout_ms, field_of_kind(c->kind), kv_put_write(c, &m));
}

int wire_batch_add_alone(struct wire_list *list)
{
    uint8_t field[2 + VARINT_SIZE_MAX];
    uint8_t *end = field_put(field, LIST_ALONE, true);
    return buf_append(&list->buf, (struct bytes){field, (size_t)(end - field)});
}

int wire_batch_add_get_answer(struct wire_list *list, uint64_t number,
                              const struct wire_get_answer *a)
{
    Dkv__V1__GetResponse m;
    kv_put_get_answer(a, &m);
    return add(list, number, 0, ANSWER_GET, &m.base);
}

int wire_batch_add_write_answer(struct wire_list *list, uint64_t number,
                                const struct wire_write_answer *a)
{
    Dkv__V1__WriteResponse m;
    kv_put_write_answer(a, &m);
    return add(list, number, 0, ANSWER_WRITE, &m.base);
}

int wire_batch_add_error(struct wire_list *list, uint64_t number, const struct wire_batch_error *e)
{
    assert(e->code >= 1 && e->code <= CODE_MAX);
    Dkv__V1__BatchError m = DKV__V1__BATCH_ERROR__INIT;
    m.code = e->code;
    if (e->text != NULL)
        m.message = wire_string(e->text);
    if (e->reason != NULL)
        m.reason = wire_string(e->reason);
    m.retry_after_ms = e->retry_after_ms;
    return add(list, number, 0, ANSWER_ERROR, &m.base);
}

/* ---- Taking apart -------------------------------------------------------------------------- */

int wire_batch_begin(struct bytes in, struct wire_batch_head *out_head, struct wire_error *error)
{
    if (in.size > WIRE_MESSAGE_SIZE_MAX)
        return wire_refuse(error, "message has %zu bytes; a message has at most %zu", in.size,
                           WIRE_MESSAGE_SIZE_MAX);
    *out_head = (struct wire_batch_head){0};
    while (in.size > 0) {
        struct field f;
        TRY(wire_take_field(&in, &f, error));
        if (f.number == LIST_ALONE && f.type == FIELD_VARINT)
            out_head->alone = f.varint != 0;
        if (f.number != LIST_ELEMENTS)
            continue;
        if (f.type != FIELD_BYTES)
            return wire_refuse_bytes(error);
        if (++out_head->count > WIRE_BATCH_OPS_MAX)
            return wire_refuse(error, "message has more than %d operations", WIRE_BATCH_OPS_MAX);
    }
    return 0;
}

/* Each field of an element has the type that it should have, and stands there as often. */
static int check_field(const struct field *f, enum field_type type, bool again,
                       struct wire_error *error)
{
    if (f->type != type)
        return wire_refuse(error, "field %u of an operation is of another type",
                           (unsigned)f->number);
    if (again)
        return wire_refuse(error, "an operation of a batch is one operation");
    return 0;
}

static int take_op_field(const struct field *f, struct wire_batch_op *op, struct wire_error *error)
{
    switch (f->number) {
    case NUMBER:
        TRY(check_field(f, FIELD_VARINT, false, error));
        op->number = f->varint;
        return 0;
    case OP_TIMEOUT:
        TRY(check_field(f, FIELD_VARINT, false, error));
        op->timeout_ms = (uint32_t)f->varint;
        return 0;
    case OP_GET:
        op->is_get = true;
        break;
    case OP_PUT:
        op->kind = COMMAND_PUT;
        break;
    case OP_APPEND:
        op->kind = COMMAND_APPEND;
        break;
    case OP_DELETE:
        op->kind = COMMAND_DELETE;
        break;
    case OP_CAS:
        op->kind = COMMAND_CAS;
        break;
    default:
        return 0; /* Of a newer client. */
    }
    TRY(check_field(f, FIELD_BYTES, op->is_known, error));
    op->is_known = true;
    op->body = f->bytes;
    return 0;
}

int wire_batch_next_op(struct bytes *rest, struct wire_batch_op *out_op, struct wire_error *error)
{
    struct bytes element;
    TRY(wire_list_next(rest, LIST_ELEMENTS, &element, error));
    struct wire_batch_op op = {0};
    while (element.size > 0) {
        struct field f;
        TRY(wire_take_field(&element, &f, error));
        TRY(take_op_field(&f, &op, error));
    }
    *out_op = op;
    return 0;
}

/* Cut to size - 1 bytes, and at a NUL. */
static void take_text(struct bytes from, char *out, size_t size)
{
    size_t n = from.size < size ? from.size : size - 1;
    if (n > 0)
        memcpy(out, from.data, n);
    out[n] = '\0';
}

static int take_error(struct bytes in, struct wire_batch_answer *a, struct wire_error *error)
{
    uint64_t code = 0;
    while (in.size > 0) {
        struct field f;
        TRY(wire_take_field(&in, &f, error));
        if (f.number == ERROR_CODE && f.type == FIELD_VARINT)
            code = f.varint;
        else if (f.number == ERROR_MESSAGE && f.type == FIELD_BYTES)
            take_text(f.bytes, a->text, sizeof(a->text));
        else if (f.number == ERROR_REASON && f.type == FIELD_BYTES)
            take_text(f.bytes, a->reason, sizeof(a->reason));
        else if (f.number == ERROR_RETRY_AFTER && f.type == FIELD_VARINT)
            a->retry_after_ms = (uint32_t)f.varint;
    }
    if (code < 1 || code > CODE_MAX)
        return wire_refuse(error, "an error's code is 1 to %d", CODE_MAX);
    a->code = (uint32_t)code;
    return 0;
}

static int take_answer_field(const struct field *f, struct wire_batch_answer *a, bool *has_answer,
                             struct wire_error *error)
{
    if (f->number == NUMBER) {
        TRY(check_field(f, FIELD_VARINT, false, error));
        a->number = f->varint;
        return 0;
    }
    if (f->number != ANSWER_GET && f->number != ANSWER_WRITE && f->number != ANSWER_ERROR)
        return 0; /* Of a newer node. */
    TRY(check_field(f, FIELD_BYTES, *has_answer, error));
    *has_answer = true;
    if (f->number == ANSWER_ERROR)
        return take_error(f->bytes, a, error);
    a->is_get = f->number == ANSWER_GET;
    a->body = f->bytes;
    return 0;
}

int wire_batch_next_answer(struct bytes *rest, struct wire_batch_answer *out_answer,
                           struct wire_error *error)
{
    struct bytes element;
    TRY(wire_list_next(rest, LIST_ELEMENTS, &element, error));
    struct wire_batch_answer *a = out_answer;
    a->number = 0;
    a->is_get = false;
    a->body = (struct bytes){0};
    a->code = 0;
    a->text[0] = '\0';
    a->reason[0] = '\0';
    a->retry_after_ms = 0;
    bool has_answer = false;
    while (element.size > 0) {
        struct field f;
        TRY(wire_take_field(&element, &f, error));
        TRY(take_answer_field(&f, a, &has_answer, error));
    }
    if (!has_answer)
        return wire_refuse(error, "an answer of a batch is none that is known");
    return 0;
}
