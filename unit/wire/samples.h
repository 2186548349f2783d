/*
 * samples.h -- valid messages of every kind, and ways to compare and print bytes.
 */
#ifndef DKV_UNIT_WIRE_SAMPLES_H
#define DKV_UNIT_WIRE_SAMPLES_H

#include "../unit.h"

#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/mem.h"
#include "base/prng.h"
#include "kv/command.h"
#include "paxos/message.h"
#include "wire/admin_wire.h"
#include "wire/kv_wire.h"
#include "wire/log_wire.h"
#include "wire/paxos_wire.h"
#include "wire/wire.h"

/* These very bytes, as hexadecimal digits: once written they never change. */
static inline void assert_golden(struct bytes b, const char *hex)
{
    char text[1024];
    assert_true(2 * b.size < sizeof(text));
    text[0] = '\0';
    for (size_t i = 0; i < b.size; i++)
        (void)snprintf(text + 2 * i, 3, "%02x", b.data[i]);
    assert_string_equal(text, hex);
}

static inline void assert_bytes(struct bytes b, struct bytes expected)
{
    assert_int_equal(b.size, expected.size);
    if (b.size > 0)
        assert_memory_equal(b.data, expected.data, b.size);
}

/* A put with everything that a put can have. */
static inline struct command sample_put(void)
{
    return (struct command){
        .kind = COMMAND_PUT,
        .want_previous = true,
        .key = bytes_of("key"),
        .value = {.data = (const uint8_t *)"a\0\n\xff", .size = 4},
        .client_id = bytes_of("client"),
        .op_id = 300,
        .floor = 2,
        .born = 9,
    };
}

static inline struct hello sample_hello(void)
{
    struct hello h = {
        .protocol_version = PROTOCOL_VERSION,
        .mode = MODE_CLASSIC,
        .cluster = "dkv",
        .members = {.count = 3, .ids = {1, 2, 300}},
        .id = 2,
        .boot = 5,
        .asks = true,
    };
    memset(h.disk_id, 0xaa, DISK_ID_SIZE);
    memset(h.recorded, 0xbb, DISK_ID_SIZE);
    return h;
}

/* A value of `count` puts, tagged (2, 5, 7). The caller drops the reference. */
static inline struct value *sample_batch(int count)
{
    struct buf b = {0};
    struct command c = sample_put();
    for (int i = 0; i < count; i++)
        assert_int_equal(command_encode(&c, &b), 0);
    struct value *v = NULL;
    struct tag tag = {.node = 2, .boot = 5, .sequence = 7};
    assert_int_equal(value_new(VALUE_BATCH, tag, buf_bytes(&b), &v), 0);
    buf_fini(&b);
    return v;
}

#define SAMPLE_MESSAGES 13

/*
 * Message number i of SAMPLE_MESSAGES, every kind at least once. *hello is its Hello's room. The
 * caller drops the value's reference.
 */
static inline struct message sample_message(int i, struct hello *hello)
{
    struct ballot b = {.round = 3, .node = 2, .boot = 5};
    struct ballot higher = {.round = 4, .node = 1, .boot = 1};
    struct ballot lower = {.round = 1, .node = 300, .boot = 9};
    struct tag tag = {.node = 2, .boot = 5, .sequence = 7};
    struct message m = {.slot = 1000, .ballot = b};
    *hello = sample_hello();
    switch (i) {
    case 0:
        return (struct message){.kind = MESSAGE_HELLO, .hello = hello};
    case 1:
        return (struct message){.kind = MESSAGE_GOODBYE, .refusal = REFUSAL_DISK};
    case 2:
        return (struct message){
            .kind = MESSAGE_HEARTBEAT,
            .progress = {.boot = 5, .applied = 8, .chosen_to = 9, .frontier = 12}};
    case 3:
        m.kind = MESSAGE_PREPARE;
        return m;
    case 4:
        m.kind = MESSAGE_PROMISE; /* Nothing accepted. */
        return m;
    case 5:
        m.kind = MESSAGE_PROMISE;
        m.other = lower;
        m.value = sample_batch(2);
        return m;
    case 6:
        m.kind = MESSAGE_ACCEPT;
        m.value = sample_batch(1);
        return m;
    case 7:
        m.kind = MESSAGE_ACCEPTED;
        return m;
    case 8:
        m.kind = MESSAGE_REFUSED;
        m.other = higher;
        return m;
    case 9:
        m.kind = MESSAGE_LEARN; /* To somebody who has the value. */
        m.tag = tag;
        return m;
    case 10:
        m.kind = MESSAGE_LEARN;
        m.value = value_noop();
        return m;
    case 11:
        return (struct message){.kind = MESSAGE_FETCH, .slot = 10, .to = 20};
    default:
        m = (struct message){.kind = MESSAGE_CHOSEN, .slot = 1000};
        assert_int_equal(value_new(VALUE_BARRIER, tag, (struct bytes){0}, &m.value), 0);
        return m;
    }
}

#endif
