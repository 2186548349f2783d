/* record_test.c -- the bytes on disk: what is written comes back, and nothing else does. */
#include "../unit.h"

#include <stdio.h>
#include <string.h>

#include "base/be.h"
#include "base/mem.h"
#include "kv/command.h"
#include "record/frame.h"
#include "record/record.h"

static const struct ballot LOW = {.round = 1, .node = 2, .boot = 7};
static const struct ballot HIGH = {.round = 3, .node = 1, .boot = 9};

/* A value whose one reference is the caller's. */
static struct value *value_make(enum value_kind kind)
{
    if (kind == VALUE_NOOP)
        return value_noop();
    struct buf batch = {0};
    if (kind == VALUE_BATCH) {
        struct command put = {
            .kind = COMMAND_PUT, .key = bytes_of("key"), .value = bytes_of("some value")};
        assert_int_equal(command_encode(&put, &batch), 0);
    }
    struct value *v = NULL;
    struct tag tag = {.node = 3, .boot = 4, .sequence = 5};
    assert_int_equal(value_new(kind, tag, buf_bytes(&batch), &v), 0);
    buf_fini(&batch);
    return v;
}

static const struct identity IDENTITY = {
    .cluster = "dkv",
    .mode = MODE_CLASSIC,
    .members = {.count = 3, .ids = {1, 2, 30}},
    .id = 2,
    .disk_id = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16},
};

static const struct checkpoint_head HEAD = {
    .applied = 100, .revision = 90, .evicted_to = 3, .hash = 77, .keys = 2, .clients = 1};

static const struct interval INTERVAL = {.first = 17, .last = 29, .stride = 3};

/* One record of each shape. */
#define SAMPLES 22
#define SAMPLES_RESERVED 14 /* The first of those of coordinated mode. */
#define SAMPLES_JOURNAL 19  /* And behind them. */

struct sample {
    enum record_table table;
    struct buf key;
    struct buf value;
};

static void sample_durable(struct sample *s, struct durable d)
{
    assert_int_equal(record_encode_durable(&d, &s->table, &s->key, &s->value), 0);
    value_unref(d.value);
}

static void samples_init_state(struct sample s[5])
{
    for (int i = 0; i < 2; i++) {
        s[i].table = i == 0 ? RECORD_TABLE_META : RECORD_TABLE_STATE;
        assert_int_equal(record_encode_identity(s[i].table, &IDENTITY, &s[i].key, &s[i].value), 0);
    }
    s[2].table = RECORD_TABLE_STATE;
    assert_int_equal(record_encode_checkpoint_head(&HEAD, &s[2].key, &s[2].value), 0);

    struct entry *e;
    struct bytes key = {.data = (const uint8_t *)"a\0b", .size = 3};
    assert_int_equal(entry_new(key, bytes_of("val"), bytes_of("ue"), &e), 0);
    entry_seal(e, 5, 6, 2);
    s[3].table = RECORD_TABLE_KEYS;
    assert_int_equal(buf_append(&s[3].key, key), 0);
    assert_int_equal(record_encode_checkpoint_key(e, &s[3].value), 0);
    entry_unref(e);

    s[4].table = RECORD_TABLE_SESSIONS;
    assert_int_equal(buf_append(&s[4].key, bytes_of("client")), 0);
    assert_int_equal(
        record_encode_checkpoint_session(buf_bytes(&s[4].key), bytes_of("opaque"), &s[4].value), 0);
}

/* What only coordinated mode writes. */
static void samples_init_coordinated(struct sample s[5])
{
    sample_durable(&s[0], (struct durable){.kind = DURABLE_RESERVED, .slot = 16384});
    sample_durable(
        &s[1],
        (struct durable){.kind = DURABLE_PROMISED_RANGE, .interval = INTERVAL, .promised = HIGH});
    sample_durable(
        &s[2], (struct durable){.kind = DURABLE_VOTED_NOOP, .interval = INTERVAL, .accepted = LOW});
    sample_durable(&s[3], (struct durable){.kind = DURABLE_LEARNT_NOOP, .interval = INTERVAL});
    struct identity identity = IDENTITY;
    identity.mode = MODE_COORDINATED;
    s[4].table = RECORD_TABLE_META;
    assert_int_equal(record_encode_identity(s[4].table, &identity, &s[4].key, &s[4].value), 0);
}

static void samples_init_undo(struct sample s[3], const struct sample *session)
{
    s[0].table = RECORD_TABLE_META;
    assert_int_equal(record_encode_journal(4096, &s[0].key, &s[0].value), 0);
    s[1].table = RECORD_TABLE_KEYS_UNDO; /* Of a key that was not there. */
    assert_int_equal(buf_append(&s[1].key, bytes_of("key")), 0);
    assert_int_equal(
        record_encode_undo(s[1].table, buf_bytes(&s[1].key), (struct bytes){0}, &s[1].value), 0);
    s[2].table = RECORD_TABLE_SESSIONS_UNDO;
    assert_int_equal(buf_append(&s[2].key, buf_bytes(&session->key)), 0);
    assert_int_equal(record_encode_undo(s[2].table, buf_bytes(&s[2].key),
                                        buf_bytes(&session->value), &s[2].value),
                     0);
}

