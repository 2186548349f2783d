/* bytes_test.c -- borrowed and owned runs of bytes. */
#include "../unit.h"

#include <string.h>

#include "base/be.h"
#include "base/bytes.h"
#include "base/mem.h"

static void test_equal_and_order(void **state)
{
    (void)state;
    struct bytes empty = {0};
    struct bytes ab = bytes_of("ab");
    struct bytes abc = bytes_of("abc");
    struct bytes b = bytes_of("b");
    assert_true(bytes_equal(empty, bytes_of("")));
    assert_true(bytes_equal(ab, bytes_slice(abc, 0, 2)));
    assert_false(bytes_equal(ab, abc));
    assert_true(bytes_cmp(empty, ab) < 0);
    assert_true(bytes_cmp(ab, abc) < 0);
    assert_true(bytes_cmp(b, abc) > 0);
    assert_int_equal(bytes_cmp(abc, abc), 0);
    assert_true(bytes_cmp(bytes_of("\x7f"), bytes_of("\xff")) < 0);
}

static void test_buf_grows_and_keeps_nul(void **state)
{
    (void)state;
    struct buf buf = {0};
    for (int i = 0; i < 1000; i++)
        assert_int_equal(buf_append_u8(&buf, (uint8_t)i), 0);
    assert_int_equal(buf.size, 1000);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(buf.data[i], (uint8_t)i);
    buf_clear(&buf);
    assert_int_equal(buf_append_be32(&buf, UINT32_C(0x01020304)), 0);
    assert_int_equal(buf_append_be64(&buf, UINT64_C(0x0102030405060708)), 0);
    assert_memory_equal(buf.data, "\x01\x02\x03\x04\x01\x02\x03\x04\x05\x06\x07\x08", 12);
    assert_int_equal(be32_load(buf.data), UINT32_C(0x01020304));
    assert_int_equal(be64_load(buf.data + 4), UINT64_C(0x0102030405060708));
    buf_fini(&buf);
    assert_int_equal(mem_outstanding(), 0);
}

static void test_buf_without_memory(void **state)
{
    (void)state;
    struct buf buf = {0};
    assert_int_equal(buf_append(&buf, bytes_of("12345678")), 0);
    mem_fail_after(0);
    assert_int_equal(buf_append_u8(&buf, 9), ERR_NO_MEMORY);
    mem_fail_after(-1);
    assert_int_equal(buf.size, 8);
    assert_memory_equal(buf.data, "12345678", 8);
    assert_int_equal(buf_append_u8(&buf, '9'), 0);
    assert_memory_equal(buf.data, "123456789", 9);
    buf_fini(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_equal_and_order),
        cmocka_unit_test(test_buf_grows_and_keeps_nul),
        cmocka_unit_test(test_buf_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
