/* checks.c -- see checks.h. */
#include "wire/checks.h"

#include <inttypes.h>
#include <string.h>

#include "kv/command.h"

/* ---- Numbers, ballots, tags ---------------------------------------------------------------- */

int check_number(const char *what, uint64_t v, uint64_t min, struct wire_error *error)
{
    if (v >= min && v <= WIRE_NUMBER_MAX)
        return 0;
    return wire_refuse(error, "%s is %" PRIu64 "; it is %" PRIu64 " to %" PRIu64, what, v, min,
                       WIRE_NUMBER_MAX);
}

int check_ballot(const char *what, struct ballot b, bool may_be_none, struct wire_error *error)
{
    if (ballot_is_none(b))
        return may_be_none ? 0 : wire_refuse(error, "%s is missing", what);
    if (b.node == 0 || b.boot == 0)
        return wire_refuse(error, "%s has no node or no boot", what);
    TRY(check_number(what, b.round, 0, error));
    return check_number(what, b.boot, 1, error);
}

int check_tag(struct tag t, struct wire_error *error)
{
    if (t.node == 0 || t.boot == 0 || t.sequence == 0)
        return wire_refuse(error, "tag has no node, no boot or no sequence");
    return 0;
}

int check_interval(uint64_t first, uint64_t last, uint64_t stride, struct wire_error *error)
{
    TRY(check_number("first slot", first, 1, error));
    TRY(check_number("last slot", last, first, error));
    if (last - first >= INTERVAL_SPAN_MAX)
        return wire_refuse(error, "interval spans %" PRIu64 " slots; it spans at most %d",
                           last - first + 1, INTERVAL_SPAN_MAX);
    if (stride < 1 || stride > MEMBERS_MAX)
        return wire_refuse(error, "stride is %" PRIu64 "; it is 1 to %d", stride, MEMBERS_MAX);
    if ((last - first) % stride != 0)
        return wire_refuse(error, "last slot %" PRIu64 " is not in its interval", last);
    return 0;
}

/* ---- Values -------------------------------------------------------------------------------- */

static int check_batch(struct bytes bytes, struct wire_error *error)
{
    if (bytes.size > VALUE_BYTES_MAX)
        return wire_refuse(error, "value has %zu bytes; a value has at most %zu", bytes.size,
                           VALUE_BYTES_MAX);
    uint32_t count;
    if (batch_check(bytes, &count) != 0)
        return wire_refuse(error, "value is no batch of commands");
    return 0;
}

int check_value(uint64_t kind, struct tag tag, struct bytes bytes, struct value **out_value,
                struct wire_error *error)
{
    switch (kind) {
    case 0:
        if (bytes.size > 0)
            return wire_refuse(error, "value has bytes and no kind");
        *out_value = NULL;
        return 0;
    case VALUE_NOOP:
        if (bytes.size > 0 || !tag_is_none(tag))
            return wire_refuse(error, "NOOP has a tag or bytes");
        *out_value = value_noop();
        return 0;
    case VALUE_BARRIER:
        TRY(check_tag(tag, error));
        if (bytes.size > 0)
            return wire_refuse(error, "BARRIER has bytes");
        return value_new(VALUE_BARRIER, tag, bytes, out_value);
    case VALUE_BATCH:
        TRY(check_tag(tag, error));
        TRY(check_batch(bytes, error));
        return value_new(VALUE_BATCH, tag, bytes, out_value);
    default:
        return wire_refuse(error, "value kind %" PRIu64 " is unknown", kind);
    }
}

/* ---- Hello --------------------------------------------------------------------------------- */

