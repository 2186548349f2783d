/* log_test.c -- whatever is logged is one line; in JSON one valid object; what is cut says so. */
#define _GNU_SOURCE
#include "../unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"

/* stderr, while a test looks at it. */
static FILE *captured;
static int stderr_before;
static char line[LOG_LINE_MAX * 2];

static int setup(void **state)
{
    (void)state;
    log_setup(LOG_FORMAT_TEXT, LOG_INFO, 0);
    captured = tmpfile();
    stderr_before = dup(STDERR_FILENO);
    return captured == NULL || dup2(fileno(captured), STDERR_FILENO) < 0 ? -1 : 0;
}

static int teardown(void **state)
{
    (void)state;
    dup2(stderr_before, STDERR_FILENO);
    close(stderr_before);
    return fclose(captured);
}

/* What was logged since the last call, without the newline that must end it. */
static const char *logged(void)
{
    long size = lseek(fileno(captured), 0, SEEK_END);
    assert_in_range(size, 0, LOG_LINE_MAX);
    assert_int_equal(pread(fileno(captured), line, (size_t)size, 0), size);
    assert_int_equal(ftruncate(fileno(captured), 0), 0);
    lseek(fileno(captured), 0, SEEK_SET);
    line[size] = '\0';
    if (size > 0) {
        assert_int_equal(strlen(line), size);
        assert_ptr_equal(strchr(line, '\n'), line + size - 1);
        line[size - 1] = '\0';
    }
    return line;
}

/* The same behind the time, which has a fixed width. */
static const char *logged_text(void)
{
    return logged() + strlen("2026-01-31T10:58:47.123Z ");
}

static const char *logged_json(void)
{
    const char *all = logged();
    assert_memory_equal(all, "{\"time\":\"", 9);
    return all + strlen("{\"time\":\"2026-01-31T10:58:47.123Z\",");
}

static void test_text(void **state)
{
    (void)state;
    log_info("serving on %s", ":5001");
    assert_string_equal(logged_text(), "info serving on :5001");

    log_setup(LOG_FORMAT_TEXT, LOG_INFO, 3);
    log_line(LOG_WARN, LOG_FIELDS(log_u64("peer", 2), log_text("addr", "localhost:5002")),
             "peer is silent");
    assert_string_equal(logged_text(), "warn node=3 peer is silent peer=2 addr=localhost:5002");

    log_line(LOG_ERROR,
             LOG_FIELDS(log_text("a", "two words"), log_text("b", ""), log_text("c", NULL),
                        log_text("d", "x=\"y\\"), log_bool("e", true), log_bool("f", false)),
             "m");
    assert_string_equal(
        logged_text(),
        "error node=3 m a=\"two words\" b=\"\" c=\"\" d=\"x=\\\"y\\\\\" e=true f=false");
}

static void test_json(void **state)
{
    (void)state;
    log_setup(LOG_FORMAT_JSON, LOG_INFO, 3);
    log_line(LOG_WARN, LOG_FIELDS(log_u64("n", UINT64_MAX), log_text("q", "a \"b\" \\ c")),
             "m \"x\"");
    assert_string_equal(logged_json(), "\"level\":\"warn\",\"node\":3,\"message\":\"m \\\"x\\\"\","
                                       "\"n\":18446744073709551615,\"q\":\"a \\\"b\\\" \\\\ c\"}");
    log_line(LOG_INFO, LOG_FIELDS(log_bool("up", false)), "%s", "");
    assert_string_equal(logged_json(),
                        "\"level\":\"info\",\"node\":3,\"message\":\"\",\"up\":false}");
}

static void test_time_is_now(void **state)
{
    (void)state;
    time_t before = time(NULL);
    log_info("x");
    time_t after = time(NULL);
    struct tm tm = {0};
    int ms = -1;
    assert_int_equal(sscanf(logged(), "%d-%d-%dT%d:%d:%d.%dZ info x", &tm.tm_year, &tm.tm_mon,
                            &tm.tm_mday, &tm.tm_hour, &tm.tm_min, &tm.tm_sec, &ms),
                     7);
    tm.tm_year -= 1900;
    tm.tm_mon -= 1;
    assert_in_range(timegm(&tm), before, after);
    assert_in_range(ms, 0, 999);
}

