/*
 * message_wire_test.c -- the codec that is written by hand, held against protobuf-c's.
 *
 * Random messages of every kind: the same bytes as protobuf-c's of the generated code, read back to
 * the same message by either. And what the rules of intervals and reports refuse.
 */
#include "samples.h"

#include "dkv/v1/paxos.pb-c.h"

#define ROUNDS 3000

/* ---- A naive twin: a message as generated code has it -------------------------------------- */

struct twin {
    Dkv__V1__PeerMessage m;
    Dkv__V1__Progress progress;
    Dkv__V1__Hello hello;
    uint32_t ids[MEMBERS_MAX];
    Dkv__V1__VoteReport reports[REPORTS_MAX];
    Dkv__V1__VoteReport *report_list[REPORTS_MAX];
};

static ProtobufCBinaryData twin_bytes(const uint8_t *data, size_t size)
{
    return (ProtobufCBinaryData){.len = size, .data = size > 0 ? (uint8_t *)(uintptr_t)data : NULL};
}

static void twin_reports(struct twin *t, const struct vote_reports *reports)
{
    for (uint32_t i = 0; reports != NULL && i < reports->count; i++) {
        const struct vote_report *r = &reports->items[i];
        Dkv__V1__VoteReport *out = &t->reports[i];
        *out = (Dkv__V1__VoteReport)DKV__V1__VOTE_REPORT__INIT;
        out->first = r->interval.first;
        out->last = r->interval.last;
        out->stride = r->interval.stride;
        out->ballot_round = r->ballot.round;
        out->ballot_node = r->ballot.node;
        out->ballot_boot = r->ballot.boot;
        out->value_kind = (Dkv__V1__ValueKind)r->value->kind;
        out->tag_node = r->value->tag.node;
        out->tag_boot = r->value->tag.boot;
        out->tag_sequence = r->value->tag.sequence;
        out->value = twin_bytes(r->value->data, r->value->size);
        t->report_list[i] = out;
    }
    t->m.n_reports = reports != NULL ? reports->count : 0;
    t->m.reports = t->report_list;
}

static void twin_hello(struct twin *t, const struct hello *h)
{
    static const uint8_t zero[DISK_ID_SIZE];
    t->hello = (Dkv__V1__Hello)DKV__V1__HELLO__INIT;
    t->hello.protocol_version = h->protocol_version;
    t->hello.cluster = twin_bytes((const uint8_t *)h->cluster, strlen(h->cluster));
    t->hello.mode = (Dkv__V1__Mode)h->mode;
    t->hello.n_members = h->members.count;
    memcpy(t->ids, h->members.ids, sizeof(t->ids));
    t->hello.members = t->ids;
    t->hello.id = h->id;
    t->hello.boot = h->boot;
    t->hello.disk_id = twin_bytes(h->disk_id, DISK_ID_SIZE);
    bool has_recorded = memcmp(h->recorded, zero, DISK_ID_SIZE) != 0;
    t->hello.recorded = twin_bytes(h->recorded, has_recorded ? DISK_ID_SIZE : 0);
    t->hello.asks = h->asks;
    t->hello.seen_boot = h->seen_boot;
    t->hello.seen_slot = h->seen_slot;
    t->hello.life = h->life;
    t->hello.seen_life = h->seen_life;
    t->m.hello = &t->hello;
}

static void twin_progress(struct twin *t, const struct progress *p)
{
    t->progress = (Dkv__V1__Progress)DKV__V1__PROGRESS__INIT;
    t->progress.boot = p->boot;
    t->progress.applied = p->applied;
    t->progress.chosen_to = p->chosen_to;
    t->progress.frontier = p->frontier;
    t->progress.position = p->position;
    t->progress.known = p->known;
    t->progress.broken = p->broken.bits;
    t->progress.sent_ns = p->sent_ns;
    t->progress.echo_ns = p->echo_ns;
    t->progress.held_ns = p->held_ns;
    t->m.progress = &t->progress;
}

