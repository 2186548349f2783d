/*
 * samples.h -- valid messages of every kind, and ways to compare and print bytes.
 */
#ifndef DKV_UNIT_WIRE_SAMPLES_H
#define DKV_UNIT_WIRE_SAMPLES_H

#include "../golden.h"
#include "../unit.h"

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

/* What a message owns that came from sample_message or from the decoder. */
static inline void sample_drop(const struct message *m)
{
    value_unref(m->value);
    reports_unref(m->reports);
}

/* Slots 1000, 1003, ... 1030: chosen; NOOP accepted in two; a batch accepted in one. */
static inline struct vote_reports *sample_reports(void)
{
    struct vote_reports *r = NULL;
    struct ballot lower = {.round = 1, .node = 300, .boot = 9};
    assert_int_equal(reports_new(3, &r), 0);
    reports_add(r, (struct vote_report){.interval = {1000, 1000, 1}, .value = sample_batch(1)});
    reports_add(r, (struct vote_report){
                       .interval = {1003, 1009, 6}, .ballot = lower, .value = value_noop()});
    reports_add(r, (struct vote_report){
                       .interval = {1006, 1006, 3}, .ballot = lower, .value = sample_batch(2)});
    return r;
}

#define SAMPLE_CLASSIC 13
#define SAMPLE_MESSAGES 31

/* Those that coordinated mode adds. */
static inline struct message sample_coordinated(int i, struct hello *hello)
{
    struct ballot b = {.round = 3, .node = 2, .boot = 5};
    struct ballot higher = {.round = 4, .node = 1, .boot = 1};
    struct interval interval = {.first = 1000, .last = 1030, .stride = 3};
    struct message m = {.interval = interval, .ballot = b};
    switch (i) {
    case 0:
        m.kind = MESSAGE_ACCEPT;
        m.slot = 1033;
        m.ballot.round = 0;
        m.value = sample_batch(1);
        return m;
    case 1:
        return (struct message){
            .kind = MESSAGE_CHOSEN, .interval = interval, .value = value_noop()};
    case 2:
        m.kind = MESSAGE_PREPARE_RANGE;
        return m;
    case 3:
        m.kind = MESSAGE_PROMISE_RANGE;
        m.reports = sample_reports();
        return m;
    case 4:
        m.kind = MESSAGE_PROMISE_RANGE; /* Nothing to report. */
        return m;
    case 5:
        m.kind = MESSAGE_ACCEPT_NOOP;
        return m;
    case 6:
        m.kind = MESSAGE_VOTED;
        m.interval = interval_one(1000);
        m.ballot.round = 0;
        return m;
    case 7:
        m.kind = MESSAGE_VOTED;
        m.value = value_noop();
        return m;
    case 8:
        m.kind = MESSAGE_REFUSED_RANGE;
        m.other = higher;
        return m;
    case 9:
        return (struct message){.kind = MESSAGE_SKIP, .interval = interval};
    case 10:
        return (struct message){.kind = MESSAGE_SKIPPED, .slot = 1000};
    case 11:
        return (struct message){.kind = MESSAGE_LEARN_NOOP, .interval = interval};
    case 12:
        return (struct message){.kind = MESSAGE_ASK, .interval = interval};
    case 13:
        return (struct message){.kind = MESSAGE_READ, .slot = 77};
    case 14:
        return (struct message){.kind = MESSAGE_READ_ANSWER, .slot = 77, .to = 5};
    case 15:
        return (struct message){.kind = MESSAGE_COMING, .slot = 77, .to = 1000000};
    case 16:
        return (struct message){.kind = MESSAGE_HEARTBEAT,
                                .progress = {.boot = 5,
                                             .applied = 8,
                                             .chosen_to = 9,
                                             .frontier = 12,
                                             .position = 14,
                                             .known = 4099,
                                             .broken = {.bits = 0x104},
                                             .sent_ns = 5000000007,
                                             .echo_ns = 70007,
                                             .held_ns = 100000}};
    default:
        hello->mode = MODE_COORDINATED;
        hello->seen_boot = 4;
        hello->seen_slot = 16384;
        hello->life = UINT64_C(0x8123456789abcdef);
        hello->seen_life = UINT64_C(0xfedcba9876543210);
        return (struct message){.kind = MESSAGE_HELLO, .hello = hello};
    }
}

