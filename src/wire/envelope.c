/* envelope.c -- envelopes are cut and taken apart, message by message; see paxos_wire.h. */
#include "wire/envelope.h"

#include <assert.h>
#include <string.h>

#include "wire/pack.h"
#include "wire/paxos_wire.h"

int wire_envelope_take(struct wire_list *envelope, size_t alone, struct buf *out)
{
    struct bytes all = buf_bytes(&envelope->buf);
    struct bytes rest = all;
    uint32_t count = 0;
    for (size_t last = 0; rest.size > 0 && last <= alone; count++) {
        struct bytes next = rest;
        struct bytes raw;
        struct wire_error error;
        int err = wire_list_next(&next, ENVELOPE_MESSAGES, &raw, &error);
        assert(err == 0);
        (void)err;
        last = rest.size - next.size;
        bool is_full = all.size - next.size > WIRE_LIST_SIZE_MAX;
        if (count > 0 && (last > alone || is_full))
            break;
        rest = next;
    }
    assert(count > 0);
    TRY(buf_append(out, (struct bytes){.data = all.data, .size = all.size - rest.size}));
    memmove(envelope->buf.data, rest.data, rest.size);
    envelope->buf.size = rest.size;
    envelope->count -= count;
    return 0;
}

int wire_envelope_begin(struct bytes in, struct wire_envelope *out_envelope,
                        struct wire_error *error)
{
    if (in.size > WIRE_LIST_SIZE_MAX)
        return wire_refuse(error, "envelope has %zu bytes; it has at most %zu", in.size,
                           WIRE_LIST_SIZE_MAX);
    *out_envelope = (struct wire_envelope){.rest = in};
    return 0;
}

int wire_envelope_next(struct wire_envelope *e, struct bytes *out_raw, struct wire_error *error)
{
    struct bytes raw;
    TRY(wire_list_next(&e->rest, ENVELOPE_MESSAGES, &raw, error));
    if (e->count >= WIRE_LIST_COUNT_MAX)
        return wire_refuse(error, "envelope has more than %d messages", WIRE_LIST_COUNT_MAX);
    e->count++;
    *out_raw = raw;
    return 0;
}
