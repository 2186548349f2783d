/* number_test.c -- which words are numbers. */
#include "../unit.h"

#include <string.h>

#include "base/number.h"

static void test_words(void **state)
{
    (void)state;
    uint64_t n = 7;
    static const char *const bad[] = {"",
                                      "-1",
                                      "+1",
                                      "1 ",
                                      " 1",
                                      "0x1",
                                      "1.0",
                                      "1x",
                                      "18446744073709551616",
                                      "99999999999999999999"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(number_parse(bad[i], &n), ERR_INVALID);
    assert_int_equal(n, 7);
    assert_int_equal(number_parse("0", &n), 0);
    assert_int_equal(n, 0);
    assert_int_equal(number_parse("18446744073709551615", &n), 0);
    assert_true(n == UINT64_MAX);
}

static void test_a_part_of_a_word(void **state)
{
    (void)state;
    uint64_t n = 7;
    const char *text = "12=x";
    assert_int_equal(number_parse_until(text, text, &n), ERR_INVALID);
    assert_int_equal(number_parse_until(text, text + 3, &n), ERR_INVALID);
    assert_int_equal(n, 7);
    assert_int_equal(number_parse_until(text, strchr(text, '='), &n), 0);
    assert_int_equal(n, 12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_a_part_of_a_word),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
