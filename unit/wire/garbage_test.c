/*
 * garbage_test.c -- bytes that nobody sent: random ones, and valid messages with a few bits wrong.
 *
 * Nothing crashes (this runs under the sanitizers), and whatever a decoder lets through keeps the
 * rules and, encoded again, is decoded to the same.
 */
#include "samples.h"

#include "wire/batch_wire.h"
#include "wire/health_wire.h"

#define ROUNDS 10000
#define INPUT_SIZE_MAX 512

struct decoder {
    const char *name;
    /* Append a valid message; which of them, `choice` says. */
    void (*sample)(struct buf *out, uint64_t choice);
    /* 0: it was let through, was checked, and is in *again once more; else ERR_INVALID. */
    int (*decode)(struct bytes in, struct wire_arena *arena, struct buf *again);
};

static void add(int err)
{
    assert_int_equal(err, 0);
}

/* ---- KV ------------------------------------------------------------------------------------ */

static enum command_kind write_kind;

static void sample_write(struct buf *out, uint64_t choice)
{
    struct command c = sample_put();
    c.kind = write_kind;
    if (c.kind == COMMAND_DELETE)
        c.value = (struct bytes){0};
    if (c.kind == COMMAND_CAS) {
        c.expect = (enum command_expect)(1 + choice % 3);
        if (c.expect == EXPECT_VALUE)
            c.expected = bytes_of("expected");
        if (c.expect == EXPECT_REVISION)
            c.expected_revision = 12345;
    }
    add(wire_encode_write(&c, out));
}

static int decode_write(struct bytes in, struct wire_arena *arena, struct buf *again)
{
    struct command c;
    struct wire_error error;
    TRY(wire_decode_write(write_kind, in, arena, &c, &error));
    assert_int_equal(command_check(&c), 0);
    assert_true(command_size(&c) <= VALUE_BYTES_MAX);
    add(wire_encode_write(&c, again));
    return 0;
}

static void sample_get(struct buf *out, uint64_t choice)
{
    struct wire_get g = {.key = bytes_of("key"), .consistency = choice % 3, .min_slot = 9};
    add(wire_encode_get(&g, out));
}

static int decode_get(struct bytes in, struct wire_arena *arena, struct buf *again)
{
    struct wire_get g;
    struct wire_error error;
    TRY(wire_decode_get(in, arena, &g, &error));
    assert_true(g.key.size >= 1 && g.key.size <= KEY_SIZE_MAX);
    assert_true(g.min_slot <= WIRE_NUMBER_MAX);
    add(wire_encode_get(&g, again));
    return 0;
}

static void sample_get_answer(struct buf *out, uint64_t choice)
{
    struct wire_get_answer a = {.slot = choice >> 3,
                                .revision = 4,
                                .node = 1,
                                .found = true,
                                .value = bytes_of("value"),
                                .create_revision = 1,
                                .mod_revision = 2,
                                .version = 3};
    add(wire_encode_get_answer(&a, out));
}

static int decode_get_answer(struct bytes in, struct wire_arena *arena, struct buf *again)
{
    struct wire_get_answer a;
    struct wire_error error;
    TRY(wire_decode_get_answer(in, arena, &a, &error));
    add(wire_encode_get_answer(&a, again));
    return 0;
}

static void sample_write_answer(struct buf *out, uint64_t choice)
{
    struct wire_write_answer a = {.slot = 5,
                                  .revision = choice,
                                  .applied = true,
                                  .has_previous = choice % 2 == 0,
                                  .previous = bytes_of("previous"),
                                  .has_output = choice % 3 == 0};
    add(wire_encode_write_answer(&a, out));
}

static int decode_write_answer(struct bytes in, struct wire_arena *arena, struct buf *again)
{
    struct wire_write_answer a;
    struct wire_error error;
    TRY(wire_decode_write_answer(in, arena, &a, &error));
    add(wire_encode_write_answer(&a, again));
    return 0;
}

static void sample_kv_hello(struct buf *out, uint64_t choice)
{
    struct wire_kv_hello h = {.node = 1, .cluster = "dkv", .applied = choice, .version = "0.1.0"};
    add(wire_encode_kv_hello(&h, out));
}

static int decode_kv_hello(struct bytes in, struct wire_arena *arena, struct buf *again)
{
    struct wire_kv_hello h;
    struct wire_error error;
    TRY(wire_decode_kv_hello(in, arena, &h, &error));
    add(wire_encode_kv_hello(&h, again));
    return 0;
}