/*
 * Message number i of SAMPLE_MESSAGES, every kind at least once. *hello is its Hello's room. The
 * caller drops what it owns.
 */
static inline struct message sample_message(int i, struct hello *hello)
{
    struct ballot b = {.round = 3, .node = 2, .boot = 5};
    struct ballot higher = {.round = 4, .node = 1, .boot = 1};
    struct ballot lower = {.round = 1, .node = 300, .boot = 9};
    struct tag tag = {.node = 2, .boot = 5, .sequence = 7};
    struct message m = {.slot = 1000, .ballot = b};
    *hello = sample_hello();
    if (i >= SAMPLE_CLASSIC)
        return sample_coordinated(i - SAMPLE_CLASSIC, hello);
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

/* ---- Are they equal? ----------------------------------------------------------------------- */

/* Field by field: there is padding. */
static inline void assert_hello_equal(const struct hello *a, const struct hello *b)
{
    assert_int_equal(a->protocol_version, b->protocol_version);
    assert_int_equal(a->mode, b->mode);
    assert_string_equal(a->cluster, b->cluster);
    assert_int_equal(a->members.count, b->members.count);
    assert_memory_equal(a->members.ids, b->members.ids, sizeof(a->members.ids));
    assert_int_equal(a->id, b->id);
    assert_int_equal(a->boot, b->boot);
    assert_int_equal(a->asks, b->asks);
    assert_memory_equal(a->disk_id, b->disk_id, DISK_ID_SIZE);
    assert_memory_equal(a->recorded, b->recorded, DISK_ID_SIZE);
    assert_int_equal(a->seen_boot, b->seen_boot);
    assert_int_equal(a->seen_slot, b->seen_slot);
    assert_int_equal(a->life, b->life);
    assert_int_equal(a->seen_life, b->seen_life);
}

static inline void assert_progress_equal(const struct progress *a, const struct progress *b)
{
    assert_int_equal(a->boot, b->boot);
    assert_int_equal(a->applied, b->applied);
    assert_int_equal(a->chosen_to, b->chosen_to);
    assert_int_equal(a->frontier, b->frontier);
    assert_int_equal(a->position, b->position);
    assert_int_equal(a->known, b->known);
    assert_int_equal(a->broken.bits, b->broken.bits);
}

static inline void assert_interval_equal(struct interval a, struct interval b)
{
    assert_int_equal(a.first, b.first);
    assert_int_equal(a.last, b.last);
    assert_int_equal(a.stride, b.stride);
}

static inline void assert_value_equal(const struct value *a, const struct value *b)
{
    assert_int_equal(a == NULL, b == NULL);
    if (a == NULL)
        return;
    assert_int_equal(a->kind, b->kind);
    assert_true(value_equal(a, b));
    assert_bytes(value_bytes(a), value_bytes(b));
}

static inline void assert_reports_equal(const struct vote_reports *a, const struct vote_reports *b)
{
    assert_int_equal(a == NULL, b == NULL);
    if (a == NULL)
        return;
    assert_int_equal(a->count, b->count);
    for (uint32_t i = 0; i < a->count; i++) {
        assert_interval_equal(a->items[i].interval, b->items[i].interval);
        assert_int_equal(ballot_cmp(a->items[i].ballot, b->items[i].ballot), 0);
        assert_value_equal(a->items[i].value, b->items[i].value);
    }
}

static inline void assert_message_equal(const struct message *a, const struct message *b)
{
    assert_int_equal(a->kind, b->kind);
    assert_int_equal(a->slot, b->slot);
    assert_int_equal(a->to, b->to);
    assert_int_equal(ballot_cmp(a->ballot, b->ballot), 0);
    assert_int_equal(ballot_cmp(a->other, b->other), 0);
    assert_true(tag_equal(a->tag, b->tag));
    assert_int_equal(a->refusal, b->refusal);
    assert_progress_equal(&a->progress, &b->progress);
    assert_interval_equal(a->interval, b->interval);
    assert_value_equal(a->value, b->value);
    assert_reports_equal(a->reports, b->reports);
    assert_int_equal(a->hello == NULL, b->hello == NULL);
    if (a->hello != NULL)
        assert_hello_equal(a->hello, b->hello);
}

#endif