static void samples_init(struct sample s[SAMPLES])
{
    memset(s, 0, SAMPLES * sizeof(*s));
    sample_durable(&s[0], (struct durable){.kind = DURABLE_VOTE, .slot = 17, .promised = LOW});
    enum value_kind kinds[] = {VALUE_NOOP, VALUE_BARRIER, VALUE_BATCH};
    for (int i = 0; i < 3; i++)
        sample_durable(&s[1 + i], (struct durable){.kind = DURABLE_VOTE,
                                                   .slot = 17,
                                                   .promised = HIGH,
                                                   .accepted = LOW,
                                                   .value = value_make(kinds[i])});
    sample_durable(
        &s[4],
        (struct durable){.kind = DURABLE_LEARNT, .slot = 18, .value = value_make(VALUE_BATCH)});
    sample_durable(&s[5], (struct durable){.kind = DURABLE_CHOSEN_TO, .slot = 16});
    sample_durable(&s[6], (struct durable){.kind = DURABLE_PEER, .peer = 3, .disk_id = {9, 8}});
    sample_durable(&s[7], (struct durable){.kind = DURABLE_ADMITTED});
    s[8].table = RECORD_TABLE_META;
    assert_int_equal(record_encode_boot(12, &s[8].key, &s[8].value), 0);
    samples_init_state(&s[9]);
    samples_init_coordinated(&s[SAMPLES_RESERVED]);
    samples_init_undo(&s[SAMPLES_JOURNAL], &s[13]);
}

static void samples_fini(struct sample s[SAMPLES])
{
    for (int i = 0; i < SAMPLES; i++) {
        buf_fini(&s[i].key);
        buf_fini(&s[i].value);
    }
    assert_int_equal(mem_outstanding(), 0);
}

static int sample_verify(const struct sample *s)
{
    return record_verify(s->table, buf_bytes(&s->key), buf_bytes(&s->value));
}

/* ---- What is written comes back --------------------------------------------------------- */

static void test_durables_come_back(void **state)
{
    (void)state;
    struct sample s[SAMPLES];
    samples_init(s);
    for (int i = 0; i < SAMPLES_RESERVED + 4; i++) {
        if (i >= 8 && i < SAMPLES_RESERVED)
            continue; /* No struct durable. */
        struct durable d;
        struct sample again = {0};
        assert_int_equal(
            record_decode_durable(s[i].table, buf_bytes(&s[i].key), buf_bytes(&s[i].value), &d), 0);
        /* Encoding is canonical: equal bytes are equal records. */
        sample_durable(&again, d);
        assert_int_equal(again.table, s[i].table);
        assert_true(bytes_equal(buf_bytes(&again.key), buf_bytes(&s[i].key)));
        assert_true(bytes_equal(buf_bytes(&again.value), buf_bytes(&s[i].value)));
        buf_fini(&again.key);
        buf_fini(&again.value);
    }
    samples_fini(s);
}

static void test_vote_field_by_field(void **state)
{
    (void)state;
    struct sample s[SAMPLES];
    samples_init(s);
    struct durable d;
    assert_int_equal(
        record_decode_durable(s[3].table, buf_bytes(&s[3].key), buf_bytes(&s[3].value), &d), 0);
    assert_int_equal(d.kind, DURABLE_VOTE);
    assert_int_equal(d.slot, 17);
    assert_int_equal(ballot_cmp(d.promised, HIGH), 0);
    assert_int_equal(ballot_cmp(d.accepted, LOW), 0);
    struct value *v = value_make(VALUE_BATCH);
    assert_true(value_equal(d.value, v));
    assert_int_equal(d.value->kind, VALUE_BATCH);
    assert_true(bytes_equal(value_bytes(d.value), value_bytes(v)));
    value_unref(v);
    value_unref(d.value);

    assert_int_equal(
        record_decode_durable(s[0].table, buf_bytes(&s[0].key), buf_bytes(&s[0].value), &d), 0);
    assert_true(ballot_is_none(d.accepted));
    assert_null(d.value);
    assert_int_equal(
        record_decode_durable(s[6].table, buf_bytes(&s[6].key), buf_bytes(&s[6].value), &d), 0);
    assert_int_equal(d.peer, 3);
    assert_int_equal(d.disk_id[1], 8);
    samples_fini(s);
}

static void assert_interval(struct interval i)
{
    assert_int_equal(i.first, INTERVAL.first);
    assert_int_equal(i.last, INTERVAL.last);
    assert_int_equal(i.stride, INTERVAL.stride);
}

static void test_intervals_field_by_field(void **state)
{
    (void)state;
    struct sample s[SAMPLES];
    samples_init(s);
    struct durable d[4];
    for (int i = 0; i < 4; i++) {
        const struct sample *from = &s[SAMPLES_RESERVED + i];
        assert_int_equal(record_decode_durable(from->table, buf_bytes(&from->key),
                                               buf_bytes(&from->value), &d[i]),
                         0);
    }
    assert_int_equal(d[0].kind, DURABLE_RESERVED);
    assert_int_equal(d[0].slot, 16384);
    assert_int_equal(d[1].kind, DURABLE_PROMISED_RANGE);
    assert_interval(d[1].interval);
    assert_int_equal(ballot_cmp(d[1].promised, HIGH), 0);
    assert_true(ballot_is_none(d[1].accepted));
    assert_int_equal(d[2].kind, DURABLE_VOTED_NOOP);
    assert_interval(d[2].interval);
    assert_int_equal(ballot_cmp(d[2].accepted, LOW), 0);
    assert_true(ballot_is_none(d[2].promised));
    assert_int_equal(d[3].kind, DURABLE_LEARNT_NOOP);
    assert_interval(d[3].interval);
    for (int i = 1; i < 4; i++)
        assert_null(d[i].value);
    samples_fini(s);
}