/* ---- Paxos --------------------------------------------------------------------------------- */

static void check_ballot(struct ballot b)
{
    assert_true(b.node > 0 && b.boot > 0 && b.boot <= WIRE_NUMBER_MAX);
    assert_true(b.round <= WIRE_NUMBER_MAX);
}

static void check_value(const struct value *v)
{
    uint32_t count;
    switch (v->kind) {
    case VALUE_NOOP:
        assert_ptr_equal(v, value_noop());
        break;
    case VALUE_BARRIER:
        assert_int_equal(v->size, 0);
        break;
    case VALUE_BATCH:
        assert_true(v->size <= VALUE_BYTES_MAX);
        assert_int_equal(batch_check(value_bytes(v), &count), 0);
        break;
    default:
        fail();
    }
    if (v->kind != VALUE_NOOP)
        assert_true(v->tag.node > 0 && v->tag.boot > 0 && v->tag.sequence > 0);
}

static void check_one_interval(struct interval i)
{
    assert_true(interval_is_valid(i));
    assert_true(i.last <= WIRE_NUMBER_MAX && i.last - i.first < INTERVAL_SPAN_MAX);
    assert_true(i.stride <= MEMBERS_MAX);
}

static void check_interval_of(const struct message *m)
{
    switch (m->kind) {
    case MESSAGE_ACCEPT:
    case MESSAGE_CHOSEN:
        if (!interval_is_none(m->interval))
            check_one_interval(m->interval);
        assert_false(m->slot > 0 && interval_has(m->interval, m->slot));
        break;
    case MESSAGE_PREPARE_RANGE:
    case MESSAGE_PROMISE_RANGE:
    case MESSAGE_ACCEPT_NOOP:
    case MESSAGE_VOTED:
    case MESSAGE_REFUSED_RANGE:
    case MESSAGE_SKIP:
    case MESSAGE_LEARN_NOOP:
    case MESSAGE_ASK:
        check_one_interval(m->interval);
        break;
    default:
        assert_true(interval_is_none(m->interval));
    }
    if (m->kind == MESSAGE_VOTED && m->value != NULL)
        assert_ptr_equal(m->value, value_noop());
}

/* Slot by slot: is each one promised? */
static void check_reports(const struct message *m)
{
    uint64_t first = 0;
    if (m->reports == NULL)
        return;
    assert_int_equal(m->kind, MESSAGE_PROMISE_RANGE);
    assert_true(m->reports->count > 0 && m->reports->count <= REPORTS_MAX);
    for (uint32_t i = 0; i < m->reports->count; i++) {
        const struct vote_report *r = &m->reports->items[i];
        check_one_interval(r->interval);
        for (uint64_t slot = r->interval.first; slot <= r->interval.last;
             slot += r->interval.stride)
            assert_true(interval_has(m->interval, slot));
        assert_true(r->interval.first >= first);
        first = r->interval.first;
        if (!ballot_is_none(r->ballot))
            check_ballot(r->ballot);
        assert_true(ballot_cmp(r->ballot, m->ballot) <= 0);
        check_value(r->value);
        assert_true(interval_count(r->interval) == 1 || r->value == value_noop());
    }
}

/* What the rooms above assert of a message, said once more and in another way. */
static void check_message(const struct message *m)
{
    bool has_slot =
        (m->kind >= MESSAGE_PREPARE && m->kind <= MESSAGE_CHOSEN) || m->kind == MESSAGE_SKIPPED;
    bool has_ballot = (m->kind >= MESSAGE_PREPARE && m->kind <= MESSAGE_LEARN) ||
                      (m->kind >= MESSAGE_PREPARE_RANGE && m->kind <= MESSAGE_REFUSED_RANGE);
    if (m->kind == MESSAGE_CHOSEN)
        assert_int_equal(m->slot > 0, interval_is_none(m->interval));
    else if (m->kind != MESSAGE_READ && m->kind != MESSAGE_READ_ANSWER)
        assert_int_equal(m->slot > 0, has_slot);
    assert_true(m->slot <= WIRE_NUMBER_MAX && m->to <= WIRE_NUMBER_MAX);
    check_interval_of(m);
    check_reports(m);
    if (has_ballot && (m->kind != MESSAGE_LEARN || m->value == NULL))
        check_ballot(m->ballot);
    if (m->value != NULL)
        check_value(m->value);
    if (m->kind == MESSAGE_PROMISE)
        assert_int_equal(m->value == NULL, ballot_is_none(m->other));
    if (m->kind == MESSAGE_ACCEPT || m->kind == MESSAGE_CHOSEN)
        assert_non_null(m->value);
    if (m->kind == MESSAGE_REFUSED || m->kind == MESSAGE_REFUSED_RANGE)
        assert_true(ballot_cmp(m->other, m->ballot) > 0);
    if (m->kind == MESSAGE_FETCH)
        assert_true(m->to >= m->slot);
    assert_int_equal(m->hello != NULL, m->kind == MESSAGE_HELLO);
    if (m->hello != NULL) {
        assert_true(members_is_valid(&m->hello->members));
        assert_true(m->hello->id > 0 && m->hello->boot > 0 && m->hello->cluster[0] != '\0');
    }
}