static void twin_of(struct twin *t, const struct message *m)
{
    t->m = (Dkv__V1__PeerMessage)DKV__V1__PEER_MESSAGE__INIT;
    t->m.kind = (Dkv__V1__MessageKind)m->kind;
    t->m.slot = m->slot;
    t->m.to = m->to;
    t->m.ballot_round = m->ballot.round;
    t->m.ballot_node = m->ballot.node;
    t->m.ballot_boot = m->ballot.boot;
    t->m.other_round = m->other.round;
    t->m.other_node = m->other.node;
    t->m.other_boot = m->other.boot;
    t->m.refusal = (Dkv__V1__Refusal)m->refusal;
    t->m.interval_first = m->interval.first;
    t->m.interval_last = m->interval.last;
    t->m.interval_stride = m->interval.stride;
    struct tag tag = m->value != NULL ? m->value->tag : m->tag;
    t->m.tag_node = tag.node;
    t->m.tag_boot = tag.boot;
    t->m.tag_sequence = tag.sequence;
    if (m->value != NULL) {
        t->m.value_kind = (Dkv__V1__ValueKind)m->value->kind;
        t->m.value = twin_bytes(m->value->data, m->value->size);
    }
    twin_reports(t, m->reports);
    if (m->hello != NULL)
        twin_hello(t, m->hello);
    if (m->kind == MESSAGE_HEARTBEAT)
        twin_progress(t, &m->progress);
}

/* ---- Random messages, of which every kind is valid ----------------------------------------- */

/* Of every size that a varint has, and at least min. */
static uint64_t draw_number(struct prng *p, uint64_t min)
{
    uint64_t v = prng_next(p) >> (2 + prng_below(p, 62));
    return v < min ? min : v;
}

static uint32_t draw_id(struct prng *p)
{
    return 1 + (uint32_t)(prng_next(p) >> (33 + prng_below(p, 31)));
}

static struct ballot draw_ballot(struct prng *p)
{
    return (struct ballot){
        .round = draw_number(p, 0), .node = draw_id(p), .boot = draw_number(p, 1)};
}

static struct value *draw_value(struct prng *p)
{
    struct value *v = NULL;
    struct tag tag = {.node = draw_id(p), .boot = draw_number(p, 1), .sequence = draw_number(p, 1)};
    switch (prng_below(p, 3)) {
    case 0:
        return value_noop();
    case 1:
        assert_int_equal(value_new(VALUE_BARRIER, tag, (struct bytes){0}, &v), 0);
        return v;
    default:
        v = sample_batch(1 + (int)prng_below(p, 5));
        v->tag = tag;
        return v;
    }
}

static struct interval draw_interval(struct prng *p)
{
    struct interval i = {.first = draw_number(p, 1) >> 1, .stride = 1 + (uint32_t)prng_below(p, 9)};
    i.first = i.first > 0 ? i.first : 1;
    uint64_t count = prng_below(p, (INTERVAL_SPAN_MAX - 1) / i.stride + 1);
    i.last = i.first + count * i.stride;
    return i;
}

/* Some slots of m's interval in NOOP intervals, some alone, some left out. */
static struct vote_reports *draw_reports(struct prng *p, const struct message *m)
{
    struct vote_reports *reports = NULL;
    uint32_t room = (uint32_t)prng_below(p, 20);
    if (room == 0)
        return NULL;
    assert_int_equal(reports_new(room, &reports), 0);
    uint64_t slot = m->interval.first;
    while (reports->count < room && slot <= m->interval.last) {
        uint32_t stride = m->interval.stride;
        uint64_t left = (m->interval.last - slot) / stride;
        struct vote_report r = {.value = draw_value(p), .interval = {slot, slot, stride}};
        if (r.value->kind == VALUE_NOOP)
            r.interval.last += prng_below(p, left + 1) * stride;
        if (prng_below(p, 2) == 0)
            r.ballot = m->ballot;
        reports_add(reports, r);
        slot = r.interval.last + stride * (1 + prng_below(p, 3));
    }
    return reports;
}

static struct hello draw_hello(struct prng *p)
{
    struct hello h = sample_hello();
    h.mode = prng_below(p, 2) == 0 ? MODE_CLASSIC : MODE_COORDINATED;
    h.members.count = 1 + (uint32_t)prng_below(p, MEMBERS_MAX);
    memset(h.members.ids, 0, sizeof(h.members.ids));
    for (uint32_t i = 0; i < h.members.count; i++)
        h.members.ids[i] = (i == 0 ? 0 : h.members.ids[i - 1]) + 1 + (uint32_t)prng_below(p, 300);
    h.id = draw_id(p);
    h.boot = draw_number(p, 1);
    h.asks = prng_below(p, 2) == 0;
    h.seen_boot = draw_number(p, 0);
    h.seen_slot = draw_number(p, 0);
    h.life = prng_next(p) | 1;
    h.seen_life = prng_next(p);
    if (prng_below(p, 2) == 0)
        memset(h.recorded, 0, sizeof(h.recorded));
    return h;
}

