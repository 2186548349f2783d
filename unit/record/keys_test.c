/* keys_test.c -- the keys on disk: how they sort, and which of them are none. */
#include "samples.h"

#include <string.h>

#include "base/be.h"
#include "record/frame.h"

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
    sample_durable(&again, (struct durable){.kind = DURABLE_VOTED_NOOP,
                                            .interval = sample_interval,
                                            .accepted = sample_high});
    assert_true(bytes_equal(buf_bytes(&again.key), buf_bytes(&s[16].key)));
    assert_false(bytes_equal(buf_bytes(&again.value), buf_bytes(&s[16].value)));
    for (int i = 15; i < 18; i += 2)
        assert_false(bytes_equal(buf_bytes(&again.key), buf_bytes(&s[i].key)));
    sample_durable(&again, (struct durable){.kind = DURABLE_VOTED_NOOP,
                                            .interval = {17, 26, 3},
                                            .accepted = sample_high});
    assert_false(bytes_equal(buf_bytes(&again.key), buf_bytes(&s[16].key)));
    buf_fini(&again.key);
    buf_fini(&again.value);
    samples_fini(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_slots_sort_as_numbers),
        cmocka_unit_test(test_keys_that_are_none),
        cmocka_unit_test(test_intervals_that_are_none),
        cmocka_unit_test(test_intervals_sort_by_first_slot),
        cmocka_unit_test(test_what_identifies_an_interval),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