static void sample_envelope(struct buf *out, uint64_t choice)
{
    struct wire_list list = {.buf = *out};
    for (int i = 0; i < 3; i++) {
        struct hello hello;
        struct message m = sample_message((int)((choice >> (8 * i)) % SAMPLE_MESSAGES), &hello);
        add(wire_envelope_add(&list, &m));
        sample_drop(&m);
    }
    *out = list.buf;
}

static int decode_envelope(struct bytes in, struct wire_arena *arena, struct buf *again)
{
    struct wire_envelope e;
    struct wire_list list = {.buf = *again};
    struct wire_error error;
    struct bytes raw;
    int err;
    add(wire_envelope_begin(in, &e, &error));
    while ((err = wire_envelope_next(&e, &raw, &error)) == 0) {
        struct message m;
        struct hello hello;
        err = wire_decode_message(raw, arena, &hello, &m, &error);
        if (err != 0)
            break;
        check_message(&m);
        add(wire_envelope_add(&list, &m));
        sample_drop(&m);
    }
    *again = list.buf;
    return err == ERR_NOT_FOUND ? 0 : err;
}

static void sample_fetch(struct buf *out, uint64_t choice)
{
    struct wire_fetch f = {.from = 5, .to = 5 + (choice >> 3), .hello = sample_hello()};
    add(wire_encode_fetch(&f, out));
}

static int decode_fetch(struct bytes in, struct wire_arena *arena, struct buf *again)
{
    struct wire_fetch f;
    struct wire_error error;
    TRY(wire_decode_fetch(in, arena, &f, &error));
    assert_true(f.from >= 1 && f.from <= f.to && f.to <= WIRE_NUMBER_MAX);
    add(wire_encode_fetch(&f, again));
    return 0;
}

static void sample_chosen(struct buf *out, uint64_t choice)
{
    struct wire_list list = {.buf = *out};
    struct value *v = sample_batch((int)(1 + choice % 3));
    add(wire_chosen_add(&list, 10, v->kind, v->tag, value_bytes(v)));
    add(wire_chosen_add(&list, 11 + choice % 5, VALUE_NOOP, (struct tag){0}, (struct bytes){0}));
    add(wire_chosen_add_noops(&list, (struct interval){10 + choice % 3, 16 + choice % 3, 3}));
    add(wire_chosen_end(&list, 17));
    *out = list.buf;
    value_unref(v);
}

static int decode_chosen(struct bytes in, struct wire_arena *arena, struct buf *again)
{
    struct wire_chosen c;
    struct wire_list list = {.buf = *again};
    struct wire_error error;
    struct message m;
    uint64_t last = 0;
    TRY(wire_chosen_begin(in, 10, 20, &c, &error));
    assert_true(c.next == 0 || (c.next > 10 && c.next <= 20));
    int err;
    while ((err = wire_chosen_next(&c, arena, &m, &error)) == 0) {
        check_message(&m);
        if (m.slot == 0) {
            assert_true(m.interval.first >= 10 && m.interval.last <= 20);
            add(wire_chosen_add_noops(&list, m.interval));
            continue;
        }
        assert_true(m.slot > last && m.slot >= 10 && m.slot <= 20);
        last = m.slot;
        add(wire_chosen_add(&list, m.slot, m.value->kind, m.value->tag, value_bytes(m.value)));
        value_unref(m.value);
    }
    add(wire_chosen_end(&list, c.next));
    *again = list.buf;
    return err == ERR_NOT_FOUND ? 0 : err;
}

/* ---- Admin, health ------------------------------------------------------------------------- */