static struct message draw_classic(struct prng *p, enum message_kind kind, struct hello *hello)
{
    struct message m = {.kind = kind};
    switch (kind) {
    case MESSAGE_HELLO:
        *hello = draw_hello(p);
        m.hello = hello;
        return m;
    case MESSAGE_GOODBYE:
        m.refusal = (enum refusal)(REFUSAL_VERSION + prng_below(p, REFUSAL_DISK));
        return m;
    case MESSAGE_HEARTBEAT:
        m.progress = (struct progress){.boot = draw_number(p, 1),
                                       .applied = draw_number(p, 0),
                                       .chosen_to = draw_number(p, 0),
                                       .frontier = draw_number(p, 0),
                                       .position = draw_number(p, 0),
                                       .known = draw_number(p, 0),
                                       .broken = {.bits = (uint16_t)prng_below(p, 512)},
                                       .sent_ns = draw_number(p, 0),
                                       .echo_ns = draw_number(p, 0),
                                       .held_ns = draw_number(p, 0)};
        return m;
    case MESSAGE_FETCH:
        m.slot = draw_number(p, 1) >> 1 | 1;
        m.to = m.slot + prng_below(p, 5000);
        return m;
    default:
        break;
    }
    m.slot = draw_number(p, 1);
    if (kind != MESSAGE_CHOSEN)
        m.ballot = draw_ballot(p);
    if (kind == MESSAGE_ACCEPT || kind == MESSAGE_CHOSEN ||
        ((kind == MESSAGE_PROMISE || kind == MESSAGE_LEARN) && prng_below(p, 2) == 0))
        m.value = draw_value(p);
    if (kind == MESSAGE_PROMISE && m.value != NULL)
        m.other = m.ballot;
    if (kind == MESSAGE_REFUSED)
        m.other = (struct ballot){m.ballot.round + 1, draw_id(p), draw_number(p, 1)};
    if (kind == MESSAGE_LEARN)
        m.tag = m.value != NULL ? m.value->tag : (struct tag){draw_id(p), 3, draw_number(p, 1)};
    return m;
}

static struct message draw_message(struct prng *p, enum message_kind kind, struct hello *hello)
{
    bool has_interval =
        kind >= MESSAGE_PREPARE_RANGE && kind <= MESSAGE_ASK && kind != MESSAGE_SKIPPED;
    struct message m = {.kind = kind};
    if (kind <= MESSAGE_CHOSEN)
        m = draw_classic(p, kind, hello);
    else if (!has_interval)
        m.slot = draw_number(p, 1);
    if (kind == MESSAGE_READ_ANSWER)
        m.to = draw_number(p, 0);
    if (kind == MESSAGE_COMING)
        m.to = prng_below(p, VALUE_BYTES_MAX + 1);
    if (has_interval)
        m.interval = draw_interval(p);
    if (kind >= MESSAGE_PREPARE_RANGE && kind <= MESSAGE_REFUSED_RANGE)
        m.ballot = draw_ballot(p);
    if (kind == MESSAGE_REFUSED_RANGE)
        m.other = (struct ballot){m.ballot.round + 1, draw_id(p), draw_number(p, 1)};
    if (kind == MESSAGE_PROMISE_RANGE)
        m.reports = draw_reports(p, &m);
    if (kind == MESSAGE_VOTED && prng_below(p, 2) == 0)
        m.value = value_noop();
    if (kind == MESSAGE_ACCEPT && prng_below(p, 2) == 0) {
        m.interval = draw_interval(p);
        if (interval_has(m.interval, m.slot))
            m.interval = (struct interval){0};
    }
    if (kind == MESSAGE_CHOSEN && prng_below(p, 2) == 0) {
        value_unref(m.value);
        m = (struct message){.kind = kind, .interval = draw_interval(p), .value = value_noop()};
    }
    return m;
}

/* ---- Both ways ----------------------------------------------------------------------------- */

static void decode(struct bytes raw, const struct message *expected)
{
    struct wire_arena arena;
    struct wire_error error = {""};
    struct hello hello;
    struct message m = {0};
    wire_arena_init(&arena);
    int err = wire_decode_message(raw, &arena, &hello, &m, &error);
    assert_string_equal(error.text, "");
    assert_int_equal(err, 0);
    assert_message_equal(&m, expected);
    sample_drop(&m);
    wire_arena_fini(&arena);
}

