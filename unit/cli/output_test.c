/* output_test.c -- what goes to the standard output, with that in a file. */
#define _GNU_SOURCE
#include "../unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/output.h"
#include "cli/text.h"

static int real_stdout;
static FILE *captured;
static char said[4096];

static void capture(void)
{
    fflush(stdout);
    captured = tmpfile();
    assert_non_null(captured);
    real_stdout = dup(STDOUT_FILENO);
    assert_true(dup2(fileno(captured), STDOUT_FILENO) >= 0);
}

/* What was printed since, and how much. */
static size_t captured_text(void)
{
    fflush(stdout);
    assert_true(dup2(real_stdout, STDOUT_FILENO) >= 0);
    close(real_stdout);
    rewind(captured);
    size_t size = fread(said, 1, sizeof(said) - 1, captured);
    said[size] = '\0';
    fclose(captured);
    return size;
}

static void test_values_are_exact(void **state)
{
    (void)state;
    static const uint8_t bytes[] = {'a', 0, '\n', 0xff};
    capture();
    output_value((struct bytes){.data = bytes, .size = sizeof(bytes)});
    assert_int_equal(captured_text(), sizeof(bytes));
    assert_memory_equal(said, bytes, sizeof(bytes));
    capture();
    output_value((struct bytes){0});
    assert_int_equal(captured_text(), 0);
}

static void assert_json(const char *data, size_t size, const char *wanted)
{
    capture();
    output_json(output_json_bytes((struct bytes){.data = (const uint8_t *)data, .size = size}));
    captured_text();
    assert_string_equal(said, wanted);
}

static void test_bytes_as_json(void **state)
{
    (void)state;
    assert_json("plain", 5, "\"plain\"\n");
    assert_json(NULL, 0, "\"\"\n");
    assert_json("a\0b", 3, "\"a\\u0000b\"\n");
    assert_json("\"\\\n", 3, "\"\\\"\\\\\\n\"\n");
    assert_json("gr\xc3\xbc\xc3\x9f", 6, "\"gr\xc3\xbc\xc3\x9f\"\n");
    /* The vectors of RFC 4648, behind a byte that is no UTF-8. */
    assert_json("\xff", 1, "{\"b64\":\"/w==\"}\n");
    assert_json("\xff"
                "f",
                2, "{\"b64\":\"/2Y=\"}\n");
    assert_json("\xff"
                "fo",
                3, "{\"b64\":\"/2Zv\"}\n");
    assert_json("\xff"
                "foo",
                4, "{\"b64\":\"/2Zvbw==\"}\n");
    assert_json("\xff\xfe\xfd", 3, "{\"b64\":\"//79\"}\n");
    assert_json("\x00\xfb\xf0", 3, "{\"b64\":\"APvw\"}\n");
}

static void test_numbers_as_json(void **state)
{
    (void)state;
    json_t *object = json_object();
    output_set(object, "small", output_json_u64(0));
    output_set(object, "large", output_json_u64(UINT64_MAX));
    output_set(object, "real", json_real(0.1));
    capture();
    output_json(object);
    captured_text();
    assert_string_equal(said, "{\"small\":0,\"large\":9223372036854775807,\"real\":0.1}\n");
}

static void test_tables(void **state)
{
    (void)state;
    static const char *const heads[] = {"A", "LONG", "C", NULL};
    static const char *const cells[] = {"1", "x", "", "222", "", "z", "gr\xc3\xbc", "y", "w"};
    struct output_table t = {0};
    output_heads(&t, heads);
    for (size_t i = 0; i < sizeof(cells) / sizeof(cells[0]); i++)
        output_cell(&t, text_format("%s", cells[i]));
    capture();
    output_table(&t);
    captured_text();
    assert_string_equal(said, "A    LONG  C\n"
                              "1    x\n"
                              "222        z\n"
                              "gr\xc3\xbc  y     w\n");
    output_table_fini(&t);
}

static void test_formats(void **state)
{
    (void)state;
    enum output_format format = OUTPUT_TEXT;
    assert_int_equal(output_format_parse("json", &format), 0);
    assert_int_equal(format, OUTPUT_JSON);
    assert_int_equal(output_format_parse("table", &format), 0);
    assert_int_equal(format, OUTPUT_TABLE);
    assert_int_equal(output_format_parse("text", &format), 0);
    assert_int_equal(output_format_parse("JSON", &format), ERR_INVALID);
    assert_int_equal(output_format_parse("", &format), ERR_INVALID);
}

/* What cannot be written is not taken for written. */
static void test_full(void **state)
{
    (void)state;
    fflush(stdout);
    int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    assert_true(full >= 0);
    real_stdout = dup(STDOUT_FILENO);
    assert_true(dup2(full, STDOUT_FILENO) >= 0);
    output_value(bytes_of("lost"));
    int err = output_flush();
    assert_true(dup2(real_stdout, STDOUT_FILENO) >= 0);
    clearerr(stdout);
    close(real_stdout);
    close(full);
    assert_int_equal(err, ERR_IO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values_are_exact), cmocka_unit_test(test_bytes_as_json),
        cmocka_unit_test(test_numbers_as_json),  cmocka_unit_test(test_tables),
        cmocka_unit_test(test_formats),          cmocka_unit_test(test_full),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