static void sample_status(struct buf *out, uint64_t choice)
{
    struct wire_status s = {
        .id = 1,
        .cluster = "dkv",
        .mode = MODE_CLASSIC,
        .members = {.count = 3, .ids = {1, 2, 3}},
        .applied = choice,
        .awaited_count = 2,
        .awaited = {2, 3},
        .peers_count = 1,
        .peers = {{.id = 2, .address = "localhost:5002", .refused = ""}},
        .version = "0.1.0",
    };
    add(wire_encode_status(&s, out));
}

static int decode_status(struct bytes in, struct wire_arena *arena, struct buf *again)
{
    struct wire_status s;
    struct wire_error error;
    TRY(wire_decode_status(in, arena, &s, &error));
    assert_true(members_is_valid(&s.members));
    assert_true(s.awaited_count <= MEMBERS_MAX && s.peers_count <= MEMBERS_MAX);
    add(wire_encode_status(&s, again));
    return 0;
}

static void sample_metrics(struct buf *out, uint64_t choice)
{
    struct wire_metric metric = {
        .name = "a", .labels = "b", .help = "c", .kind = WIRE_GAUGE, .value = (double)choice};
    struct wire_histogram histogram = {.name = "a", .labels = "b", .help = "c", .p99 = choice};
    struct wire_metrics m = {&metric, 1, &histogram, 1};
    add(wire_encode_metrics(&m, out));
}

static int decode_metrics(struct bytes in, struct wire_arena *arena, struct buf *again)
{
    struct wire_metrics m;
    struct wire_error error;
    TRY(wire_decode_metrics(in, arena, &m, &error));
    add(wire_encode_metrics(&m, again));
    return 0;
}

static void sample_set_faults(struct buf *out, uint64_t choice)
{
    struct wire_set_faults f = {.replace = choice % 2 == 0,
                                .rules_count = 2,
                                .rules = {{2, WIRE_IN, 5, 6, 7, 8}, {3, WIRE_OUT, 9, 10, 11, 12}}};
    add(wire_encode_set_faults(&f, out));
}

static int decode_set_faults(struct bytes in, struct wire_arena *arena, struct buf *again)
{
    struct wire_set_faults f;
    struct wire_error error;
    TRY(wire_decode_set_faults(in, arena, &f, &error));
    assert_true(f.rules_count <= WIRE_FAULT_RULES_MAX);
    for (uint32_t i = 0; i < f.rules_count; i++) {
        assert_true(f.rules[i].peer > 0 && f.rules[i].drop_ppm <= WIRE_PPM_MAX);
        assert_true(f.rules[i].delay_ms <= WIRE_FAULT_DELAY_MS_MAX);
    }
    add(wire_encode_set_faults(&f, again));
    return 0;
}

static void sample_faults(struct buf *out, uint64_t choice)
{
    struct wire_faults f = {
        .enabled = true, .rules_count = 1, .rules = {{2, WIRE_IN, 5, 6, 7, 8}}, .dropped = choice};
    add(wire_encode_faults(&f, out));
}

static int decode_faults(struct bytes in, struct wire_arena *arena, struct buf *again)
{
    struct wire_faults f;
    struct wire_error error;
    TRY(wire_decode_faults(in, arena, &f, &error));
    assert_true(f.rules_count <= WIRE_FAULT_RULES_MAX);
    add(wire_encode_faults(&f, again));
    return 0;
}

static void sample_log(struct buf *out, uint64_t choice)
{
    struct wire_list list = {.buf = *out};
    struct wire_arena arena;
    struct value *v = sample_batch(2);
    struct wire_log_slot s = {.slot = choice,
                              .promised = {.round = 1, .node = 2, .boot = 3},
                              .value_kind = VALUE_BATCH,
                              .voters = {1, 2},
                              .voters_count = 2};
    wire_arena_init(&arena);
    add(wire_log_commands(value_bytes(v), &arena, &s.commands, &s.commands_count));
    add(wire_log_add(&list, &s));
    add(wire_log_end(&list, 3, 4, 5));
    *out = list.buf;
    wire_arena_fini(&arena);
    value_unref(v);
}

static int decode_log(struct bytes in, struct wire_arena *arena, struct buf *again)
{
    struct wire_log l;
    struct wire_list list = {.buf = *again};
    struct wire_error error;
    struct wire_log_slot s;
    TRY(wire_log_begin(in, &l, &error));
    int err;
    while ((err = wire_log_next(&l, arena, &s, &error)) == 0) {
        assert_true(s.voters_count <= MEMBERS_MAX);
        add(wire_log_add(&list, &s));
    }
    add(wire_log_end(&list, l.next, l.applied, l.chosen_to));
    *again = list.buf;
    return err == ERR_NOT_FOUND ? 0 : err;
}

