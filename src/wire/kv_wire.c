/* kv_wire.c -- see kv_wire.h. */
#include "wire/kv_wire.h"

#include <assert.h>
#include <inttypes.h>

#include "paxos/value.h"
#include "wire/kv_messages.h"
#include "wire/pack.h"

/* ---- Reasons ------------------------------------------------------------------------------- */

const char *wire_reason_of(enum result_code code)
{
    switch (code) {
    case RESULT_STALE:
        return "STALE";
    case RESULT_SESSION_EXPIRED:
        return "SESSION_EXPIRED";
    case RESULT_MISMATCH:
        return "MISMATCH";
    case RESULT_OK:
    case RESULT_BEYOND_WINDOW:
    case RESULT_TOO_LARGE:
        break;
    }
    return NULL;
}

enum result_code wire_reason_parse(struct bytes reason)
{
    static const enum result_code codes[] = {RESULT_STALE, RESULT_SESSION_EXPIRED, RESULT_MISMATCH};
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        if (bytes_equal(reason, bytes_of(wire_reason_of(codes[i]))))
            return codes[i];
    }
    return RESULT_OK;
}

/* ---- Bounds -------------------------------------------------------------------------------- */

static int check_key(struct bytes key, struct wire_error *error)
{
    if (key.size >= 1 && key.size <= KEY_SIZE_MAX)
        return 0;
    return wire_refuse(error, "key has %zu bytes; a key has 1 to %d", key.size, KEY_SIZE_MAX);
}

static int check_value(const char *what, struct bytes value, struct wire_error *error)
{
    if (value.size <= VALUE_SIZE_MAX)
        return 0;
    return wire_refuse(error, "%s has %zu bytes; a value has at most %d", what, value.size,
                       VALUE_SIZE_MAX);
}

static int check_slot(const char *what, uint64_t slot, struct wire_error *error)
{
    if (slot <= WIRE_NUMBER_MAX)
        return 0;
    return wire_refuse(error, "%s is %" PRIu64 "; a slot is at most %" PRIu64, what, slot,
                       WIRE_NUMBER_MAX);
}

static int check_session(const struct command *c, struct wire_error *error)
{
    if (c->client_id.size > CLIENT_ID_SIZE_MAX)
        return wire_refuse(error, "client_id has %zu bytes; a client_id has 1 to %d",
                           c->client_id.size, CLIENT_ID_SIZE_MAX);
    if (c->client_id.size == 0) {
        if (c->op_id == 0 && c->floor == 0 && c->born == 0)
            return 0;
        return wire_refuse(error, "op_id, floor and born mean nothing without a client_id");
    }
    if (c->op_id == 0 || c->op_id > WIRE_NUMBER_MAX)
        return wire_refuse(error, "op_id is %" PRIu64 "; an op_id is 1 to %" PRIu64, c->op_id,
                           WIRE_NUMBER_MAX);
    if (c->floor > c->op_id)
        return wire_refuse(error, "floor is %" PRIu64 "; a floor is at most its op_id, %" PRIu64,
                           c->floor, c->op_id);
    return check_slot("born", c->born, error);
}

static int check_write(const struct command *c, struct wire_error *error)
{
    TRY(check_key(c->key, error));
    TRY(check_value("value", c->value, error));
    TRY(check_value("expected value", c->expected, error));
    TRY(check_session(c, error));
    if (c->kind == COMMAND_CAS && c->expect == EXPECT_NOTHING)
        return wire_refuse(error, "nothing to compare with: give expect_absent, expect_value or "
                                  "expect_revision");
    if (c->expect == EXPECT_REVISION && c->expected_revision == 0)
        return wire_refuse(error, "expect_revision is 0; a revision is above 0");
    if (command_check(c) != 0)
        return wire_refuse(error, "these arguments do not go together");
    if (command_size(c) > VALUE_BYTES_MAX)
        return wire_refuse(error, "the operation has %zu bytes; an operation has at most %zu",
                           command_size(c), VALUE_BYTES_MAX);
    return 0;
}

/* ---- Hello --------------------------------------------------------------------------------- */

int wire_encode_kv_hello(const struct wire_kv_hello *h, struct buf *out)
{
    Dkv__V1__HelloResponse m = DKV__V1__HELLO_RESPONSE__INIT;
    m.node = h->node;
    m.cluster = wire_string(h->cluster);
    m.applied = h->applied;
    m.key_size_max = h->key_size_max;
    m.value_size_max = h->value_size_max;
    m.client_id_size_max = h->client_id_size_max;
    m.op_window = h->op_window;
    m.version = wire_string(h->version);
    return wire_pack(&m.base, out);
}

