/*
 * kv_messages.h -- the protobuf messages that kv_wire.c and batch_wire.c both make. Of wire/ only.
 */
#ifndef DKV_WIRE_KV_MESSAGES_H
#define DKV_WIRE_KV_MESSAGES_H

#include "dkv/v1/kv.pb-c.h"
#include "wire/kv_wire.h"

/* A write's request, of whatever kind, and the session that it points at. */
struct kv_write_message {
    Dkv__V1__Session session;
    union {
        Dkv__V1__PutRequest put;
        Dkv__V1__AppendRequest append;
        Dkv__V1__DeleteRequest erase;
        Dkv__V1__CompareAndSetRequest cas;
    };
};

/* Fill *m, which borrows from the command. The result is the message in it. */
const ProtobufCMessage *kv_put_write(const struct command *c, struct kv_write_message *m);

/* Fill *m, which borrows from what it is filled from. */
void kv_put_get(const struct wire_get *g, Dkv__V1__GetRequest *m);
void kv_put_get_answer(const struct wire_get_answer *a, Dkv__V1__GetResponse *m);
void kv_put_write_answer(const struct wire_write_answer *a, Dkv__V1__WriteResponse *m);

#endif