void hello_to_pb(const struct hello *h, uint32_t *ids, Dkv__V1__Hello *out)
{
    static const uint8_t nothing[DISK_ID_SIZE];
    bool has_recorded = memcmp(h->recorded, nothing, DISK_ID_SIZE) != 0;
    *out = (Dkv__V1__Hello)DKV__V1__HELLO__INIT;
    out->protocol_version = h->protocol_version;
    out->cluster = wire_binary(bytes_of(h->cluster));
    out->mode = (Dkv__V1__Mode)h->mode;
    memcpy(ids, h->members.ids, sizeof(h->members.ids));
    out->n_members = h->members.count;
    out->members = ids;
    out->id = h->id;
    out->boot = h->boot;
    out->disk_id = wire_binary((struct bytes){.data = h->disk_id, .size = DISK_ID_SIZE});
    out->recorded =
        wire_binary((struct bytes){.data = h->recorded, .size = has_recorded ? DISK_ID_SIZE : 0});
    out->asks = h->asks;
    out->seen_boot = h->seen_boot;
    out->seen_slot = h->seen_slot;
    out->life = h->life;
    out->seen_life = h->seen_life;
}

static int decode_cluster(struct bytes name, struct hello *h, struct wire_error *error)
{
    if (name.size < 1 || name.size > CLUSTER_NAME_SIZE_MAX)
        return wire_refuse(error, "cluster name has %zu bytes; it has 1 to %d", name.size,
                           CLUSTER_NAME_SIZE_MAX);
    for (size_t i = 0; i < name.size; i++) {
        if (name.data[i] <= ' ' || name.data[i] > '~')
            return wire_refuse(error, "cluster name is not printable ASCII without spaces");
    }
    memcpy(h->cluster, name.data, name.size);
    h->cluster[name.size] = '\0';
    return 0;
}

static int decode_members(size_t count, const uint32_t *ids, struct hello *h,
                          struct wire_error *error)
{
    if (count < 1 || count > MEMBERS_MAX)
        return wire_refuse(error, "member list has %zu ids; it has 1 to %d", count, MEMBERS_MAX);
    h->members.count = (uint32_t)count;
    memcpy(h->members.ids, ids, count * sizeof(*ids));
    if (!members_is_valid(&h->members))
        return wire_refuse(error, "member ids are not above 0 and ascending");
    return 0;
}

static int decode_disk_id(const char *what, ProtobufCBinaryData in, bool may_be_empty,
                          uint8_t out[DISK_ID_SIZE], struct wire_error *error)
{
    static const uint8_t nothing[DISK_ID_SIZE];
    if (in.len == 0 && may_be_empty)
        return 0;
    if (in.len != DISK_ID_SIZE)
        return wire_refuse(error, "%s has %zu bytes; it has %d", what, in.len, DISK_ID_SIZE);
    if (memcmp(in.data, nothing, DISK_ID_SIZE) == 0)
        return wire_refuse(error, "%s is all zero", what);
    memcpy(out, in.data, DISK_ID_SIZE);
    return 0;
}

int hello_from_pb(const Dkv__V1__Hello *in, struct hello *out, struct wire_error *error)
{
    if (in == NULL)
        return wire_refuse(error, "hello is missing");
    struct hello h = {
        .protocol_version = in->protocol_version,
        .mode = (enum mode)in->mode,
        .id = in->id,
        .boot = in->boot,
        .asks = in->asks != 0,
        .seen_boot = in->seen_boot,
        .seen_slot = in->seen_slot,
        .life = in->life,
        .seen_life = in->seen_life,
    };
    if (in->mode <= 0)
        return wire_refuse(error, "mode is missing");
    if (in->id == 0)
        return wire_refuse(error, "id is 0; an id is above 0");
    TRY(check_number("boot", in->boot, 1, error));
    TRY(check_number("seen boot", in->seen_boot, 0, error));
    TRY(check_number("seen slot", in->seen_slot, 0, error));
    TRY(decode_cluster(wire_bytes(in->cluster), &h, error));
    TRY(decode_members(in->n_members, in->members, &h, error));
    TRY(decode_disk_id("disk_id", in->disk_id, false, h.disk_id, error));
    TRY(decode_disk_id("recorded disk_id", in->recorded, true, h.recorded, error));
    *out = h;
    return 0;
}