int wire_decode_kv_hello(struct bytes in, struct wire_arena *arena, struct wire_kv_hello *out_hello,
                         struct wire_error *error)
{
    const void *unpacked;
    TRY(wire_unpack(&dkv__v1__hello_response__descriptor, in, WIRE_FIELDS_MAX, arena, &unpacked,
                    error));
    const Dkv__V1__HelloResponse *m = unpacked;
    *out_hello = (struct wire_kv_hello){
        .node = m->node,
        .cluster = m->cluster,
        .applied = m->applied,
        .key_size_max = m->key_size_max,
        .value_size_max = m->value_size_max,
        .client_id_size_max = m->client_id_size_max,
        .op_window = m->op_window,
        .version = m->version,
    };
    return 0;
}

/* ---- Get ----------------------------------------------------------------------------------- */

static int take_consistency(Dkv__V1__Consistency from, enum wire_consistency *out,
                            struct wire_error *error)
{
    switch ((int)from) {
    case DKV__V1__CONSISTENCY__CONSISTENCY_UNSPECIFIED:
    case DKV__V1__CONSISTENCY__CONSISTENCY_BARRIER:
        *out = WIRE_BARRIER;
        return 0;
    case DKV__V1__CONSISTENCY__CONSISTENCY_SEQUENTIAL:
        *out = WIRE_SEQUENTIAL;
        return 0;
    case DKV__V1__CONSISTENCY__CONSISTENCY_QUORUM:
        *out = WIRE_QUORUM;
        return 0;
    default:
        return wire_refuse(error,
                           "consistency %d is unknown; there are BARRIER, QUORUM and SEQUENTIAL",
                           (int)from);
    }
}

int wire_encode_get(const struct wire_get *g, struct buf *out)
{
    Dkv__V1__GetRequest m;
    kv_put_get(g, &m);
    return wire_pack(&m.base, out);
}

int wire_decode_get(struct bytes in, struct wire_arena *arena, struct wire_get *out_get,
                    struct wire_error *error)
{
    const void *unpacked;
    TRY(wire_unpack(&dkv__v1__get_request__descriptor, in, WIRE_FIELDS_MAX, arena, &unpacked,
                    error));
    const Dkv__V1__GetRequest *m = unpacked;
    struct wire_get g = {.key = wire_bytes(m->key), .min_slot = m->min_slot};
    TRY(check_key(g.key, error));
    TRY(check_slot("min_slot", g.min_slot, error));
    TRY(take_consistency(m->consistency, &g.consistency, error));
    if (g.min_slot > 0 && g.consistency != WIRE_SEQUENTIAL)
        return wire_refuse(error, "min_slot is for SEQUENTIAL reads; any other is newer");
    *out_get = g;
    return 0;
}

int wire_encode_get_answer(const struct wire_get_answer *a, struct buf *out)
{
    Dkv__V1__GetResponse m;
    kv_put_get_answer(a, &m);
    return wire_pack(&m.base, out);
}

int wire_decode_get_answer(struct bytes in, struct wire_arena *arena,
                           struct wire_get_answer *out_answer, struct wire_error *error)
{
    const void *unpacked;
    TRY(wire_unpack(&dkv__v1__get_response__descriptor, in, WIRE_FIELDS_MAX, arena, &unpacked,
                    error));
    const Dkv__V1__GetResponse *m = unpacked;
    TRY(check_slot("slot", m->slot, error));
    TRY(check_value("value", wire_bytes(m->value), error));
    *out_answer = (struct wire_get_answer){
        .slot = m->slot,
        .revision = m->revision,
        .node = m->node,
        .found = m->found != 0,
        .value = wire_bytes(m->value),
        .create_revision = m->create_revision,
        .mod_revision = m->mod_revision,
        .version = m->version,
    };
    return 0;
}

/* ---- Writes: encoding ---------------------------------------------------------------------- */

const char *wire_write_method(enum command_kind kind)
{
    switch (kind) {
    case COMMAND_PUT:
        return WIRE_KV_PUT;
    case COMMAND_APPEND:
        return WIRE_KV_APPEND;
    case COMMAND_DELETE:
        return WIRE_KV_DELETE;
    case COMMAND_CAS:
        return WIRE_KV_COMPARE_AND_SET;
    }
    assert(!"a known kind");
    return NULL;
}

int wire_encode_write(const struct command *c, struct buf *out)
{
    struct kv_write_message m;
    return wire_pack(kv_put_write(c, &m), out);
}

/* ---- Writes: decoding ---------------------------------------------------------------------- */

static void take_session(const Dkv__V1__Session *s, struct command *c)
{
    if (s == NULL)
        return;
    c->client_id = wire_bytes(s->client_id);
    c->op_id = s->op_id;
    c->floor = s->floor;
    c->born = s->born;
}

static void take_put(const Dkv__V1__PutRequest *m, struct command *c)
{
    c->key = wire_bytes(m->key);
    c->value = wire_bytes(m->value);
    c->want_previous = m->want_previous != 0;
    take_session(m->session, c);
}

