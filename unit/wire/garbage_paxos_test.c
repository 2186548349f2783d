/*
 * garbage_paxos_test.c -- garbage instead of what nodes say to each other.
 *
 * The rooms above assert what a message must be; what is let through must keep that.
 */
#include "garbage.h"

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
    bool has_slot = (m->kind >= MESSAGE_PREPARE && m->kind <= MESSAGE_CHOSEN) ||
                    m->kind == MESSAGE_SKIPPED || m->kind == MESSAGE_COMING;
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

static const struct decoder decoders[] = {
    {"envelope", 7, sample_envelope, decode_envelope},
    {"fetch", 8, sample_fetch, decode_fetch},
    {"chosen", 9, sample_chosen, decode_chosen},
};

static void test_garbage(void **state)
{
    (void)state;
    garbage_check(decoders, sizeof(decoders) / sizeof(decoders[0]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_garbage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
