/* damage_test.c -- the bytes on disk: nothing comes back that was not written there. */
#include "samples.h"

#include <string.h>

#include "base/mem.h"
#include "kv/command.h"
#include "record/frame.h"

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
    struct value *v = sample_value(VALUE_BATCH);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_flipped_bit_is_found),
        cmocka_unit_test(test_every_truncation_is_found),
        cmocka_unit_test(test_a_good_record_elsewhere_is_found),
        cmocka_unit_test(test_sealed_truncations_are_found),
        cmocka_unit_test(test_contents_that_break_a_rule),
        cmocka_unit_test(test_sizes_beyond_the_bounds),
        cmocka_unit_test(test_another_version_is_told_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
