/* text_test.c -- bytes for people and shells, and words of people. */
#define _GNU_SOURCE
#include "../unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/text.h"

static struct bytes raw(const char *data, size_t size)
{
    return (struct bytes){.data = (const uint8_t *)data, .size = size};
}

static void assert_printable(struct bytes b, size_t size_max, const char *wanted)
{
    char *text = text_printable(b, size_max);
    assert_string_equal(text, wanted);
    free(text);
}

static void test_printable(void **state)
{
    (void)state;
    assert_printable(bytes_of("plain 'text'"), 100, "plain 'text'");
    assert_printable(bytes_of(""), 100, "");
    assert_printable(raw("a\0b\n\t\r\\\x1b", 8), 100, "a\\x00b\\n\\t\\r\\\\\\x1b");
    assert_printable(bytes_of("gr\xc3\xbc\xc3\x9f"), 100, "gr\xc3\xbc\xc3\x9f");
    assert_printable(raw("\xff\xc3", 2), 100, "\\xff\\xc3");
    /* A terminal may obey U+009B as it does ESC [. */
    assert_printable(bytes_of("\xc2\x9b"), 100, "\\xc2\\x9b");
    assert_printable(bytes_of("\x7f"), 100, "\\x7f");
    assert_printable(bytes_of("abcdef"), 6, "abcdef");
    assert_printable(bytes_of("abcdef"), 5, "abcde...");
    /* Cut in the middle of a character. */
    assert_printable(bytes_of("\xc3\xbc"), 1, "\\xc3...");
}

static void assert_quoted(const char *word, const char *wanted)
{
    char *quoted = text_shell_quote(word);
    assert_string_equal(quoted, wanted);
    free(quoted);
}

/* What a shell makes of the quoted word is the word. */
static void test_shell_quote(void **state)
{
    (void)state;
    assert_quoted("plain-word_1=a:b,c./@%", "plain-word_1=a:b,c./@%");
    assert_quoted("", "''");
    assert_quoted("two words", "'two words'");
    assert_quoted("it's", "'it'\\''s'");
    static const char *const words[] = {"a b", "$HOME", "`id`", "\"x\"", "it's '' it",
                                        "\\n", "*",     "~",    "#",     "a\nb"};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        char *quoted = text_shell_quote(words[i]);
        char *command = text_format("printf %%s. %s", quoted);
        FILE *shell = popen(command, "r");
        char back[64] = "";
        assert_non_null(shell);
        size_t size = fread(back, 1, sizeof(back), shell);
        assert_int_equal(pclose(shell), 0);
        assert_int_equal(size, strlen(words[i]) + 1);
        assert_memory_equal(back, words[i], size - 1);
        free(command);
        free(quoted);
    }
}

static void test_sizes(void **state)
{
    (void)state;
    static const struct {
        uint64_t bytes;
        const char *text;
    } cases[] = {{0, "0 B"},
                 {1023, "1023 B"},
                 {1024, "1.0 KiB"},
                 {1536, "1.5 KiB"},
                 {1 << 20, "1.0 MiB"},
                 {UINT64_C(5) << 40, "5.0 TiB"},
                 {UINT64_C(5) << 50, "5120.0 TiB"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char *text = text_size(cases[i].bytes);
        assert_string_equal(text, cases[i].text);
        free(text);
    }
}

static void test_durations(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint32_t ms;
    } good[] = {{"0ms", 0},     {"50ms", 50},    {"1s", 1000},      {"1.5s", 1500}, {".5s", 500},
                {"2m", 120000}, {"1h", 3600000}, {"24h", 86400000}, {"100us", 1},   {"0.1ms", 1}};
    static const char *const bad[] = {"",     "5",
                                      "ms",   "5 s",
                                      "-1s",  "1e3s",
                                      "1d",   "s5",
                                      "1.s.", "25h",
                                      "1ss",  "5000000000000000s",
                                      "..s",  "9999999999999999999ms"};
    uint32_t ms = 7;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_int_equal(text_parse_duration(good[i].text, &ms), 0);
        assert_int_equal(ms, good[i].ms);
    }
    ms = 7;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(text_parse_duration(bad[i], &ms), ERR_INVALID);
    assert_int_equal(ms, 7);
}

static void test_ratios(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint32_t ppm;
    } good[] = {{"0", 0},       {"1", 1000000},  {"1.0", 1000000}, {"0.3", 300000},
                {".5", 500000}, {"0.000001", 1}, {"0.0000004", 0}, {"0.29", 290000}};
    static const char *const bad[] = {"",    ".",   "1.1",  "-0.1", "2",    "0.5%",
                                      "50%", "nan", "1e-1", "0,5",  "1.0.0"};
    uint32_t ppm = 7;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_int_equal(text_parse_ratio(good[i].text, &ppm), 0);
        assert_int_equal(ppm, good[i].ppm);
    }
    ppm = 7;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(text_parse_ratio(bad[i], &ppm), ERR_INVALID);
    assert_int_equal(ppm, 7);
}

static void assert_client_id(const char *text, const char *bytes, size_t size)
{
    uint8_t out[64];
    size_t out_size = 0;
    assert_int_equal(text_parse_client_id(text, out, sizeof(out), &out_size), 0);
    assert_int_equal(out_size, size);
    assert_memory_equal(out, bytes, size);
    /* And back, to something that means the same. */
    char *again = text_client_id((struct bytes){.data = out, .size = out_size});
    uint8_t twice[64];
    assert_int_equal(text_parse_client_id(again, twice, sizeof(twice), &out_size), 0);
    assert_int_equal(out_size, size);
    assert_memory_equal(twice, bytes, size);
    free(again);
}

static void test_client_ids(void **state)
{
    (void)state;
    assert_client_id("me", "me", 2);
    assert_client_id("hex:00ff0A", "\x00\xff\x0a", 3);
    assert_client_id("hex:6865783a3030", "hex:00", 6);
    assert_client_id("two words", "two words", 9);
    char longest[66] = "";
    memset(longest, 'x', 64);
    assert_client_id(longest, longest, 64);
    longest[64] = 'x';
    static const char *const bad[] = {"", "hex:", "hex:0", "hex:0g"};
    uint8_t out[64];
    size_t size = 7;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(text_parse_client_id(bad[i], out, sizeof(out), &size), ERR_INVALID);
    assert_int_equal(text_parse_client_id(longest, out, sizeof(out), &size), ERR_INVALID);
    assert_int_equal(size, 7);

    char *text = text_client_id(bytes_of("me"));
    assert_string_equal(text, "me");
    free(text);
    text = text_client_id(raw("\x01\xff", 2));
    assert_string_equal(text, "hex:01ff");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_printable), cmocka_unit_test(test_shell_quote),
        cmocka_unit_test(test_sizes),     cmocka_unit_test(test_durations),
        cmocka_unit_test(test_ratios),    cmocka_unit_test(test_client_ids),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