static void check_both_ways(struct twin *twin, const struct message *m)
{
    struct wire_list list = {0};
    struct wire_envelope e;
    struct wire_error error;
    struct bytes raw;
    assert_int_equal(wire_envelope_add(&list, m), 0);
    assert_int_equal(wire_envelope_begin(buf_bytes(&list.buf), &e, &error), 0);
    assert_int_equal(wire_envelope_next(&e, &raw, &error), 0);
    assert_int_equal(e.rest.size, 0);

    twin_of(twin, m);
    size_t size = dkv__v1__peer_message__get_packed_size(&twin->m);
    uint8_t *packed = mem_alloc(size + 1);
    assert_non_null(packed);
    assert_int_equal(dkv__v1__peer_message__pack(&twin->m, packed), size);
    assert_bytes(raw, (struct bytes){.data = packed, .size = size});
    mem_free(packed);
    decode(raw, m);

    Dkv__V1__PeerMessage *unpacked = dkv__v1__peer_message__unpack(NULL, raw.size, raw.data);
    assert_non_null(unpacked);
    assert_int_equal(unpacked->kind, m->kind);
    assert_int_equal(unpacked->base.n_unknown_fields, 0);
    assert_int_equal(dkv__v1__peer_message__get_packed_size(unpacked), size);
    dkv__v1__peer_message__free_unpacked(unpacked, NULL);
    wire_list_fini(&list);
}

static void test_random_messages(void **state)
{
    (void)state;
    struct prng p;
    struct twin *twin = mem_alloc_zero(sizeof(*twin));
    assert_non_null(twin);
    prng_init(&p, 20260101);
    for (int round = 0; round < ROUNDS; round++) {
        for (int kind = MESSAGE_HELLO; kind <= MESSAGE_COMING; kind++) {
            struct hello hello;
            struct message m = draw_message(&p, (enum message_kind)kind, &hello);
            check_both_ways(twin, &m);
            sample_drop(&m);
        }
    }
    mem_free(twin);
    assert_int_equal(mem_outstanding(), 0);
}

/* As many reports as there may be, and one more. */
static void test_many_reports(void **state)
{
    (void)state;
    struct twin *twin = mem_alloc_zero(sizeof(*twin));
    assert_non_null(twin);
    struct message m = {.kind = MESSAGE_PROMISE_RANGE,
                        .interval = {1, 3 * REPORTS_MAX + 1, 3},
                        .ballot = {1, 1, 1}};
    assert_int_equal(reports_new(REPORTS_MAX, &m.reports), 0);
    for (uint64_t i = 0; i < REPORTS_MAX; i++)
        reports_add(m.reports, (struct vote_report){.interval = {3 * i + 1, 3 * i + 1, 3},
                                                    .value = value_noop()});
    check_both_ways(twin, &m);

    struct wire_list list = {0};
    struct wire_arena arena;
    struct wire_error error;
    struct hello hello;
    struct message out;
    assert_int_equal(wire_envelope_add(&list, &m), 0);
    /* One more behind the message, which is taken to reach that far. */
    assert_int_equal(buf_append(&list.buf, bytes_of("\xc2\x01\x02\x38\x01")), 0);
    struct bytes raw = bytes_slice(buf_bytes(&list.buf), 4, list.buf.size - 4);
    wire_arena_init(&arena);
    assert_int_equal(wire_decode_message(raw, &arena, &hello, &out, &error), ERR_INVALID);
    assert_string_equal(error.text, "promise has 4097 reports; it has at most 4096");
    wire_arena_fini(&arena);
    wire_list_fini(&list);
    reports_unref(m.reports);
    mem_free(twin);
    assert_int_equal(mem_outstanding(), 0);
}

/* ---- What is refused ----------------------------------------------------------------------- */

static void assert_refused(const struct message *m, const char *text)
{
    struct wire_list list = {0};
    struct wire_envelope e;
    struct wire_arena arena;
    struct wire_error error = {""};
    struct hello hello;
    struct bytes raw;
    struct message out = {.slot = 77};
    long before = mem_outstanding();
    wire_arena_init(&arena);
    assert_int_equal(wire_envelope_add(&list, m), 0);
    assert_int_equal(wire_envelope_begin(buf_bytes(&list.buf), &e, &error), 0);
    assert_int_equal(wire_envelope_next(&e, &raw, &error), 0);
    int err = wire_decode_message(raw, &arena, &hello, &out, &error);
    assert_string_equal(error.text, text);
    assert_int_equal(err, ERR_INVALID);
    assert_int_equal(out.slot, 77);
    wire_arena_fini(&arena);
    wire_list_fini(&list);
    assert_int_equal(mem_outstanding(), before);
}