static void test_the_rest_comes_back(void **state)
{
    (void)state;
    struct sample s[SAMPLES];
    samples_init(s);
    uint64_t boot;
    assert_int_equal(record_decode_boot(buf_bytes(&s[8].key), buf_bytes(&s[8].value), &boot), 0);
    assert_int_equal(boot, 12);
    struct durable d;
    assert_int_equal(
        record_decode_durable(s[8].table, buf_bytes(&s[8].key), buf_bytes(&s[8].value), &d),
        ERR_NOT_FOUND);
    for (int i = 9; i < 11; i++) {
        struct identity identity;
        assert_int_equal(record_decode_identity(s[i].table, buf_bytes(&s[i].key),
                                                buf_bytes(&s[i].value), &identity),
                         0);
        assert_memory_equal(&identity, &IDENTITY, sizeof(identity));
    }
    struct identity coordinated;
    assert_int_equal(record_decode_identity(s[18].table, buf_bytes(&s[18].key),
                                            buf_bytes(&s[18].value), &coordinated),
                     0);
    assert_int_equal(coordinated.mode, MODE_COORDINATED);
    coordinated.mode = MODE_CLASSIC;
    assert_memory_equal(&coordinated, &IDENTITY, sizeof(coordinated));
    struct checkpoint_head head;
    assert_int_equal(
        record_decode_checkpoint_head(buf_bytes(&s[11].key), buf_bytes(&s[11].value), &head), 0);
    assert_memory_equal(&head, &HEAD, sizeof(head));
    struct record_entry e;
    assert_int_equal(
        record_decode_checkpoint_key(buf_bytes(&s[12].key), buf_bytes(&s[12].value), &e), 0);
    assert_true(bytes_equal(e.value, bytes_of("value")));
    assert_int_equal(e.create_revision, 5);
    assert_int_equal(e.mod_revision, 6);
    assert_int_equal(e.version, 2);
    struct bytes session;
    assert_int_equal(
        record_decode_checkpoint_session(buf_bytes(&s[13].key), buf_bytes(&s[13].value), &session),
        0);
    assert_true(bytes_equal(session, bytes_of("opaque")));
    samples_fini(s);
}

/* ---- Nothing else does ------------------------------------------------------------------ */

static void test_every_flipped_bit_is_found(void **state)
{
    (void)state;
    struct sample s[SAMPLES];
    samples_init(s);
    for (int i = 0; i < SAMPLES; i++) {
        assert_int_equal(sample_verify(&s[i]), 0);
        struct buf *parts[] = {&s[i].key, &s[i].value};
        for (int p = 0; p < 2; p++) {
            for (size_t bit = 0; bit < parts[p]->size * 8; bit++) {
                parts[p]->data[bit / 8] ^= (uint8_t)(1U << bit % 8);
                assert_int_equal(sample_verify(&s[i]), ERR_CORRUPT);
                parts[p]->data[bit / 8] ^= (uint8_t)(1U << bit % 8);
            }
        }
    }
    samples_fini(s);
}

/* The bytes lie at the end of a block, so that the address sanitizer sees one read too many. */
static int verify_exactly(enum record_table table, struct bytes key, const uint8_t *data,
                          size_t size)
{
    uint8_t *exact = mem_alloc(size + 1);
    assert_non_null(exact);
    memcpy(exact + 1, data, size);
    int err = record_verify(table, key, (struct bytes){.data = exact + 1, .size = size});
    mem_free(exact);
    return err;
}

static void test_every_truncation_is_found(void **state)
{
    (void)state;
    struct sample s[SAMPLES];
    samples_init(s);
    for (int i = 0; i < SAMPLES; i++) {
        struct bytes key = buf_bytes(&s[i].key);
        for (size_t size = 0; size < s[i].value.size; size++)
            assert_int_equal(verify_exactly(s[i].table, key, s[i].value.data, size), ERR_CORRUPT);
        assert_int_equal(buf_append_u8(&s[i].value, 0), 0);
        assert_int_equal(sample_verify(&s[i]), ERR_CORRUPT);
    }
    samples_fini(s);
}

static void test_a_good_record_elsewhere_is_found(void **state)
{
    (void)state;
    struct sample s[SAMPLES];
    samples_init(s);
    for (int i = 0; i < SAMPLES; i++) {
        for (int j = 0; j < SAMPLES; j++) {
            bool same =
                s[i].table == s[j].table && bytes_equal(buf_bytes(&s[i].key), buf_bytes(&s[j].key));
            int err = record_verify(s[j].table, buf_bytes(&s[j].key), buf_bytes(&s[i].value));
            assert_int_equal(err, same ? 0 : ERR_CORRUPT);
        }
    }
    samples_fini(s);
}

/* ---- Good checksum, bad content --------------------------------------------------------- */

/* Seal `body` under the key of sample s, and verify. */
static int verify_sealed(const struct sample *s, enum record_kind kind, struct bytes body)
{
    struct buf value = {0};
    assert_int_equal(frame_begin(kind, body.size, &value), 0);
    assert_int_equal(buf_append(&value, body), 0);
    frame_seal(s->table, buf_bytes(&s->key), &value);
    /* The same at the end of a block: see verify_exactly. */
    int err = verify_exactly(s->table, buf_bytes(&s->key), value.data, value.size);
    buf_fini(&value);
    return err;
}

static enum record_kind sample_kind(const struct sample *s)
{
    enum record_kind kind;
    assert_int_equal(record_kind_of(s->table, buf_bytes(&s->key), &kind), 0);
    return kind;
}