/* Nothing that came from outside may end a line, forge another or speak to the terminal. */
static void test_escapes(void **state)
{
    (void)state;
    static const uint8_t bad[] = "a\n\r\t\x1b[1m\x7f\0z";
    struct bytes value = {.data = bad, .size = sizeof(bad) - 1};
    log_line(LOG_INFO, LOG_FIELDS(log_bytes("k", value)), "two\nlines");
    assert_string_equal(logged_text(), "info two\\nlines k=\"a\\n\\x0d\\x09\\x1b[1m\\x7f\\x00z\"");

    log_setup(LOG_FORMAT_JSON, LOG_INFO, 0);
    log_line(LOG_INFO, LOG_FIELDS(log_bytes("k", value)), "two\nlines");
    assert_string_equal(logged_json(), "\"level\":\"info\",\"message\":\"two\\nlines\","
                                       "\"k\":\"a\\n\\\\x0d\\\\x09\\\\x1b[1m\\\\x7f\\\\x00z\"}");
}

/* What is UTF-8 stays, what only looks like it is escaped: overlong, surrogate, too high, cut. */
static void test_utf8(void **state)
{
    (void)state;
    log_line(LOG_INFO, LOG_FIELDS(log_text("k", "\u00fc\u20ac\U0001f600")), "m");
    assert_string_equal(logged_text(), "info m k=\"\u00fc\u20ac\U0001f600\"");
    static const char *const bad[][2] = {
        {"\xc0\x80", "\\xc0\\x80"},
        {"\xe0\x80\x80", "\\xe0\\x80\\x80"},
        {"\xed\xa0\x80", "\\xed\\xa0\\x80"},
        {"\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"},
        {"\xf0\x80\x80\x80", "\\xf0\\x80\\x80\\x80"},
        {"\xff", "\\xff"},
        {"\xe2\x82", "\\xe2\\x82"},
        {"\xc2\x9b", "\\xc2\\x9b"}, /* A terminal takes it for ESC [. */
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        log_info("%s", bad[i][0]);
        assert_string_equal(logged_text() + strlen("info "), bad[i][1]);
    }
}

/* The worst that can be put in: all of it escaped, of every size around the bounds. */
static void test_long_lines_are_cut(void **state)
{
    (void)state;
    static char message[9000];
    static uint8_t value[9000];
    memset(value, 1, sizeof(value));
    for (int format = LOG_FORMAT_TEXT; format <= LOG_FORMAT_JSON; format++) {
        bool is_json = format == LOG_FORMAT_JSON;
        const char *cut = is_json ? ",\"truncated\":true}" : " truncated=true";
        log_setup((enum log_format)format, LOG_INFO, 9);
        for (size_t size = 0; size < 2600; size += size < 300 ? 7 : 1) {
            memset(message, size % 2 == 0 ? 'm' : 2, size);
            message[size] = '\0';
            struct bytes field = {.data = value, .size = 2600 - size};
            log_line(LOG_INFO, LOG_FIELDS(log_bytes("v", field), log_u64("last", 7)), "%s",
                     message);
            const char *text = logged();
            size_t text_size = strlen(text);
            /* A field is there whole or not at all; one that does not fit leaves room to others. */
            bool has_v = strstr(text, is_json ? "\"v\":\"" : " v=\"") != NULL;
            bool has_last = strstr(text, is_json ? ",\"last\":7" : " last=7") != NULL;
            bool is_cut = strcmp(text + text_size - strlen(cut), cut) == 0;
            assert_true(has_v || has_last);
            assert_true(is_cut || (has_v && has_last));
            assert_true(!is_json || text[text_size - 1] == '}');
        }
    }
}