static void test_intervals_refused(void **state)
{
    (void)state;
    struct message m = {.kind = MESSAGE_SKIP};
    assert_refused(&m, "first slot is 0; it is 1 to 4611686018427387904");
    m.interval = (struct interval){10, 7, 3};
    assert_refused(&m, "last slot is 7; it is 10 to 4611686018427387904");
    m.interval = (struct interval){WIRE_NUMBER_MAX, WIRE_NUMBER_MAX + 1, 1};
    assert_refused(&m, "last slot is 4611686018427387905; it is 4611686018427387904 to "
                       "4611686018427387904");
    m.interval = (struct interval){10, 10 + INTERVAL_SPAN_MAX, 1};
    assert_refused(&m, "interval spans 65537 slots; it spans at most 65536");
    m.interval = (struct interval){10, 16, 0};
    assert_refused(&m, "stride is 0; it is 1 to 9");
    m.interval = (struct interval){10, 20, 10};
    assert_refused(&m, "stride is 10; it is 1 to 9");
    m.interval = (struct interval){10, 17, 3};
    assert_refused(&m, "last slot 17 is not in its interval");

    m = (struct message){.kind = MESSAGE_ACCEPT,
                         .slot = 13,
                         .interval = {10, 16, 3},
                         .ballot = {0, 1, 1},
                         .value = value_noop()};
    assert_refused(&m, "ACCEPT skips its own slot");
    m = (struct message){.kind = MESSAGE_CHOSEN, .interval = {10, 16, 3}};
    assert_refused(&m, "CHOSEN has no value");
    m.value = value_noop();
    m.slot = 10;
    assert_refused(&m, "CHOSEN has a slot and an interval");
    m.slot = 0;
    m.value = sample_batch(1);
    assert_refused(&m, "CHOSEN of an interval has a value that is not NOOP");
    m.kind = MESSAGE_VOTED;
    m.ballot = (struct ballot){0, 1, 1};
    assert_refused(&m, "VOTED of an interval has a value that is not NOOP");
    value_unref(m.value);
    m = (struct message){.kind = MESSAGE_REFUSED_RANGE,
                         .interval = {10, 16, 3},
                         .ballot = {1, 1, 1},
                         .other = {1, 1, 1}};
    assert_refused(&m, "REFUSED_RANGE for a ballot that is not below the promised one");
    m = (struct message){.kind = MESSAGE_HEARTBEAT, .progress = {.boot = 1, .broken = {0x200}}};
    assert_refused(&m, "broken has more than 9 members");
}

/* A promise of slots 1000, 1003, ... 1030 at ballot 3.2.5, with one report. */
static void assert_report_refused(struct vote_report r, const char *text)
{
    struct message m = {.kind = MESSAGE_PROMISE_RANGE,
                        .interval = {1000, 1030, 3},
                        .ballot = {.round = 3, .node = 2, .boot = 5}};
    assert_int_equal(reports_new(1, &m.reports), 0);
    /* Past reports_add, which asserts what is to be refused. */
    m.reports->items[m.reports->count++] = r;
    assert_refused(&m, text);
    reports_unref(m.reports);
}

static void test_reports_refused(void **state)
{
    (void)state;
    struct value *noop = value_noop();
    struct ballot high = {.round = 3, .node = 3, .boot = 1};
    assert_report_refused((struct vote_report){.interval = {997, 1000, 3}, .value = noop},
                          "report of slots 997 to 1000, which are not all promised");
    assert_report_refused((struct vote_report){.interval = {1030, 1033, 3}, .value = noop},
                          "report of slots 1030 to 1033, which are not all promised");
    assert_report_refused((struct vote_report){.interval = {1001, 1001, 1}, .value = noop},
                          "report of slots 1001 to 1001, which are not all promised");
    assert_report_refused((struct vote_report){.interval = {1000, 1003, 1}, .value = noop},
                          "report of slots 1000 to 1003, which are not all promised");
    assert_report_refused((struct vote_report){.interval = {1000, 1003, 2}, .value = noop},
                          "last slot 1003 is not in its interval");
    assert_report_refused(
        (struct vote_report){.interval = {1000, 1000, 1}, .ballot = high, .value = noop},
        "reported ballot is above the promised one");
    assert_report_refused(
        (struct vote_report){.interval = {1000, 1000, 1}, .ballot = {0, 0, 1}, .value = noop},
        "reported ballot has no node or no boot");
    assert_report_refused(
        (struct vote_report){.interval = {1000, 1003, 3}, .value = sample_batch(1)},
        "report of many slots is not of NOOP");
    struct value *v = sample_batch(1);
    v->kind = (enum value_kind)0;
    assert_report_refused((struct vote_report){.interval = {1000, 1000, 1}, .value = v},
                          "report has no value");

    struct message m = {.kind = MESSAGE_PROMISE_RANGE,
                        .interval = {1000, 1030, 3},
                        .ballot = {.round = 3, .node = 2, .boot = 5}};
    assert_int_equal(reports_new(2, &m.reports), 0);
    reports_add(m.reports,
                (struct vote_report){.interval = {1003, 1003, 3}, .value = sample_batch(1)});
    reports_add(m.reports, (struct vote_report){.interval = {1000, 1000, 3}, .value = noop});
    assert_refused(&m, "reports are not in the order of their first slots");
    m.kind = MESSAGE_PREPARE_RANGE;
    reports_unref(m.reports);
    assert_int_equal(mem_outstanding(), 0);
}

