/* rules_test.c -- fault rules as people write them. */
#include "../unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/rules.h"

static struct wire_set_faults faults;
static char message[RULES_MESSAGE_SIZE_MAX];

static void test_rules(void **state)
{
    (void)state;
    assert_int_equal(rules_parse("2:1.0", &faults, message), 0);
    assert_true(faults.replace);
    assert_int_equal(faults.rules_count, 1);
    assert_int_equal(faults.rules[0].peer, 2);
    assert_int_equal(faults.rules[0].drop_ppm, 1000000);
    assert_int_equal(faults.rules[0].direction, WIRE_BOTH);
    assert_int_equal(faults.rules[0].delay_ms, 0);

    assert_int_equal(rules_parse("2:0.5:in,2:1:out,3:0", &faults, message), 0);
    assert_int_equal(faults.rules_count, 3);
    assert_int_equal(faults.rules[0].direction, WIRE_IN);
    assert_int_equal(faults.rules[0].drop_ppm, 500000);
    assert_int_equal(faults.rules[1].direction, WIRE_OUT);
    assert_int_equal(faults.rules[2].peer, 3);
    assert_int_equal(faults.rules[2].drop_ppm, 0);
}

static void test_what_is_none(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",           "2",
        ":1",         "2:",
        "2:1.5",      "2:-1",
        "0:1",        "x:1",
        "2:1:up",     "2:1:in:",
        "2:1,",       ",2:1",
        "2:1,,3:1",   "2:1;3:1",
        "2:1 ",       "2:1:",
        "2:100%",     "2:1,2:1",
        "2:1,2:1:in", "2:1:in,2:1:in",
        "clear,2:1",  "4294967296:1",
    };
    faults.rules_count = 77;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        message[0] = '\0';
        assert_int_equal(rules_parse(bad[i], &faults, message), ERR_INVALID);
        assert_true(strlen(message) > 10);
    }
    assert_int_equal(faults.rules_count, 77);
}

static void test_as_many_as_fit(void **state)
{
    (void)state;
    char text[1024] = "";
    size_t used = 0;
    for (int i = 1; i <= WIRE_FAULT_RULES_MAX; i++)
        used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%d:1", i > 1 ? "," : "", i);
    assert_int_equal(rules_parse(text, &faults, message), 0);
    assert_int_equal(faults.rules_count, WIRE_FAULT_RULES_MAX);
    snprintf(text + used, sizeof(text) - used, ",100:1");
    assert_int_equal(rules_parse(text, &faults, message), ERR_INVALID);
}

static void test_peers(void **state)
{
    (void)state;
    uint32_t peers[WIRE_FAULT_RULES_MAX];
    assert_int_equal(rules_parse_peers("2", peers), 1);
    assert_int_equal(peers[0], 2);
    assert_int_equal(rules_parse_peers("3,1,2", peers), 3);
    assert_int_equal(peers[0], 3);
    assert_int_equal(peers[2], 2);
    static const char *const bad[] = {"", "0", "x", "1,", ",1", "1,1", "1 ", "-1", "4294967296"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(rules_parse_peers(bad[i], peers), 0);
}

static void test_text(void **state)
{
    (void)state;
    const struct wire_fault_rule rule = {.peer = 2,
                                         .direction = WIRE_IN,
                                         .drop_ppm = 300000,
                                         .delay_ms = 50,
                                         .jitter_ms = 20,
                                         .duplicate_ppm = 10000};
    char *text = rules_text(&rule);
    assert_string_equal(text, "peer 2 in: drop 0.3 delay 50ms jitter 20ms duplicate 0.01");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rules),          cmocka_unit_test(test_what_is_none),
        cmocka_unit_test(test_as_many_as_fit), cmocka_unit_test(test_peers),
        cmocka_unit_test(test_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