static void test_levels(void **state)
{
    (void)state;
    log_debug("x");
    assert_string_equal(logged(), "");
    log_setup(LOG_FORMAT_TEXT, LOG_ERROR, 0);
    log_warn("x");
    assert_string_equal(logged(), "");
    log_error("x");
    assert_string_equal(logged_text(), "error x");
    log_setup(LOG_FORMAT_TEXT, LOG_DEBUG, 0);
    log_debug("x");
    assert_string_equal(logged_text(), "debug x");
}

static void test_words(void **state)
{
    (void)state;
    enum log_level level = LOG_INFO;
    enum log_format format = LOG_FORMAT_TEXT;
    assert_int_equal(log_level_parse("error", &level), 0);
    assert_int_equal(level, LOG_ERROR);
    assert_int_equal(log_level_parse("loud", &level), ERR_INVALID);
    assert_int_equal(level, LOG_ERROR);
    assert_int_equal(log_format_parse("json", &format), 0);
    assert_int_equal(format, LOG_FORMAT_JSON);
    assert_int_equal(log_format_parse("xml", &format), ERR_INVALID);
    assert_int_equal(log_format_parse("text", &format), 0);
    assert_int_equal(format, LOG_FORMAT_TEXT);
}

static void test_errno_is_kept(void **state)
{
    (void)state;
    close(STDERR_FILENO);
    errno = ENOSPC;
    log_info("to nobody");
    assert_int_equal(errno, ENOSPC);
    assert_int_equal(dup2(fileno(captured), STDERR_FILENO), STDERR_FILENO);
}

/* Take all that is in a pipe; gives its last line, without its newline. */
static const char *drain(int fd)
{
    static char all[LOG_LINE_MAX];
    ssize_t n = 0;
    for (ssize_t got; (got = read(fd, all, sizeof(all) - 1)) > 0;)
        n = got;
    all[n] = '\0';
    if (n > 0)
        all[n - 1] = '\0';
    return all;
}

/* Fill it as far as write(2) takes it; it waits for room from then on. */
static void fill(int fd)
{
    static const char page[LOG_LINE_MAX];
    assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    while (write(fd, page, sizeof(page)) > 0)
        continue;
    assert_int_equal(errno, EAGAIN);
    assert_int_equal(fcntl(fd, F_SETFL, 0), 0);
}

/* Nobody waits for who reads, and what was lost meanwhile is told. */
static void test_a_reader_that_stalls_costs_lines(void **state)
{
    (void)state;
    const size_t head = strlen("2026-01-31T10:58:47.123Z ");
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    assert_int_equal(fcntl(fds[0], F_SETFL, O_NONBLOCK), 0);
    assert_int_equal(dup2(fds[1], STDERR_FILENO), STDERR_FILENO);
    log_info("what other tests lost is told");
    drain(fds[0]);
    fill(fds[1]);
    alarm(10); /* Should one of them wait. */
    log_info("lost");
    log_info("lost too");
    log_debug("not logged at all");
    assert_string_equal(drain(fds[0]), "");
    log_info("heard");
    assert_string_equal(drain(fds[0]) + head, "info heard lost_lines=2");
    log_info("and again");
    assert_string_equal(drain(fds[0]) + head, "info and again");

    log_setup(LOG_FORMAT_JSON, LOG_INFO, 0);
    fill(fds[1]);
    log_info("lost");
    assert_string_equal(drain(fds[0]), "");
    log_info("heard");
    assert_non_null(strstr(drain(fds[0]), "\"message\":\"heard\",\"lost_lines\":1}"));
    alarm(0);
    assert_int_equal(dup2(fileno(captured), STDERR_FILENO), STDERR_FILENO);
    close(fds[0]);
    close(fds[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_text),          TEST(test_json),
        TEST(test_time_is_now),   TEST(test_escapes),
        TEST(test_utf8),          TEST(test_long_lines_are_cut),
        TEST(test_levels),        TEST(test_words),
        TEST(test_errno_is_kept), TEST(test_a_reader_that_stalls_costs_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
