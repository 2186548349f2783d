/* address_test.c -- words that people write. */
#include "../unit.h"

#include <string.h>

#include "node/address.h"

static void test_addresses(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *want; /* NULL: refused. */
    } cases[] = {
        {":5001", "127.0.0.1:5001"},
        {"localhost:1", "localhost:1"},
        {"node-1.example:65535", "node-1.example:65535"},
        {"[::1]:5001", "[::1]:5001"},
        {"localhost", NULL},
        {"localhost:", NULL},
        {"localhost:0", NULL},
        {"localhost:65536", NULL},
        {"localhost:50 01", NULL},
        {"local host:5001", NULL},
        {"::1:5001", NULL},
        {"[]:5001", NULL},
        {"", NULL},
        {":", NULL},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char out[ADDRESS_SIZE_MAX] = "untouched";
        int err = address_parse(cases[i].text, "127.0.0.1", out);
        assert_int_equal(err, cases[i].want != NULL ? 0 : ERR_INVALID);
        assert_string_equal(out, cases[i].want != NULL ? cases[i].want : "untouched");
    }
    char host[300];
    memset(host, 'a', sizeof(host));
    memcpy(host + 256, ":1", 3);
    char out[ADDRESS_SIZE_MAX];
    assert_int_equal(address_parse(host, "x", out), ERR_INVALID);
    assert_int_equal(address_parse(host + 1, "x", out), 0);
    assert_string_equal(out, host + 1);
}

static void test_loopback(void **state)
{
    (void)state;
    assert_true(address_is_loopback("127.0.0.1:1"));
    assert_true(address_is_loopback("127.8.9.10:1"));
    assert_true(address_is_loopback("localhost:1"));
    assert_true(address_is_loopback("[::1]:1"));
    assert_false(address_is_loopback("0.0.0.0:1"));
    assert_false(address_is_loopback("[::]:1"));
    assert_false(address_is_loopback("10.0.0.1:1"));
    assert_false(address_is_loopback("127.evil.example:1"));
    assert_false(address_is_loopback("localhost.example:1"));
}

static void test_equal(void **state)
{
    (void)state;
    assert_true(address_equal("localhost:5001", "127.0.0.1:5001"));
    assert_false(address_equal("localhost:5001", "localhost:5002"));
    assert_false(address_equal("a:5001", "b:5001"));
}

static void test_sizes(void **state)
{
    (void)state;
    uint64_t n = 7;
    assert_int_equal(size_parse("64M", &n), 0);
    assert_true(n == 64 << 20);
    assert_int_equal(size_parse("2g", &n), 0);
    assert_true(n == UINT64_C(2) << 30);
    assert_int_equal(size_parse("16777215T", &n), 0);
    assert_int_equal(size_parse("16777216T", &n), ERR_INVALID);
    assert_int_equal(size_parse("G", &n), ERR_INVALID);
    assert_int_equal(size_parse("", &n), ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_loopback),
        cmocka_unit_test(test_equal),
        cmocka_unit_test(test_sizes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
