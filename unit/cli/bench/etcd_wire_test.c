/* etcd_wire_test.c -- the bytes that etcd wants, and those that it sends. */
#include "../../unit.h"

#include <string.h>

#include "cli/bench/etcd_wire.h"

static void check(struct buf *b, const char *bytes, size_t size)
{
    assert_int_equal(b->size, size);
    assert_memory_equal(b->data, bytes, size);
    buf_fini(b);
}

#define CHECK(b, bytes) check(b, bytes, sizeof(bytes) - 1)

static void test_requests(void **state)
{
    (void)state;
    struct buf b = {0};
    assert_int_equal(etcd_encode_put(bytes_of("key"), bytes_of("v"), &b), 0);
    CHECK(&b, "\x0a\x03key\x12\x01v");
    assert_int_equal(etcd_encode_get(bytes_of("key"), false, &b), 0);
    CHECK(&b, "\x0a\x03key");
    assert_int_equal(etcd_encode_get(bytes_of("key"), true, &b), 0);
    CHECK(&b, "\x0a\x03key\x38\x01");
}

static void test_long_value(void **state)
{
    (void)state;
    static uint8_t value[20000];
    struct buf b = {0};
    assert_int_equal(etcd_encode_put(bytes_of("k"), (struct bytes){value, sizeof(value)}, &b), 0);
    assert_int_equal(b.size, 3 + 4 + sizeof(value));
    assert_memory_equal(b.data, "\x0a\x01k\x12\xa0\x9c\x01", 7);
    buf_fini(&b);
}

static int decode(const char *data, size_t size, bool *out_found)
{
    return etcd_decode_get((struct bytes){(const uint8_t *)data, size}, out_found);
}

#define DECODE(data, out_found) decode(data, sizeof(data) - 1, out_found)

static void test_answers(void **state)
{
    (void)state;
    bool found = true;
    /* A header with a revision; nothing found. */
    assert_int_equal(DECODE("\x0a\x02\x18\x05", &found), 0);
    assert_false(found);
    /* The same with a key, and a count. */
    assert_int_equal(DECODE("\x0a\x02\x18\x05\x12\x03\x0a\x01k\x20\x01", &found), 0);
    assert_true(found);
    assert_int_equal(DECODE("", &found), 0);
    assert_false(found);
}

static void test_what_is_no_answer(void **state)
{
    (void)state;
    bool found = false;
    assert_int_equal(DECODE("\x0a", &found), ERR_INVALID);
    assert_int_equal(DECODE("\x0a\x05xx", &found), ERR_INVALID);
    assert_int_equal(DECODE("\x0b", &found), ERR_INVALID);
    assert_int_equal(DECODE("\x0d\x01\x01", &found), ERR_INVALID);
    assert_int_equal(DECODE("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", &found), ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests),
        cmocka_unit_test(test_long_value),
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_what_is_no_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