static void test_sealed_truncations_are_found(void **state)
{
    (void)state;
    struct sample s[SAMPLES];
    samples_init(s);
    for (int i = 0; i < SAMPLES; i++) {
        size_t full = s[i].value.size - RECORD_HEADER_SIZE;
        enum record_kind kind = sample_kind(&s[i]);
        for (size_t size = 0; size < full; size++) {
            struct bytes body = bytes_slice(buf_bytes(&s[i].value), RECORD_HEADER_SIZE, size);
            int err = verify_sealed(&s[i], kind, body);
            /* A shorter name, value or session is a good one, and that nothing was there before; so
             * is a promise without a vote's value never. */
            bool open_ended = (kind == RECORD_IDENTITY && size > full - 3) ||
                              (kind == RECORD_KEY && size >= 24) ||
                              (kind == RECORD_SESSION && size > 0) ||
                              (kind == RECORD_UNDO && size == 0);
            assert_int_equal(err, open_ended ? 0 : ERR_CORRUPT);
        }
    }
    samples_fini(s);
}

/* Replace the byte at offset of the body of sample s. */
static int verify_patched(const struct sample *s, size_t offset, uint8_t byte)
{
    struct buf body = {0};
    assert_int_equal(buf_append(&body, bytes_slice(buf_bytes(&s->value), RECORD_HEADER_SIZE,
                                                   s->value.size - RECORD_HEADER_SIZE)),
                     0);
    body.data[offset] = byte;
    int err = verify_sealed(s, sample_kind(s), buf_bytes(&body));
    buf_fini(&body);
    return err;
}

static void test_contents_that_break_a_rule(void **state)
{
    (void)state;
    struct sample s[SAMPLES];
    samples_init(s);
    /* A vote: promised at 0, accepted at 20, value at 40: kind, tag, content at 61. */
    assert_int_equal(verify_patched(&s[3], 7, 4), 0);            /* A higher promise is fine. */
    assert_int_equal(verify_patched(&s[3], 27, 9), ERR_CORRUPT); /* accepted > promised */
    assert_int_equal(verify_patched(&s[3], 31, 0), ERR_CORRUPT); /* A ballot of nobody. */
    assert_int_equal(verify_patched(&s[3], 40, 9), ERR_CORRUPT); /* No such kind of value. */
    assert_int_equal(verify_patched(&s[3], 40, VALUE_BARRIER), ERR_CORRUPT); /* It has bytes. */
    assert_int_equal(verify_patched(&s[3], 61, 0xff), ERR_CORRUPT);          /* No batch. */
    assert_int_equal(verify_patched(&s[3], 44, 0), ERR_CORRUPT);             /* A tag of nobody. */
    assert_int_equal(verify_patched(&s[1], 44, 3), ERR_CORRUPT);           /* A NOOP with a tag. */
    assert_int_equal(verify_patched(&s[2], 40, VALUE_BATCH), ERR_CORRUPT); /* An empty batch. */
    assert_int_equal(verify_patched(&s[8], 7, 0), ERR_CORRUPT);            /* boot 0 */
    /* Identity: mode, id, disk_id, count at 21, ids from 22. */
    assert_int_equal(verify_patched(&s[9], 0, 3), ERR_MISMATCH);  /* A mode to come. */
    assert_int_equal(verify_patched(&s[9], 4, 7), ERR_CORRUPT);   /* Not a member. */
    assert_int_equal(verify_patched(&s[9], 21, 10), ERR_CORRUPT); /* Too many. */
    assert_int_equal(verify_patched(&s[9], 21, 0), ERR_CORRUPT);
    assert_int_equal(verify_patched(&s[9], 33, 1), ERR_CORRUPT); /* Ids 1, 2, 1. */
    assert_int_equal(verify_patched(&s[9], 35, 0), ERR_CORRUPT); /* NUL in the name. */
    assert_int_equal(verify_patched(&s[12], 7, 7), ERR_CORRUPT); /* created after modified */
    assert_int_equal(verify_patched(&s[12], 7, 0), ERR_CORRUPT);
    assert_int_equal(verify_patched(&s[12], 23, 0), ERR_CORRUPT); /* version 0 */
    assert_int_equal(verify_patched(&s[15], 11, 0), ERR_CORRUPT); /* A ballot of nobody. */
    assert_int_equal(verify_patched(&s[16], 11, 0), ERR_CORRUPT);
    const uint8_t none[20] = {0};
    struct bytes no_ballot = {.data = none, .size = sizeof(none)};
    assert_int_equal(verify_sealed(&s[15], RECORD_PROMISED_RANGE, no_ballot), ERR_CORRUPT);
    assert_int_equal(verify_sealed(&s[16], RECORD_VOTED_NOOP, no_ballot), ERR_CORRUPT);
    samples_fini(s);
}

