/* records_test.c -- text with blank lines between its records. */
#include "../unit.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cli/records.h"

static struct records r;
static char message[RECORDS_MESSAGE_SIZE_MAX];

static int parse(const char *text)
{
    return records_parse(bytes_of(text), "Package", &r, message);
}

static void assert_record(size_t at, const char *key, const char *value)
{
    assert_true(at < r.count);
    assert_true(bytes_equal(r.all[at].key, bytes_of(key)));
    assert_true(bytes_equal(r.all[at].value, bytes_of(value)));
}

static void test_records(void **state)
{
    (void)state;
    assert_int_equal(parse("Package: a\nVersion: 1\n\nVersion: 2\nPackage:b \n"), 0);
    assert_int_equal(r.count, 2);
    assert_record(0, "a", "Package: a\nVersion: 1\n");
    assert_record(1, "b", "Version: 2\nPackage:b \n");
    records_fini(&r);

    /* Several blank lines, before and behind too; no newline at the end. */
    assert_int_equal(parse("\n\nPackage: a\n\n\n\nPackage: b"), 0);
    assert_int_equal(r.count, 2);
    assert_record(0, "a", "Package: a\n");
    assert_record(1, "b", "Package: b");
    records_fini(&r);

    /* A line with a space is no blank line, and a dot in a long text is none either. */
    assert_int_equal(parse("PACKAGE: a\nDescription: x\n .\n \n more\n"), 0);
    assert_int_equal(r.count, 1);
    assert_record(0, "a", "PACKAGE: a\nDescription: x\n .\n \n more\n");
    records_fini(&r);

    assert_int_equal(parse(""), 0);
    assert_int_equal(r.count, 0);
    assert_int_equal(parse("\n\n\n"), 0);
    assert_int_equal(r.count, 0);
    records_fini(&r);
}

/* Joined with one newline they are the file. */
static void test_nothing_is_lost(void **state)
{
    (void)state;
    static const char text[] = "Package: a\nX: \xff\x00 1\n\nPackage: b\n\nPackage: c\nY: 2\n";
    const struct bytes all = {.data = (const uint8_t *)text, .size = sizeof(text) - 1};
    assert_int_equal(records_parse(all, "Package", &r, message), 0);
    struct buf joined = {0};
    for (size_t i = 0; i < r.count; i++) {
        assert_int_equal(buf_append(&joined, bytes_of(i > 0 ? "\n" : "")), 0);
        assert_int_equal(buf_append(&joined, r.all[i].value), 0);
    }
    assert_true(bytes_equal(buf_bytes(&joined), all));
    buf_fini(&joined);
    records_fini(&r);
}

static void test_the_last_of_a_key_counts(void **state)
{
    (void)state;
    assert_int_equal(
        parse("Package: a\nN: 1\n\nPackage: b\n\nPackage: a\nN: 2\n\nPackage: a\nN: 3\n"), 0);
    assert_int_equal(r.count, 2);
    assert_int_equal(r.replaced, 2);
    assert_record(0, "b", "Package: b\n");
    assert_record(1, "a", "Package: a\nN: 3\n");
    records_fini(&r);
}

static void test_other_fields(void **state)
{
    (void)state;
    assert_int_equal(records_parse(bytes_of("Id: 7\n\nid:\t8\n"), "ID", &r, message), 0);
    assert_record(0, "7", "Id: 7\n");
    assert_record(1, "8", "id:\t8\n");
    records_fini(&r);
}

static void test_what_is_wrong(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "Package: a\n\nVersion: 1\n",
        "Package: a\n\nPackage:  \n",
        "Package: a\n\n Package: b\n",
        "Package: a\n\nPackages: b\n",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(parse(bad[i]), ERR_INVALID);
        assert_non_null(strstr(message, "record 2"));
    }
    struct buf text = {0};
    assert_int_equal(buf_append(&text, bytes_of("Package: ")), 0);
    for (int i = 0; i < 512; i++)
        assert_int_equal(buf_append_u8(&text, 'k'), 0);
    assert_int_equal(records_parse(buf_bytes(&text), "Package", &r, message), ERR_INVALID);
    text.size--;
    assert_int_equal(records_parse(buf_bytes(&text), "Package", &r, message), 0);
    records_fini(&r);
    assert_int_equal(buf_append_u8(&text, '\n'), 0);
    while (text.size < 1024 * 1024)
        assert_int_equal(buf_append_u8(&text, 'v'), 0);
    assert_int_equal(records_parse(buf_bytes(&text), "Package", &r, message), 0);
    records_fini(&r);
    assert_int_equal(buf_append_u8(&text, 'v'), 0);
    assert_int_equal(records_parse(buf_bytes(&text), "Package", &r, message), ERR_INVALID);
    assert_non_null(strstr(message, "record 1 is too large"));
    buf_fini(&text);
}

static void test_no_memory(void **state)
{
    (void)state;
    long failed = 0;
    for (long n = 0;; n++) {
        mem_fail_after(n);
        int err = parse("Package: a\n\nPackage: b\n\nPackage: a\n");
        mem_fail_after(-1);
        if (err == 0)
            break;
        assert_int_equal(err, ERR_NO_MEMORY);
        failed++;
    }
    assert_int_equal(failed, 2);
    records_fini(&r);
    assert_int_equal(mem_outstanding(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_records),
        cmocka_unit_test(test_nothing_is_lost),
        cmocka_unit_test(test_the_last_of_a_key_counts),
        cmocka_unit_test(test_other_fields),
        cmocka_unit_test(test_what_is_wrong),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
