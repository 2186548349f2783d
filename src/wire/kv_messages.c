/* kv_messages.c -- see kv_messages.h. */
#include "wire/kv_messages.h"

#include <assert.h>

#include "wire/pack.h"

static Dkv__V1__Consistency put_consistency(enum wire_consistency c)
{
    switch (c) {
    case WIRE_BARRIER:
        return DKV__V1__CONSISTENCY__CONSISTENCY_BARRIER;
    case WIRE_SEQUENTIAL:
        return DKV__V1__CONSISTENCY__CONSISTENCY_SEQUENTIAL;
    case WIRE_QUORUM:
        return DKV__V1__CONSISTENCY__CONSISTENCY_QUORUM;
    }
    assert(!"a known consistency");
    return DKV__V1__CONSISTENCY__CONSISTENCY_UNSPECIFIED;
}

void kv_put_get(const struct wire_get *g, Dkv__V1__GetRequest *m)
{
    dkv__v1__get_request__init(m);
    m->key = wire_binary(g->key);
    m->consistency = put_consistency(g->consistency);
    m->min_slot = g->min_slot;
}

void kv_put_get_answer(const struct wire_get_answer *a, Dkv__V1__GetResponse *m)
{
    dkv__v1__get_response__init(m);
    m->slot = a->slot;
    m->revision = a->revision;
    m->node = a->node;
    m->found = a->found;
    if (a->found) {
        m->value = wire_binary(a->value);
        m->create_revision = a->create_revision;
        m->mod_revision = a->mod_revision;
        m->version = a->version;
    }
}

/* NULL when there is none. */
static Dkv__V1__Session *put_session(const struct command *c, Dkv__V1__Session *s)
{
    if (c->client_id.size == 0)
        return NULL;
    dkv__v1__session__init(s);
    s->client_id = wire_binary(c->client_id);
    s->op_id = c->op_id;
    s->floor = c->floor;
    s->born = c->born;
    return s;
}

static void put_put(const struct command *c, Dkv__V1__Session *session, Dkv__V1__PutRequest *m)
{
    dkv__v1__put_request__init(m);
    m->key = wire_binary(c->key);
    m->value = wire_binary(c->value);
    m->session = session;
    m->want_previous = c->want_previous;
}

static void put_append(const struct command *c, Dkv__V1__Session *session,
                       Dkv__V1__AppendRequest *m)
{
    dkv__v1__append_request__init(m);
    m->key = wire_binary(c->key);
    m->value = wire_binary(c->value);
    m->session = session;
    m->want_previous = c->want_previous;
}

static void put_delete(const struct command *c, Dkv__V1__Session *session,
                       Dkv__V1__DeleteRequest *m)
{
    dkv__v1__delete_request__init(m);
    m->key = wire_binary(c->key);
    m->session = session;
    m->want_previous = c->want_previous;
}

static void put_cas(const struct command *c, Dkv__V1__Session *session,
                    Dkv__V1__CompareAndSetRequest *m)
{
    dkv__v1__compare_and_set_request__init(m);
    m->key = wire_binary(c->key);
    m->value = wire_binary(c->value);
    m->session = session;
    m->want_previous = c->want_previous;
    switch (c->expect) {
    case EXPECT_NOTHING:
        break;
    case EXPECT_ABSENT:
        m->expect_case = DKV__V1__COMPARE_AND_SET_REQUEST__EXPECT_EXPECT_ABSENT;
        m->expect_absent = true;
        break;
    case EXPECT_VALUE:
        m->expect_case = DKV__V1__COMPARE_AND_SET_REQUEST__EXPECT_EXPECT_VALUE;
        m->expect_value = wire_binary(c->expected);
        break;
    case EXPECT_REVISION:
        m->expect_case = DKV__V1__COMPARE_AND_SET_REQUEST__EXPECT_EXPECT_REVISION;
        m->expect_revision = c->expected_revision;
        break;
    }
}

const ProtobufCMessage *kv_put_write(const struct command *c, struct kv_write_message *m)
{
    Dkv__V1__Session *session = put_session(c, &m->session);
    switch (c->kind) {
    case COMMAND_PUT:
        put_put(c, session, &m->put);
        return &m->put.base;
    case COMMAND_APPEND:
        put_append(c, session, &m->append);
        return &m->append.base;
    case COMMAND_DELETE:
        put_delete(c, session, &m->erase);
        return &m->erase.base;
    case COMMAND_CAS:
        put_cas(c, session, &m->cas);
        return &m->cas.base;
    }
    assert(!"a known kind");
    return NULL;
}

void kv_put_write_answer(const struct wire_write_answer *a, Dkv__V1__WriteResponse *m)
{
    dkv__v1__write_response__init(m);
    m->slot = a->slot;
    m->revision = a->revision;
    m->node = a->node;
    m->applied = a->applied;
    m->found = a->found;
    m->duplicate = a->duplicate;
    m->omitted = a->omitted;
    if (a->has_previous) {
        m->before_case = DKV__V1__WRITE_RESPONSE__BEFORE_PREVIOUS;
        m->previous = wire_binary(a->previous);
    }
    if (a->has_output) {
        m->after_case = DKV__V1__WRITE_RESPONSE__AFTER_OUTPUT;
        m->output = wire_binary(a->output);
    }
}
