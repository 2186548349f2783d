/*
 * report_test.c -- what a person and a program read of a scenario.
 */
#define _GNU_SOURCE
#include "../../unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/scenarios/report.h"

#define RULER "────────────────────────────────────────────────────────────────────────"

static char *text;
static size_t size;
static struct report report;

static void begin(bool is_json)
{
    assert_int_equal(report_init(&report, "basic", is_json, open_memstream(&text, &size)), 0);
}

static bool end(void)
{
    bool passed = report_end(&report);
    fclose(report.out);
    report_fini(&report);
    return passed;
}

static void test_text(void **state)
{
    (void)state;
    begin(false);
    report_step(&report, "put %s", "x");
    report_saw(&report, "slot %d", 4);
    assert_true(report_check(&report, true, "it is there"));
    assert_false(report_check(&report, false, "it is not gone:\n%s\n%s", "first", "second"));
    report_figure(&report, "gap", json_real(1.5));
    assert_false(report.is_broken);
    assert_false(end());
    const char *wanted = ">>> put x\n"
                         "    slot 4\n"
                         "    ok    it is there\n"
                         "    FAIL  it is not gone:\n"
                         "          first\n"
                         "          second\n" RULER "\n"
                         "FAIL  basic: 1 of 2 checks failed, 0.0 s\n" RULER "\n";
    assert_string_equal(text, wanted);
    free(text);
}

static void test_pass(void **state)
{
    (void)state;
    begin(false);
    report_check(&report, true, "one");
    report_check(&report, true, "two");
    assert_true(end());
    assert_string_equal(text, "    ok    one\n    ok    two\n" RULER
                              "\nPASS  basic: 2 checks, 0.0 s\n" RULER "\n");
    free(text);
}

static void test_nothing_checked_is_no_pass(void **state)
{
    (void)state;
    begin(false);
    report_step(&report, "rest");
    assert_false(end());
    free(text);
    begin(false);
    report_check(&report, true, "one");
    report_break(&report, "no way on");
    assert_true(report.is_broken);
    assert_false(end());
    free(text);
}

static void test_json(void **state)
{
    (void)state;
    begin(true);
    report_step(&report, "put \"x\"");
    report_saw(&report, "slot %d", 4);
    report_check(&report, true, "one");
    report_step(&report, "get");
    report_check(&report, false, "two");
    report_figure(&report, "gap", json_real(1.5));
    assert_false(end());
    json_error_t error;
    json_t *got = json_loads(text, 0, &error);
    assert_non_null(got);
    json_t *wanted = json_loads(
        "{\"scenario\":\"basic\",\"result\":\"fail\",\"checks\":2,\"failed\":1,\"gap\":1.5,"
        "\"steps\":[{\"step\":\"put \\\"x\\\"\",\"saw\":[\"slot 4\"],"
        "\"checks\":[{\"ok\":true,\"what\":\"one\"}]},"
        "{\"step\":\"get\",\"checks\":[{\"ok\":false,\"what\":\"two\"}]}]}",
        0, &error);
    assert_non_null(wanted);
    assert_true(json_is_real(json_object_get(got, "seconds")));
    json_object_del(got, "seconds");
    assert_true(json_equal(got, wanted));
    assert_ptr_equal(strchr(text, '\n'), text + size - 1); /* One line. */
    json_decref(got);
    json_decref(wanted);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_pass),
        cmocka_unit_test(test_nothing_checked_is_no_pass),
        cmocka_unit_test(test_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