static void test_sizes_beyond_the_bounds(void **state)
{
    (void)state;
    struct sample s[SAMPLES];
    samples_init(s);
    struct buf body = {0};
    assert_int_equal(
        buf_append(&body, bytes_slice(buf_bytes(&s[12].value), RECORD_HEADER_SIZE, 24)), 0);
    assert_int_equal(buf_reserve(&body, VALUE_SIZE_MAX + 1), 0);
    memset(body.data + 24, 'v', VALUE_SIZE_MAX + 1);
    body.size = 24 + VALUE_SIZE_MAX;
    assert_int_equal(verify_sealed(&s[12], RECORD_KEY, buf_bytes(&body)), 0);
    body.size++;
    assert_int_equal(verify_sealed(&s[12], RECORD_KEY, buf_bytes(&body)), ERR_CORRUPT);

    /* A good batch of 1.5 MiB, and the same with one command more. */
    struct value *v = value_make(VALUE_BATCH);
    body.size = 0;
    assert_int_equal(buf_append(&body, bytes_slice(buf_bytes(&s[3].value), RECORD_HEADER_SIZE, 61)),
                     0);
    while (body.size - 61 + v->size <= VALUE_BYTES_MAX)
        assert_int_equal(buf_append(&body, value_bytes(v)), 0);
    assert_int_equal(verify_sealed(&s[3], RECORD_VOTE, buf_bytes(&body)), 0);
    assert_int_equal(buf_append(&body, value_bytes(v)), 0);
    assert_int_equal(verify_sealed(&s[3], RECORD_VOTE, buf_bytes(&body)), ERR_CORRUPT);
    value_unref(v);
    buf_fini(&body);
    samples_fini(s);
}

static void test_another_version_is_told_apart(void **state)
{
    (void)state;
    struct sample s[SAMPLES];
    samples_init(s);
    for (int i = 0; i < SAMPLES; i++) {
        s[i].value.data[8] = RECORD_VERSION + 1;
        frame_seal(s[i].table, buf_bytes(&s[i].key), &s[i].value);
        assert_int_equal(sample_verify(&s[i]), ERR_MISMATCH);
        s[i].value.data[8] = RECORD_VERSION;
        s[i].value.data[9] ^= 1; /* Another kind. */
        frame_seal(s[i].table, buf_bytes(&s[i].key), &s[i].value);
        assert_int_equal(sample_verify(&s[i]), ERR_CORRUPT);
    }
    samples_fini(s);
}

/* ---- Keys ------------------------------------------------------------------------------- */

static void test_slots_sort_as_numbers(void **state)
{
    (void)state;
    const uint64_t borders[] = {1, UINT64_C(1) << 8, UINT64_C(1) << 16, UINT64_C(1) << 32,
                                UINT64_MAX - 3};
    uint8_t last[RECORD_SLOT_KEY_SIZE] = {0};
    uint64_t last_slot = 0;
    for (size_t i = 0; i < sizeof(borders) / sizeof(borders[0]); i++) {
        uint64_t from = borders[i] > 4 ? borders[i] - 3 : borders[i];
        for (uint64_t slot = from; slot < borders[i] + 3; slot++) {
            if (slot <= last_slot)
                continue;
            uint8_t key[RECORD_SLOT_KEY_SIZE];
            record_key_slot(slot, key);
            assert_true(memcmp(last, key, sizeof(key)) < 0);
            uint64_t back;
            assert_int_equal(
                record_slot_of_key((struct bytes){.data = key, .size = sizeof(key)}, &back), 0);
            assert_true(back == slot);
            memcpy(last, key, sizeof(key));
            last_slot = slot;
        }
    }
}

static void test_keys_that_are_none(void **state)
{
    (void)state;
    uint8_t zero[600] = {0};
    struct bytes eight = {.data = zero, .size = 8};
    enum record_kind kind;
    uint64_t slot;
    assert_int_equal(record_slot_of_key(eight, &slot), ERR_CORRUPT);
    for (size_t size = 0; size <= 9; size++) {
        struct bytes key = {.data = zero, .size = size};
        assert_int_equal(record_kind_of(RECORD_TABLE_VOTES, key, &kind), ERR_CORRUPT);
        assert_int_equal(record_kind_of(RECORD_TABLE_LEARNT, key, &kind), ERR_CORRUPT);
        assert_int_equal(record_kind_of(RECORD_TABLE_META, key, &kind), ERR_CORRUPT);
        assert_int_equal(record_kind_of(RECORD_TABLE_STATE, key, &kind), ERR_CORRUPT);
    }
    struct bytes peer = {.data = (const uint8_t *)"peer/\0\0\0\0", .size = 9};
    assert_int_equal(record_kind_of(RECORD_TABLE_META, peer, &kind), ERR_CORRUPT);
    assert_int_equal(record_kind_of(RECORD_TABLE_META, bytes_of("head"), &kind), ERR_CORRUPT);
    assert_int_equal(record_kind_of(RECORD_TABLE_STATE, bytes_of("boot"), &kind), ERR_CORRUPT);

    struct bytes key = {.data = zero, .size = 0};
    assert_int_equal(record_kind_of(RECORD_TABLE_KEYS, key, &kind), ERR_CORRUPT);
    key.size = KEY_SIZE_MAX;
    assert_int_equal(record_kind_of(RECORD_TABLE_KEYS, key, &kind), 0);
    key.size++;
    assert_int_equal(record_kind_of(RECORD_TABLE_KEYS, key, &kind), ERR_CORRUPT);
    key.size = CLIENT_ID_SIZE_MAX + 1;
    assert_int_equal(record_kind_of(RECORD_TABLE_SESSIONS, key, &kind), ERR_CORRUPT);
}

static int kind_of_range(uint64_t first, uint64_t last, uint32_t stride, uint8_t kind)
{
    uint8_t key[RECORD_RANGE_KEY_SIZE];
    be64_store(key, first);
    be64_store(key + 8, last);
    be32_store(key + 16, stride);
    key[20] = kind;
    enum record_kind out;
    return record_kind_of(RECORD_TABLE_RANGES, (struct bytes){.data = key, .size = sizeof(key)},
                          &out);
}

