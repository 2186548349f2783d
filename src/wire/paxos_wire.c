/* paxos_wire.c -- FetchChosen; see paxos_wire.h. The envelopes are in message_wire.c. */
#include "wire/paxos_wire.h"

#include <inttypes.h>

#include "wire/checks.h"

/* Numbers of repeated fields that are taken apart by hand. */
#define CHOSEN_SLOTS 1
#define CHOSEN_NEXT 2

/* ---- FetchChosen --------------------------------------------------------------------------- */

int wire_encode_fetch(const struct wire_fetch *f, struct buf *out)
{
    Dkv__V1__FetchChosenRequest request = DKV__V1__FETCH_CHOSEN_REQUEST__INIT;
    Dkv__V1__Hello hello;
    uint32_t ids[MEMBERS_MAX];
    hello_to_pb(&f->hello, ids, &hello);
    request.from = f->from;
    request.to = f->to;
    request.hello = &hello;
    return wire_pack(&request.base, out);
}

int wire_decode_fetch(struct bytes in, struct wire_arena *arena, struct wire_fetch *out_fetch,
                      struct wire_error *error)
{
    const void *unpacked;
    TRY(wire_unpack(&dkv__v1__fetch_chosen_request__descriptor, in, WIRE_FIELDS_MAX, arena,
                    &unpacked, error));
    const Dkv__V1__FetchChosenRequest *request = unpacked;
    struct wire_fetch f = {.from = request->from, .to = request->to};
    TRY(check_number("first slot", f.from, 1, error));
    TRY(check_number("last slot", f.to, f.from, error));
    TRY(hello_from_pb(request->hello, &f.hello, error));
    *out_fetch = f;
    return 0;
}

int wire_chosen_add(struct wire_list *answer, uint64_t slot, enum value_kind kind, struct tag tag,
                    struct bytes bytes)
{
    Dkv__V1__ChosenSlot out = DKV__V1__CHOSEN_SLOT__INIT;
    out.slot = slot;
    out.value_kind = (Dkv__V1__ValueKind)kind;
    out.tag_node = tag.node;
    out.tag_boot = tag.boot;
    out.tag_sequence = tag.sequence;
    out.value = wire_binary(bytes);
    return wire_list_add(answer, CHOSEN_SLOTS, &out.base);
}

int wire_chosen_add_noops(struct wire_list *answer, struct interval i)
{
    Dkv__V1__ChosenSlot out = DKV__V1__CHOSEN_SLOT__INIT;
    out.slot = i.first;
    out.to = i.last;
    out.stride = i.stride;
    out.value_kind = DKV__V1__VALUE_KIND__VALUE_KIND_NOOP;
    return wire_list_add(answer, CHOSEN_SLOTS, &out.base);
}

int wire_chosen_end(struct wire_list *answer, uint64_t next)
{
    Dkv__V1__FetchChosenResponse end = DKV__V1__FETCH_CHOSEN_RESPONSE__INIT;
    end.next = next;
    return wire_pack(&end.base, &answer->buf);
}

int wire_chosen_begin(struct bytes in, uint64_t from, uint64_t to, struct wire_chosen *out_chosen,
                      struct wire_error *error)
{
    if (in.size > WIRE_MESSAGE_SIZE_MAX)
        return wire_refuse(error, "answer has %zu bytes; it has at most %zu", in.size,
                           WIRE_MESSAGE_SIZE_MAX);
    struct wire_chosen c = {.rest = in, .from = from, .above = from, .to = to};
    struct bytes rest = in;
    while (rest.size > 0) {
        struct field f;
        TRY(wire_take_field(&rest, &f, error));
        if (f.number == CHOSEN_NEXT && f.type == FIELD_VARINT)
            c.next = f.varint;
    }
    if (c.next != 0 && (c.next <= from || c.next > to))
        return wire_refuse(error, "next is %" PRIu64 "; it is above the first slot asked for",
                           c.next);
    *out_chosen = c;
    return 0;
}

static int chosen_interval(const struct wire_chosen *c, const Dkv__V1__ChosenSlot *in,
                           struct message *out_message, struct wire_error *error)
{
    TRY(check_interval(in->slot, in->to, in->stride, error));
    if (in->slot < c->from || in->to > c->to)
        return wire_refuse(error, "slots %" PRIu64 " to %" PRIu64 " were not asked for", in->slot,
                           in->to);
    if (in->value_kind != DKV__V1__VALUE_KIND__VALUE_KIND_NOOP || in->value.len > 0 ||
        in->tag_node != 0 || in->tag_boot != 0 || in->tag_sequence != 0)
        return wire_refuse(error, "slots %" PRIu64 " to %" PRIu64 " hold more than NOOP", in->slot,
                           in->to);
    *out_message = (struct message){
        .kind = MESSAGE_CHOSEN,
        .interval = {.first = in->slot, .last = in->to, .stride = in->stride},
        .value = value_noop(),
    };
    return 0;
}

int wire_chosen_next(struct wire_chosen *c, struct wire_arena *arena, struct message *out_message,
                     struct wire_error *error)
{
    struct bytes raw;
    TRY(wire_list_next(&c->rest, CHOSEN_SLOTS, &raw, error));
    if (c->count >= WIRE_LIST_COUNT_MAX)
        return wire_refuse(error, "answer has more than %d slots", WIRE_LIST_COUNT_MAX);
    c->count++;
    const void *unpacked;
    TRY(wire_unpack(&dkv__v1__chosen_slot__descriptor, raw, WIRE_FIELDS_MAX, arena, &unpacked,
                    error));
    const Dkv__V1__ChosenSlot *in = unpacked;
    if (in->to != 0 || in->stride != 0)
        return chosen_interval(c, in, out_message, error);
    if (in->slot < c->above || in->slot > c->to)
        return wire_refuse(error, "slot %" PRIu64 " was not asked for, or is out of order",
                           in->slot);
    if (in->value_kind == 0)
        return wire_refuse(error, "slot %" PRIu64 " has no value", in->slot);
    struct tag tag = {.node = in->tag_node, .boot = in->tag_boot, .sequence = in->tag_sequence};
    struct message m = {.kind = MESSAGE_CHOSEN, .slot = in->slot};
    TRY(check_value((uint64_t)in->value_kind, tag, wire_bytes(in->value), &m.value, error));
    c->above = in->slot + 1;
    *out_message = m;
    return 0;
}
