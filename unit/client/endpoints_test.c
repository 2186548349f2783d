/* endpoints_test.c -- addresses that people write. */
#include "../unit.h"

#include <string.h>

#include "client/endpoints.h"

static void test_lists(void **state)
{
    (void)state;
    struct endpoints e;
    assert_int_equal(endpoints_parse("localhost:5001,:5002,[::1]:65535", &e, NULL), 0);
    assert_int_equal(e.count, 3);
    assert_string_equal(e.addresses[0], "localhost:5001");
    assert_string_equal(e.addresses[1], "127.0.0.1:5002");
    assert_string_equal(e.addresses[2], "[::1]:65535");
}

static void test_what_is_none(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",           ",",        "a:1,", ",a:1",     "localhost", "localhost:",
        "a:0",        "a:65536",  "a:1x", "a:-1",     "::1:80",    "a b:80",
        "http://a:1", "a:100000", "a:1 ", "a:1, b:2", "[::1]",     "[]x:1:2",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct endpoints e = {.count = 77};
        const char *why = NULL;
        assert_int_equal(endpoints_parse(bad[i], &e, &why), ERR_INVALID);
        assert_non_null(why);
        assert_int_equal(e.count, 77);
    }
    const char *why = NULL;
    struct endpoints e;
    assert_int_equal(endpoints_parse(NULL, &e, &why), ERR_INVALID);
    assert_non_null(why);
}

static void test_bounds(void **state)
{
    (void)state;
    struct endpoints e;
    char text[ENDPOINT_SIZE_MAX * 2];
    /* The longest that fits, and one more. */
    memset(text, 'h', sizeof(text));
    memcpy(text + ENDPOINT_SIZE_MAX - 6, ":5001", 6);
    assert_int_equal(endpoints_parse(text, &e, NULL), 0);
    memset(text, 'h', sizeof(text));
    memcpy(text + ENDPOINT_SIZE_MAX - 5, ":5001", 6);
    assert_int_equal(endpoints_parse(text, &e, NULL), ERR_INVALID);

    text[0] = '\0';
    for (int i = 0; i < ENDPOINTS_MAX; i++)
        strcat(text, i == 0 ? "a:1" : ",a:1");
    assert_int_equal(endpoints_parse(text, &e, NULL), 0);
    strcat(text, ",a:1");
    assert_int_equal(endpoints_parse(text, &e, NULL), ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lists),
        cmocka_unit_test(test_what_is_none),
        cmocka_unit_test(test_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