static void test_intervals_that_are_none(void **state)
{
    (void)state;
    assert_int_equal(kind_of_range(17, 29, 3, RECORD_LEARNT_NOOP), 0);
    assert_int_equal(kind_of_range(17, 17, 3, RECORD_LEARNT_NOOP), 0);
    assert_int_equal(kind_of_range(17, 30, 3, RECORD_LEARNT_NOOP), ERR_CORRUPT);
    assert_int_equal(kind_of_range(17, 29, 0, RECORD_LEARNT_NOOP), ERR_CORRUPT);
    assert_int_equal(kind_of_range(29, 17, 3, RECORD_LEARNT_NOOP), ERR_CORRUPT);
    assert_int_equal(kind_of_range(0, 3, 3, RECORD_LEARNT_NOOP), ERR_CORRUPT);
    assert_int_equal(kind_of_range(17, 29, 3, RECORD_RESERVED), ERR_CORRUPT);
    assert_int_equal(kind_of_range(17, 29, 3, RECORD_LEARNT_NOOP + 1), ERR_CORRUPT);
    /* A block ends before each multiple of its size. */
    assert_int_equal(kind_of_range(1, 4095, 1, RECORD_VOTED_NOOP), 0);
    assert_int_equal(kind_of_range(1, 4096, 1, RECORD_VOTED_NOOP), ERR_CORRUPT);
    assert_int_equal(kind_of_range(4096, 8191, 1, RECORD_VOTED_NOOP), 0);
    assert_int_equal(kind_of_range(4095, 4096, 1, RECORD_VOTED_NOOP), ERR_CORRUPT);
    uint8_t zero[32] = {0};
    enum record_kind kind;
    for (size_t size = 0; size <= sizeof(zero); size++)
        assert_int_equal(
            record_kind_of(RECORD_TABLE_RANGES, (struct bytes){.data = zero, .size = size}, &kind),
            ERR_CORRUPT);
}

/* Every interval of a block sorts behind the block's key, and before the next block's. */
static void test_intervals_sort_by_first_slot(void **state)
{
    (void)state;
    const uint64_t blocks[] = {0, 1, 15, 16, (UINT64_C(1) << 32) / INTERVAL_BLOCK};
    struct buf last = {0};
    for (size_t b = 0; b < sizeof(blocks) / sizeof(blocks[0]); b++) {
        uint64_t begin = blocks[b] * INTERVAL_BLOCK;
        uint8_t from[RECORD_SLOT_KEY_SIZE];
        uint8_t end[RECORD_SLOT_KEY_SIZE];
        record_key_block(begin + 4000, from);
        record_key_block(begin + INTERVAL_BLOCK, end);
        assert_true(last.size == 0 || memcmp(last.data, from, sizeof(from)) < 0);
        for (uint64_t slot = begin > 0 ? begin : 1; slot < begin + INTERVAL_BLOCK; slot += 255) {
            struct buf key = {0};
            struct interval i = {slot, slot, 1};
            assert_int_equal(frame_key_set_range(&key, i, RECORD_VOTED_NOOP), 0);
            assert_true(memcmp(from, key.data, sizeof(from)) <= 0);
            assert_true(memcmp(key.data, end, sizeof(end)) < 0);
            assert_true(last.size == 0 || memcmp(last.data, key.data, key.size) < 0);
            buf_fini(&last);
            last = key;
        }
    }
    buf_fini(&last);
}

/* The same interval again replaces; another kind, or another interval, stands beside it. */
static void test_what_identifies_an_interval(void **state)
{
    (void)state;
    struct sample s[SAMPLES];
    samples_init(s);
    struct sample again = {0};
    sample_durable(&again, (struct durable){
                               .kind = DURABLE_VOTED_NOOP, .interval = INTERVAL, .accepted = HIGH});
    assert_true(bytes_equal(buf_bytes(&again.key), buf_bytes(&s[16].key)));
    assert_false(bytes_equal(buf_bytes(&again.value), buf_bytes(&s[16].value)));
    for (int i = 15; i < 18; i += 2)
        assert_false(bytes_equal(buf_bytes(&again.key), buf_bytes(&s[i].key)));
    sample_durable(
        &again,
        (struct durable){.kind = DURABLE_VOTED_NOOP, .interval = {17, 26, 3}, .accepted = HIGH});
    assert_false(bytes_equal(buf_bytes(&again.key), buf_bytes(&s[16].key)));
    buf_fini(&again.key);
    buf_fini(&again.value);
    samples_fini(s);
}

/* ---- A whole checkpoint ----------------------------------------------------------------- */

struct changes {
    int count;
    int fail_at;
    enum record_table tables[8];
    bool deletes[8];
};

static int note_change(void *context, const struct record_change *change)
{
    struct changes *c = context;
    if (c->count == c->fail_at)
        return ERR_FULL;
    if (!change->delete)
        assert_int_equal(record_verify(change->table, change->key, change->value), 0);
    c->tables[c->count] = change->table;
    c->deletes[c->count++] = change->delete;
    return 0;
}