static void sample_health(struct buf *out, uint64_t choice)
{
    add(wire_encode_health_request(choice % 2 == 0 ? "dkv.v1.KV" : "", out));
}

static int decode_health(struct bytes in, struct wire_arena *arena, struct buf *again)
{
    const char *service;
    struct wire_error error;
    TRY(wire_decode_health_request(in, arena, &service, &error));
    add(wire_encode_health_request(service, again));
    return 0;
}

static void sample_health_answer(struct buf *out, uint64_t choice)
{
    add(wire_encode_health_answer((enum wire_serving)(choice % 4), out));
}

static int decode_health_answer(struct bytes in, struct wire_arena *arena, struct buf *again)
{
    enum wire_serving serving;
    struct wire_error error;
    TRY(wire_decode_health_answer(in, arena, &serving, &error));
    add(wire_encode_health_answer(serving, again));
    return 0;
}

/* ---- Batch --------------------------------------------------------------------------------- */

static void sample_many(struct buf *out, uint64_t choice)
{
    struct wire_list list = {0};
    struct wire_get g = {.key = bytes_of("key")};
    struct command c = sample_put();
    for (uint64_t i = 0; i < choice % 4; i++)
        add(wire_batch_add_get(&list, choice + i, 5, &g));
    add(wire_batch_add_write(&list, choice, 0, &c));
    add(buf_append(out, buf_bytes(&list.buf)));
    wire_list_fini(&list);
}

static int decode_batch_op(const struct wire_batch_op *op, struct wire_arena *arena,
                           struct wire_list *again, struct wire_error *error)
{
    struct wire_get g;
    struct command c;
    if (!op->is_known)
        return ERR_INVALID;
    if (op->is_get) {
        TRY(wire_decode_get(op->body, arena, &g, error));
        add(wire_batch_add_get(again, op->number, op->timeout_ms, &g));
        return 0;
    }
    TRY(wire_decode_write(op->kind, op->body, arena, &c, error));
    add(wire_batch_add_write(again, op->number, op->timeout_ms, &c));
    return 0;
}

static int decode_batch(struct bytes in, struct wire_arena *arena, struct buf *again)
{
    struct wire_error error;
    struct wire_batch_head head;
    TRY(wire_batch_begin(in, &head, &error));
    struct wire_list list = {0};
    int err = 0;
    for (uint32_t i = 0; i < head.count && err == 0; i++) {
        struct wire_batch_op op;
        err = wire_batch_next_op(&in, &op, &error);
        if (err == 0)
            err = decode_batch_op(&op, arena, &list, &error);
    }
    if (err == 0)
        add(buf_append(again, buf_bytes(&list.buf)));
    wire_list_fini(&list);
    return err;
}

static void sample_batch_answers(struct buf *out, uint64_t choice)
{
    struct wire_list list = {0};
    const struct wire_get_answer read = {.slot = choice >> 9, .found = true};
    const struct wire_write_answer write = {.slot = 3, .applied = true};
    const struct wire_batch_error error = {
        .code = 1 + (uint32_t)(choice % 16), .text = "why", .reason = "R", .retry_after_ms = 9};
    add(wire_batch_add_get_answer(&list, 1, &read));
    add(wire_batch_add_error(&list, choice, &error));
    add(wire_batch_add_write_answer(&list, 2, &write));
    add(buf_append(out, buf_bytes(&list.buf)));
    wire_list_fini(&list);
}

static int decode_batch_answers(struct bytes in, struct wire_arena *arena, struct buf *again)
{
    struct wire_error error;
    struct wire_list list = {0};
    int err = 0;
    while (err == 0) {
        struct wire_batch_answer a;
        err = wire_batch_next_answer(&in, &a, &error);
        struct wire_get_answer read;
        struct wire_write_answer write;
        const struct wire_batch_error failure = {
            .code = a.code, .text = a.text, .reason = a.reason, .retry_after_ms = a.retry_after_ms};
        if (err != 0)
            break;
        if (a.code != 0)
            add(wire_batch_add_error(&list, a.number, &failure));
        else if (a.is_get && (err = wire_decode_get_answer(a.body, arena, &read, &error)) == 0)
            add(wire_batch_add_get_answer(&list, a.number, &read));
        else if (!a.is_get && (err = wire_decode_write_answer(a.body, arena, &write, &error)) == 0)
            add(wire_batch_add_write_answer(&list, a.number, &write));
    }
    if (err == ERR_NOT_FOUND) {
        err = 0;
        add(buf_append(again, buf_bytes(&list.buf)));
    }
    wire_list_fini(&list);
    return err;
}