/* These bytes are refused with this text; or not, if it is empty. */
static void assert_raw(struct bytes in, const char *text)
{
    struct wire_arena arena;
    struct wire_error error = {""};
    struct hello hello;
    struct message m;
    wire_arena_init(&arena);
    int err = wire_decode_message(in, &arena, &hello, &m, &error);
    assert_string_equal(error.text, text);
    assert_int_equal(err, text[0] == '\0' ? 0 : ERR_INVALID);
    wire_arena_fini(&arena);
}

/* A SKIP of slots 10 to 16, and then `more`. */
static void assert_skip_with(const char *more, size_t more_size, const char *text)
{
    static const uint8_t skip[] = {0x08, 17, 0xa8, 1, 10, 0xb0, 1, 16, 0xb8, 1, 3};
    uint8_t raw[64];
    memcpy(raw, skip, sizeof(skip));
    memcpy(raw + sizeof(skip), more, more_size);
    assert_raw((struct bytes){.data = raw, .size = sizeof(skip) + more_size}, text);
}

static void test_fields_by_hand(void **state)
{
    (void)state;
    const char *stray = "SKIP has a field that is not its";
    const char *no_protobuf = "these bytes are no protobuf message of the kind expected here";
    assert_skip_with("", 0, "");
    assert_skip_with("\xb0\x01\x10", 3, "");    /* The last of two counts. */
    assert_skip_with("\xc2\x01\x00", 3, stray); /* A report. */
    assert_skip_with("\x18\x01", 2, stray);     /* ballot_round */
    assert_skip_with("\x18\x00", 2, "");        /* 0 is what an absent one is. */
    assert_skip_with("\xf8\x01\x05", 3, "");    /* Field 31, unknown as yet. */
    assert_skip_with("\xfa\x01\x01x", 4, "");   /* The same, of another type. */
    assert_skip_with("\xf9\x01"
                     "12345678",
                     10, ""); /* Eight bytes, */
    assert_skip_with("\xfd\x01"
                     "1234",
                     6, ""); /* and four. */
    assert_skip_with("\xfd\x01"
                     "123",
                     5, no_protobuf);
    assert_skip_with("\xc0\x01\x05", 3, no_protobuf);  /* Reports are no number. */
    assert_skip_with("\xaa\x01\x01x", 4, no_protobuf); /* The first slot is one. */
    assert_skip_with("\xad\x01"
                     "1234",
                     6, no_protobuf);
    assert_skip_with("\x00\x01", 2, no_protobuf);     /* Field 0. */
    assert_skip_with("\xa8\x01\xff", 3, no_protobuf); /* A number that does not end. */
    assert_skip_with("\xa8\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 13, no_protobuf);
    /* A stride is not cut to its 32 bits. */
    assert_skip_with("\xb8\x01\x83\x80\x80\x80\x10", 7, "stride is 4294967299; it is 1 to 9");
    /* Nor is the node of a PREPARE's ballot. */
    assert_raw(bytes_of("\x08\x04\x10\x01\x18\x01\x20\x81\x80\x80\x80\x10\x28\x01"),
               "node is 4294967297; it is at most 4294967295");
    assert_raw((struct bytes){0}, "message kind 0 is unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_messages),   cmocka_unit_test(test_many_reports),
        cmocka_unit_test(test_intervals_refused), cmocka_unit_test(test_reports_refused),
        cmocka_unit_test(test_fields_by_hand),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