static void test_checkpoint_change_by_change(void **state)
{
    (void)state;
    struct entry *e;
    assert_int_equal(entry_new(bytes_of("k"), bytes_of("v"), (struct bytes){0}, &e), 0);
    entry_seal(e, 1, 1, 1);
    struct checkpoint_key keys[] = {{.entry = e, .key = entry_key(e)}, {.key = bytes_of("gone")}};
    struct checkpoint_session sessions[] = {
        {.client_id = bytes_of("here"), .session = bytes_of("s")},
        {.client_id = bytes_of("evicted")}};
    struct checkpoint c = {
        .head = HEAD, .keys = keys, .keys_count = 2, .sessions = sessions, .sessions_count = 2};

    struct changes seen = {.fail_at = -1};
    assert_int_equal(record_encode_checkpoint(&c, note_change, &seen), 0);
    assert_int_equal(seen.count, 5);
    const enum record_table tables[] = {RECORD_TABLE_KEYS, RECORD_TABLE_KEYS, RECORD_TABLE_SESSIONS,
                                        RECORD_TABLE_SESSIONS, RECORD_TABLE_STATE};
    const bool deletes[] = {false, true, false, true, false};
    for (int i = 0; i < 5; i++) {
        assert_int_equal(seen.tables[i], tables[i]);
        assert_int_equal(seen.deletes[i], deletes[i]);
    }
    for (int i = 0; i < 5; i++) {
        struct changes failing = {.fail_at = i};
        assert_int_equal(record_encode_checkpoint(&c, note_change, &failing), ERR_FULL);
    }
    long fail = 0;
    for (;; fail++) {
        struct changes again = {.fail_at = -1};
        mem_fail_after(fail);
        int err = record_encode_checkpoint(&c, note_change, &again);
        mem_fail_after(-1);
        if (err == 0)
            break;
        assert_int_equal(err, ERR_NO_MEMORY);
    }
    assert_true(fail > 1);
    entry_unref(e);
    assert_int_equal(mem_outstanding(), 0);
}

/* ---- To the byte ------------------------------------------------------------------------ */

/* Key and value as hexadecimal digits: once written they never change. */
static const char *const golden[SAMPLES][2] = {
    {"0000000000000011",
     "5f7b1e8535c4b1c101060000000000000001000000020000000000000007000000000000000000000000"
     "0000000000000000"},
    {"0000000000000011",
     "a50f9ed70b2d129401060000000000000003000000010000000000000009000000000000000100000002"
     "0000000000000007010000000000000000000000000000000000000000"},
    {"0000000000000011",
     "824cbf3e7e4d77ec01060000000000000003000000010000000000000009000000000000000100000002"
     "0000000000000007020000000300000000000000040000000000000005"},
    {"0000000000000011",
     "160010d7a5b600e501060000000000000003000000010000000000000009000000000000000100000002"
     "0000000000000007030000000300000000000000040000000000000005010000030000000a6b6579736f"
     "6d652076616c7565"},
    {"0000000000000012",
     "e75f1da7d42c47da0107030000000300000000000000040000000000000005010000030000000a6b6579"
     "736f6d652076616c7565"},
    {"63686f73656e5f746f", "03d370f12932af6801050000000000000010"},
    {"706565722f00000003", "07c85b0ff41c5abb010409080000000000000000000000000000"},
    {"61646d6974746564", "ccf3ef1b6d9481c70103"},
    {"626f6f74", "19bb7c7751a3f71b0102000000000000000c"},
    {"6964656e74697479",
     "7c419a0387a4e342010101000000020102030405060708090a0b0c0d0e0f100300000001000000020000"
     "001e646b76"},
    {"6964656e74697479",
     "7eba5a3102e1046d010101000000020102030405060708090a0b0c0d0e0f100300000001000000020000"
     "001e646b76"},
    {"68656164",
     "e37f38e409bd7b3001080000000000000064000000000000005a0000000000000003000000000000004d"
     "00000000000000020000000000000001"},
    {"610062", "b1a9d9b21cb2e575010900000000000000050000000000000006000000000000000276616c7565"},
    {"636c69656e74", "81de088bbce19070010a6f7061717565"},
    {"7265736572766564", "29242daa4a80d70d010b0000000000004000"},
    {"0000000000000011000000000000001d000000030c",
     "eeea07685bb3925c010c0000000000000003000000010000000000000009"},
    {"0000000000000011000000000000001d000000030d",
     "d24f7ff464ea5fd4010d0000000000000001000000020000000000000007"},
    {"0000000000000011000000000000001d000000030e", "0b890c4d7851b6bb010e"},
    {"6964656e74697479",
     "fdeaa078ba15177c010102000000020102030405060708090a0b0c0d0e0f100300000001000000020000"
     "001e646b76"},
    {"6a6f75726e616c", "c7b66f218e6e052b010f0000000000001000"},
    {"6b6579", "c2c03adb6f6b98db0110"},
    {"636c69656e74", "f725642f6ce2f624011081de088bbce19070010a6f7061717565"},
};

static void assert_golden(struct bytes b, const char *hex)
{
    char text[512];
    assert_true(2 * b.size < sizeof(text));
    text[0] = '\0';
    for (size_t i = 0; i < b.size; i++)
        (void)snprintf(text + 2 * i, 3, "%02x", b.data[i]);
    assert_string_equal(text, hex);
}

static void test_golden(void **state)
{
    (void)state;
    struct sample s[SAMPLES];
    samples_init(s);
    for (int i = 0; i < SAMPLES; i++) {
        assert_golden(buf_bytes(&s[i].key), golden[i][0]);
        assert_golden(buf_bytes(&s[i].value), golden[i][1]);
    }
    samples_fini(s);
}

/* ---- Words ------------------------------------------------------------------------------ */

static void assert_prints(const struct sample *s, const char *text)
{
    struct buf out = {0};
    assert_int_equal(record_print(s->table, buf_bytes(&s->key), buf_bytes(&s->value), &out), 0);
    assert_int_equal(buf_append_u8(&out, 0), 0);
    assert_string_equal((const char *)out.data, text);
    buf_fini(&out);
}