static void take_append(const Dkv__V1__AppendRequest *m, struct command *c)
{
    c->key = wire_bytes(m->key);
    c->value = wire_bytes(m->value);
    c->want_previous = m->want_previous != 0;
    take_session(m->session, c);
}

static void take_delete(const Dkv__V1__DeleteRequest *m, struct command *c)
{
    c->key = wire_bytes(m->key);
    c->want_previous = m->want_previous != 0;
    take_session(m->session, c);
}

static void take_cas(const Dkv__V1__CompareAndSetRequest *m, struct command *c)
{
    c->key = wire_bytes(m->key);
    c->value = wire_bytes(m->value);
    c->want_previous = m->want_previous != 0;
    take_session(m->session, c);
    switch (m->expect_case) {
    case DKV__V1__COMPARE_AND_SET_REQUEST__EXPECT_EXPECT_ABSENT:
        /* "Not absent" is no comparison that there is. */
        c->expect = m->expect_absent ? EXPECT_ABSENT : EXPECT_NOTHING;
        break;
    case DKV__V1__COMPARE_AND_SET_REQUEST__EXPECT_EXPECT_VALUE:
        c->expect = EXPECT_VALUE;
        c->expected = wire_bytes(m->expect_value);
        break;
    case DKV__V1__COMPARE_AND_SET_REQUEST__EXPECT_EXPECT_REVISION:
        c->expect = EXPECT_REVISION;
        c->expected_revision = m->expect_revision;
        break;
    default:
        c->expect = EXPECT_NOTHING;
        break;
    }
}

static const ProtobufCMessageDescriptor *descriptor_of(enum command_kind kind)
{
    switch (kind) {
    case COMMAND_PUT:
        return &dkv__v1__put_request__descriptor;
    case COMMAND_APPEND:
        return &dkv__v1__append_request__descriptor;
    case COMMAND_DELETE:
        return &dkv__v1__delete_request__descriptor;
    case COMMAND_CAS:
        return &dkv__v1__compare_and_set_request__descriptor;
    }
    assert(!"a known kind");
    return NULL;
}

int wire_decode_write(enum command_kind kind, struct bytes in, struct wire_arena *arena,
                      struct command *out_command, struct wire_error *error)
{
    const void *unpacked;
    TRY(wire_unpack(descriptor_of(kind), in, WIRE_FIELDS_MAX, arena, &unpacked, error));
    struct command c = {.kind = kind};
    switch (kind) {
    case COMMAND_PUT:
        take_put(unpacked, &c);
        break;
    case COMMAND_APPEND:
        take_append(unpacked, &c);
        break;
    case COMMAND_DELETE:
        take_delete(unpacked, &c);
        break;
    case COMMAND_CAS:
        take_cas(unpacked, &c);
        break;
    }
    TRY(check_write(&c, error));
    *out_command = c;
    return 0;
}

/* ---- Writes: answers ----------------------------------------------------------------------- */

struct wire_write_answer wire_write_answer_of(const struct result *r, uint32_t node)
{
    assert(r->code == RESULT_OK);
    struct wire_write_answer a = {
        .slot = r->slot,
        .revision = r->revision,
        .node = node,
        .applied = r->applied,
        .found = r->found,
        .duplicate = r->duplicate,
        .omitted = r->omitted,
        .has_previous = r->previous != NULL,
        .has_output = r->output != NULL,
    };
    if (r->previous != NULL)
        a.previous = entry_value(r->previous);
    if (r->output != NULL)
        a.output = entry_value(r->output);
    return a;
}

int wire_encode_write_answer(const struct wire_write_answer *a, struct buf *out)
{
    Dkv__V1__WriteResponse m;
    kv_put_write_answer(a, &m);
    return wire_pack(&m.base, out);
}

int wire_decode_write_answer(struct bytes in, struct wire_arena *arena,
                             struct wire_write_answer *out_answer, struct wire_error *error)
{
    const void *unpacked;
    TRY(wire_unpack(&dkv__v1__write_response__descriptor, in, WIRE_FIELDS_MAX, arena, &unpacked,
                    error));
    const Dkv__V1__WriteResponse *m = unpacked;
    struct wire_write_answer a = {
        .slot = m->slot,
        .revision = m->revision,
        .node = m->node,
        .applied = m->applied != 0,
        .found = m->found != 0,
        .duplicate = m->duplicate != 0,
        .omitted = m->omitted != 0,
        .has_previous = m->before_case == DKV__V1__WRITE_RESPONSE__BEFORE_PREVIOUS,
        .has_output = m->after_case == DKV__V1__WRITE_RESPONSE__AFTER_OUTPUT,
    };
    if (a.has_previous)
        a.previous = wire_bytes(m->previous);
    if (a.has_output)
        a.output = wire_bytes(m->output);
    TRY(check_slot("slot", a.slot, error));
    TRY(check_value("previous value", a.previous, error));
    TRY(check_value("output value", a.output, error));
    *out_answer = a;
    return 0;
}