static const struct decoder decoders[] = {
    {"batch", sample_many, decode_batch},
    {"batch answers", sample_batch_answers, decode_batch_answers},
    {"get", sample_get, decode_get},
    {"get answer", sample_get_answer, decode_get_answer},
    {"write answer", sample_write_answer, decode_write_answer},
    {"kv hello", sample_kv_hello, decode_kv_hello},
    {"envelope", sample_envelope, decode_envelope},
    {"fetch", sample_fetch, decode_fetch},
    {"chosen", sample_chosen, decode_chosen},
    {"status", sample_status, decode_status},
    {"metrics", sample_metrics, decode_metrics},
    {"set faults", sample_set_faults, decode_set_faults},
    {"faults", sample_faults, decode_faults},
    {"log", sample_log, decode_log},
    {"health", sample_health, decode_health},
    {"health answer", sample_health_answer, decode_health_answer},
};

/* ---- What is done to them ------------------------------------------------------------------ */

static void mutate(struct prng *p, struct buf *b)
{
    uint64_t wounds = prng_below(p, 4); /* None: it must be let through. */
    for (uint64_t i = 0; i < wounds && b->size > 0; i++) {
        size_t at = (size_t)prng_below(p, b->size);
        switch (prng_below(p, 4)) {
        case 0:
            b->data[at] = (uint8_t)(b->data[at] ^ 1U << prng_below(p, 8));
            break;
        case 1:
            b->data[at] = (uint8_t)prng_next(p);
            break;
        case 2:
            b->size = at;
            break;
        default: /* A piece of it once more. */
            add(buf_reserve(b, b->size - at));
            memcpy(b->data + b->size, b->data + at, b->size - at);
            b->size += b->size - at;
            break;
        }
    }
}

/* An input of exactly its size, so that reading past its end is seen. */
static int decode_exactly(const struct decoder *d, struct bytes in, struct wire_arena *arena,
                          struct buf *again)
{
    uint8_t *exact = mem_alloc(in.size == 0 ? 1 : in.size);
    assert_non_null(exact);
    if (in.size > 0)
        memcpy(exact, in.data, in.size);
    int err = d->decode((struct bytes){.data = exact, .size = in.size}, arena, again);
    mem_free(exact);
    assert_true(err == 0 || err == ERR_INVALID);
    return err;
}

/* What was let through means the same after one more round trip. */
static bool check_one(const struct decoder *d, struct bytes in)
{
    struct wire_arena arena;
    struct buf again = {0};
    struct buf third = {0};
    wire_arena_init(&arena);
    int err = decode_exactly(d, in, &arena, &again);
    if (err == 0) {
        assert_int_equal(decode_exactly(d, buf_bytes(&again), &arena, &third), 0);
        assert_bytes(buf_bytes(&third), buf_bytes(&again));
    }
    wire_arena_fini(&arena);
    buf_fini(&again);
    buf_fini(&third);
    return err == 0;
}

static void check_decoder(const struct decoder *d, uint64_t seed)
{
    struct prng p;
    struct buf b = {0};
    int taken = 0;
    prng_init(&p, seed);
    for (int round = 0; round < ROUNDS; round++) {
        buf_clear(&b);
        if (round % 4 == 0) {
            size_t size = (size_t)prng_below(&p, INPUT_SIZE_MAX);
            for (size_t i = 0; i < size; i++)
                add(buf_append_u8(&b, (uint8_t)prng_next(&p)));
        } else {
            d->sample(&b, prng_next(&p) >> 8);
            mutate(&p, &b);
        }
        if (check_one(d, buf_bytes(&b)))
            taken++;
    }
    buf_fini(&b);
    /* Else this test would say nothing of what is let through. */
    if (taken < ROUNDS / 20)
        fail_msg("%s: only %d of %d inputs were let through", d->name, taken, ROUNDS);
    assert_int_equal(mem_outstanding(), 0);
}

static void test_garbage(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(decoders) / sizeof(decoders[0]); i++)
        check_decoder(&decoders[i], 1 + i);
}

static void test_garbage_writes(void **state)
{
    (void)state;
    static const struct decoder write = {"write", sample_write, decode_write};
    for (write_kind = COMMAND_PUT; write_kind <= COMMAND_CAS; write_kind++)
        check_decoder(&write, 100 + (uint64_t)write_kind);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_garbage),
        cmocka_unit_test(test_garbage_writes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