static void test_print(void **state)
{
    (void)state;
    struct sample s[SAMPLES];
    samples_init(s);
    assert_prints(&s[0], "votes/17 promised 1.2.7 accepted none");
    assert_prints(&s[1], "votes/17 promised 3.1.9 accepted 1.2.7 noop");
    assert_prints(&s[2], "votes/17 promised 3.1.9 accepted 1.2.7 barrier 3.4.5");
    struct buf text = {0};
    assert_int_equal(record_print(s[4].table, buf_bytes(&s[4].key), buf_bytes(&s[4].value), &text),
                     0);
    assert_memory_equal(text.data, "learnt/18 batch 3.4.5 commands 1 bytes ", 39);
    buf_fini(&text);
    assert_prints(&s[5], "meta/chosen_to 16");
    assert_prints(&s[6], "meta/peer/3 disk 09080000000000000000000000000000");
    assert_prints(&s[7], "meta/admitted yes");
    assert_prints(&s[8], "meta/boot 12");
    assert_prints(&s[10], "state/identity node 2 cluster \"dkv\" mode classic members 1,2,30 disk "
                          "0102030405060708090a0b0c0d0e0f10");
    assert_prints(&s[11],
                  "state/head applied 100 revision 90 evicted_to 3 hash 77 keys 2 clients 1");
    assert_prints(&s[12], "keys/\"a\\x00b\" created 5 modified 6 version 2 bytes 5");
    assert_prints(&s[13], "sessions/\"client\" bytes 6");
    assert_prints(&s[14], "meta/reserved 16384");
    assert_prints(&s[15], "ranges/17..29+3/promised 3.1.9");
    assert_prints(&s[16], "ranges/17..29+3/voted 1.2.7 noop");
    assert_prints(&s[17], "ranges/17..29+3/learnt noop");
    assert_prints(&s[18],
                  "meta/identity node 2 cluster \"dkv\" mode coordinated members 1,2,30 disk "
                  "0102030405060708090a0b0c0d0e0f10");
    assert_prints(&s[SAMPLES_JOURNAL], "meta/journal 4096");
    assert_prints(&s[SAMPLES_JOURNAL + 1], "keys_undo/\"key\" none before");
    assert_prints(&s[SAMPLES_JOURNAL + 2], "sessions_undo/\"client\" before: bytes 16");
    s[5].value.data[12] ^= 1;
    assert_prints(&s[5], "meta/chosen_to corrupt");
    s[0].key.size = 3;
    assert_prints(&s[0], "votes/\"\\x00\\x00\\x00\" corrupt");
    samples_fini(s);
}

/* ---- Without memory --------------------------------------------------------------------- */

static int encode_all(void)
{
    struct sample s = {0};
    struct durable d = {.kind = DURABLE_PEER, .peer = 3};
    int err = record_encode_durable(&d, &s.table, &s.key, &s.value);
    if (err == 0)
        err = record_encode_boot(1, &s.key, &s.value);
    if (err == 0)
        err = record_encode_identity(RECORD_TABLE_META, &IDENTITY, &s.key, &s.value);
    if (err == 0)
        err = record_encode_checkpoint_head(&HEAD, &s.key, &s.value);
    buf_fini(&s.key);
    buf_fini(&s.value);
    return err;
}

static int print_all(const struct sample s[SAMPLES])
{
    for (int i = 0; i < SAMPLES; i++) {
        struct buf out = {0};
        int err = record_print(s[i].table, buf_bytes(&s[i].key), buf_bytes(&s[i].value), &out);
        buf_fini(&out);
        TRY(err);
        TRY(sample_verify(&s[i]));
    }
    return 0;
}

static void test_without_memory(void **state)
{
    (void)state;
    struct sample s[SAMPLES];
    samples_init(s);
    long before = mem_outstanding();
    for (int what = 0; what < 2; what++) {
        int err = ERR_NO_MEMORY;
        long fail = 0;
        for (; err != 0; fail++) {
            mem_fail_after(fail);
            err = what == 0 ? encode_all() : print_all(s);
            mem_fail_after(-1);
            assert_int_equal(mem_outstanding(), before);
            assert_true(err == 0 || err == ERR_NO_MEMORY);
        }
        assert_true(fail > 2);
    }
    samples_fini(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_durables_come_back),
        cmocka_unit_test(test_vote_field_by_field),
        cmocka_unit_test(test_intervals_field_by_field),
        cmocka_unit_test(test_the_rest_comes_back),
        cmocka_unit_test(test_every_flipped_bit_is_found),
        cmocka_unit_test(test_every_truncation_is_found),
        cmocka_unit_test(test_a_good_record_elsewhere_is_found),
        cmocka_unit_test(test_sealed_truncations_are_found),
        cmocka_unit_test(test_contents_that_break_a_rule),
        cmocka_unit_test(test_sizes_beyond_the_bounds),
        cmocka_unit_test(test_another_version_is_told_apart),
        cmocka_unit_test(test_slots_sort_as_numbers),
        cmocka_unit_test(test_keys_that_are_none),
        cmocka_unit_test(test_intervals_that_are_none),
        cmocka_unit_test(test_intervals_sort_by_first_slot),
        cmocka_unit_test(test_what_identifies_an_interval),
        cmocka_unit_test(test_checkpoint_change_by_change),
        cmocka_unit_test(test_golden),
        cmocka_unit_test(test_print),
        cmocka_unit_test(test_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
