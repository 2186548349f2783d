/* history_json_test.c -- one line per operation: exact text, there and back, and bad lines. */
#include "../unit.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/prng.h"
#include "generate.h"
#include "history/history_json.h"

#define GET_LINE                                                             \
    "{\"client\":3,\"op\":\"get\",\"key\":\"k1\",\"call\":17,\"return\":99," \
    "\"outcome\":\"ok\",\"found\":true,\"output\":\"abc\"}"

static void assert_writes(const struct history_op *op, const char *expected)
{
    struct buf out = {0};
    assert_int_equal(history_json_write(op, &out), 0);
    assert_int_equal(buf_append_u8(&out, 0), 0);
    assert_string_equal((const char *)out.data, expected);
    buf_fini(&out);
}

static void assert_same(const struct history_op *a, const struct history_op *b)
{
    assert_int_equal(a->call.client, b->call.client);
    assert_int_equal(a->call.kind, b->call.kind);
    assert_true(bytes_equal(a->call.key, b->call.key));
    assert_true(bytes_equal(a->call.value, b->call.value));
    assert_int_equal(a->call.expect_found, b->call.expect_found);
    assert_true(bytes_equal(a->call.expect, b->call.expect));
    assert_true(a->call.call_ns == b->call.call_ns);
    assert_true(bytes_equal(a->call.client_id, b->call.client_id));
    assert_true(a->call.op_id == b->call.op_id);
    assert_int_equal(a->answer.outcome, b->answer.outcome);
    assert_true(a->answer.return_ns == b->answer.return_ns);
    assert_int_equal(a->answer.has_found, b->answer.has_found);
    assert_int_equal(a->answer.found, b->answer.found);
    assert_int_equal(a->answer.has_output, b->answer.has_output);
    assert_true(bytes_equal(a->answer.output, b->answer.output));
    assert_int_equal(a->answer.applied, b->answer.applied);
    assert_true(a->answer.revision == b->answer.revision);
    assert_true(a->answer.slot == b->answer.slot);
    assert_int_equal(a->answer.node, b->answer.node);
}

static int parse(const char *line, struct history_op *op, struct buf *scratch)
{
    return history_json_parse(bytes_of(line), scratch, op);
}

static void assert_refused(const char *line)
{
    struct buf scratch = {0};
    struct history_op op = {.call.client = 12345};
    int err = parse(line, &op, &scratch);
    if (err != ERR_INVALID)
        fail_msg("not refused: %s", line);
    assert_int_equal(op.call.client, 12345); /* Untouched. */
    buf_fini(&scratch);
}

static void test_writes_the_promised_fields(void **state)
{
    (void)state;
    struct history_op op = {
        .call = {.client = 3,
                 .kind = HISTORY_PUT,
                 .key = bytes_of("k1"),
                 .value = bytes_of("abc"),
                 .call_ns = 17,
                 .client_id = bytes_of("me"),
                 .op_id = 7},
        .answer = {.outcome = HISTORY_OK,
                   .return_ns = UINT64_MAX - 1,
                   .has_found = true,
                   .found = true,
                   .has_output = true,
                   .output = bytes_of("old"),
                   .revision = 17,
                   .slot = 99,
                   .node = 2},
    };
    assert_writes(&op, "{\"client\":3,\"op\":\"put\",\"key\":\"k1\",\"value\":\"abc\",\"call\":17,"
                       "\"return\":18446744073709551614,\"outcome\":\"ok\",\"found\":true,"
                       "\"output\":\"old\",\"revision\":17,\"slot\":99,\"client_id\":\"me\","
                       "\"op_id\":7,\"node\":2}\n");
    op = generate_op(HISTORY_DELETE, "", NULL, 0, 0);
    op.answer = (struct history_answer){.return_ns = HISTORY_NEVER};
    assert_writes(&op, "{\"client\":0,\"op\":\"delete\",\"key\":\"\",\"call\":0,"
                       "\"outcome\":\"unknown\"}\n");
    op = generate_op(HISTORY_CAS, "k", "v", 1, 2);
    assert_writes(&op, "{\"client\":0,\"op\":\"cas\",\"key\":\"k\",\"value\":\"v\","
                       "\"expect_found\":false,\"call\":1,\"return\":2,\"outcome\":\"ok\","
                       "\"applied\":false}\n");
    op.call.expect_found = true;
    op.call.expect = bytes_of("e");
    op.answer.applied = true;
    assert_writes(&op, "{\"client\":0,\"op\":\"cas\",\"key\":\"k\",\"value\":\"v\","
                       "\"expect_found\":true,\"expect\":\"e\",\"call\":1,\"return\":2,"
                       "\"outcome\":\"ok\",\"applied\":true}\n");
}

static void test_writes_text_and_bytes(void **state)
{
    (void)state;
    static const struct {
        const char *raw;
        size_t size;
        const char *json;
    } cases[] = {
        {"a\"b\\c/\n\r\t\x01\x1f\x7f", 12, "\"a\\\"b\\\\c/\\n\\r\\t\\u0001\\u001f\x7f\""},
        {"\0", 1, "\"\\u0000\""},
        {"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", 9, "\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\""},
        {"\xf4\x8f\xbf\xbf\xed\x9f\xbf\xee\x80\x80", 10,
         "\"\xf4\x8f\xbf\xbf\xed\x9f\xbf\xee\x80\x80\""},
        {"\xff", 1, "{\"b64\":\"/w==\"}"},
        {"\xc0\x80", 2, "{\"b64\":\"wIA=\"}"},             /* Overlong. */
        {"\xe0\x9f\xbf", 3, "{\"b64\":\"4J+/\"}"},         /* Overlong. */
        {"\xf0\x8f\xbf\xbf", 4, "{\"b64\":\"8I+/vw==\"}"}, /* Overlong. */
        {"\xed\xa0\x80", 3, "{\"b64\":\"7aCA\"}"},         /* Half a surrogate pair. */
        {"\xf4\x90\x80\x80", 4, "{\"b64\":\"9JCAgA==\"}"}, /* Beyond the last character. */
        {"a\xe2\x82", 3, "{\"b64\":\"YeKC\"}"},            /* Cut. */
        {"\x80", 1, "{\"b64\":\"gA==\"}"},                 /* Begins in the middle. */
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct history_op op = generate_op(HISTORY_PUT, "k", "", 1, 2);
        op.call.value =
            (struct bytes){.data = (const uint8_t *)cases[i].raw, .size = cases[i].size};
        char expected[300];
        (void)snprintf(expected, sizeof(expected),
                       "{\"client\":0,\"op\":\"put\",\"key\":\"k\",\"value\":%s,\"call\":1,"
                       "\"return\":2,\"outcome\":\"ok\"}\n",
                       cases[i].json);
        assert_writes(&op, expected);
        struct buf scratch = {0};
        struct history_op back;
        assert_int_equal(parse(expected, &back, &scratch), 0);
        assert_same(&op, &back);
        buf_fini(&scratch);
    }
}

static void test_reads_what_it_wrote(void **state)
{
    (void)state;
    struct prng prng;
    prng_init(&prng, 11);
    for (int round = 0; round < 300; round++) {
        struct history h;
        history_init(&h);
        const struct generate shape = {
            .clients = 4,
            .keys = 3,
            .ops = 30,
            .unknown_per_million = 200000,
            .fail_per_million = 100000,
            .told_per_million = 500000,
            .get_per_million = 300000,
            .append_per_million = 300000,
            .unique = true,
            .revisions = true,
        };
        generate_history(&h, &shape, &prng);
        struct buf line = {0};
        struct buf scratch = {0};
        for (size_t i = 0; i < h.count; i++) {
            struct history_op op = h.ops[i];
            uint8_t noise[40];
            size_t size = prng_below(&prng, sizeof(noise));
            for (size_t k = 0; k < size; k++)
                noise[k] = (uint8_t)(prng_next(&prng) >> (prng_below(&prng, 2) == 0 ? 56 : 58));
            op.call.key = (struct bytes){.data = noise, .size = size};
            op.call.client_id = bytes_slice(op.call.key, 0, size / 2);
            op.call.op_id = prng_next(&prng) >> prng_below(&prng, 64);
            op.answer.node = (uint32_t)prng_next(&prng);
            struct history_op back;
            buf_clear(&line);
            assert_int_equal(history_json_write(&op, &line), 0);
            assert_int_equal(line.data[line.size - 1], '\n');
            assert_int_equal(history_json_parse(buf_bytes(&line), &scratch, &back), 0);
            if (op.call.kind != HISTORY_CAS || op.answer.outcome != HISTORY_OK)
                op.answer.applied = false;
            assert_same(&op, &back);
            /* Whatever is cut off the end, what is left is no line. */
            struct bytes part = bytes_slice(buf_bytes(&line), 0, line.size - 2);
            part.size = prng_below(&prng, part.size + 1);
            assert_int_equal(history_json_parse(part, &scratch, &back), ERR_INVALID);
        }
        buf_fini(&line);
        buf_fini(&scratch);
        history_fini(&h);
    }
    assert_int_equal(mem_outstanding(), 0);
}

static void test_reads_any_json_of_that_meaning(void **state)
{
    (void)state;
    static const char *const lines[] = {
        GET_LINE,
        GET_LINE "\r\n",
        " { \"client\" : 3 , \"op\" : \"get\" , \"key\" : \"k1\" , \"call\" : 17 , "
        "\"return\" : 99 , \"outcome\" : \"ok\" , \"found\" : true , \"output\" : \"abc\" } ",
        /* Another order, escapes, base64 where it is not needed. */
        "{\"output\":{ \"b64\" : \"YWJj\" },\"found\":true,\"outcome\":\"\\u006fk\",\"return\":99,"
        "\"call\":17,\"key\":\"\\u006B1\",\"\\u006fp\":\"get\",\"client\":3}",
        /* Fields that are not known. */
        "{\"client\":3,\"x\":[1,-2.5e+3,{\"y\":null,\"z\":[]},{},\"\\ud83d\\ude00\"],\"op\":"
        "\"get\","
        "\"key\":\"k1\",\"call\":17,\"more\":true,\"return\":99,\"outcome\":\"ok\",\"found\":true,"
        "\"x\":0,\"output\":\"abc\",\"e\":-0E-1,\"f\":false}",
    };
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        struct history_op op;
        struct buf scratch = {0};
        assert_int_equal(parse(lines[i], &op, &scratch), 0);
        struct history_op expected = generate_op(HISTORY_GET, "k1", "abc", 17, 99);
        expected.call.client = 3;
        assert_same(&op, &expected);
        buf_fini(&scratch);
    }
    struct history_op op;
    struct buf scratch = {0};
    assert_int_equal(parse("{\"client\":1,\"op\":\"put\",\"key\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\","
                           "\"value\":\"\\u00e4\\u20ac\\ud83d\\ude00\\u0000\",\"call\":1,"
                           "\"outcome\":\"unknown\"}",
                           &op, &scratch),
                     0);
    assert_true(bytes_equal(op.call.key, bytes_of("\"\\/\b\f\n\r\t")));
    assert_int_equal(op.call.value.size, 10);
    assert_memory_equal(op.call.value.data, "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\0", 10);
    assert_true(op.answer.return_ns == HISTORY_NEVER);
    buf_fini(&scratch);
}

/* GET_LINE with `from`, which is in it once, replaced. */
static void assert_refused_with(const char *from, const char *to)
{
    char line[600];
    const char *at = strstr(GET_LINE, from);
    assert_non_null(at);
    (void)snprintf(line, sizeof(line), "%.*s%s%s", (int)(at - (const char *)GET_LINE), GET_LINE, to,
                   at + strlen(from));
    assert_refused(line);
}

static void test_refuses_bad_json(void **state)
{
    (void)state;
    assert_refused("");
    assert_refused("\n");
    assert_refused("{}");
    assert_refused("[]");
    assert_refused(GET_LINE "x");
    assert_refused(GET_LINE GET_LINE);
    assert_refused_with("{", "");
    assert_refused_with("}", ",}");
    assert_refused_with(",", ",,");
    assert_refused_with(":3", "=3");
    assert_refused_with("\"k1\"", "\"k1");
    assert_refused_with("\"k1\"", "'k1'");
    assert_refused_with("\"k1\"", "\"k\n1\"");
    assert_refused_with("\"k1\"", "\"k\\x1\"");
    assert_refused_with("\"k1\"", "\"k\\u12g4\"");
    assert_refused_with("\"k1\"", "\"\\ud83d\"");
    assert_refused_with("\"k1\"", "\"\\ud83d\\u0041\"");
    assert_refused_with("\"k1\"", "\"\\ude00\"");
    assert_refused_with("\"k1\"", "\"\xff\"");
    assert_refused_with("\"k1\"", "{\"b64\":\"YQ\"}");
    assert_refused_with("\"k1\"", "{\"b64\":\"YR==\"}"); /* Bits that mean nothing. */
    assert_refused_with("\"k1\"", "{\"b64\":\"Y===\"}");
    assert_refused_with("\"k1\"", "{\"b64\":\"YQ==YQ==\"}");
    assert_refused_with("\"k1\"", "{\"b64\":\"Y-_Q\"}");
    assert_refused_with("\"k1\"", "{\"b65\":\"YQ==\"}");
    assert_refused_with("\"k1\"", "{\"b64\":\"YQ==\",\"x\":1}");
    assert_refused_with("\"k1\"", "{}");
    assert_refused_with("\"k1\"", "null");
    assert_refused_with("\"found\"", "\"x\":tru,\"found\"");
    assert_refused_with("\"found\"", "\"x\":01,\"found\"");
    assert_refused_with("\"found\"", "\"x\":-,\"found\"");
    assert_refused_with("\"found\"", "\"x\":1.,\"found\"");
    assert_refused_with("\"found\"", "\"x\":1e,\"found\"");
    assert_refused_with("\"found\"", "\"x\":[1 2],\"found\"");
    assert_refused_with("\"found\"", "\"x\":{1:2},\"found\"");
    assert_refused_with("\"found\"", "\"x\":,\"found\"");
    char deep[300];
    memset(deep, '[', 100);
    memset(deep + 100, ']', 100);
    memcpy(deep + 200, ",\"found\"", 9);
    char with_name[310];
    (void)snprintf(with_name, sizeof(with_name), "\"x\":%s", deep);
    assert_refused_with("\"found\"", with_name);
}

static void test_refuses_what_is_no_operation(void **state)
{
    (void)state;
    assert_refused_with("\"client\":3,", "");
    assert_refused_with("\"op\":\"get\",", "");
    assert_refused_with("\"key\":\"k1\",", "");
    assert_refused_with("\"call\":17,", "");
    assert_refused_with("\"outcome\":\"ok\",", "");
    assert_refused_with("\"return\":99,", "");
    assert_refused_with("\"found\":true,", "");
    assert_refused_with(",\"output\":\"abc\"", "");
    assert_refused_with("true", "false"); /* Not found, and an output. */
    assert_refused_with("true", "1");
    assert_refused_with("\"get\"", "\"GET\"");
    assert_refused_with("\"get\"", "\"swap\"");
    assert_refused_with("\"get\"", "\"put\""); /* Without a value. */
    assert_refused_with("\"get\"", "\"cas\"");
    assert_refused_with("\"ok\"", "\"good\"");
    assert_refused_with(":17", ":100"); /* After its return. */
    assert_refused_with(":17", ":-1");
    assert_refused_with(":17", ":1.0");
    assert_refused_with(":17", ":1e1");
    assert_refused_with(":17", ":017");
    assert_refused_with(":17", ":\"17\"");
    assert_refused_with(":99", ":18446744073709551615"); /* That is never. */
    assert_refused_with(":99", ":18446744073709551616");
    assert_refused_with(":99", ":99999999999999999999999");
    assert_refused_with(":3", ":4294967296");
    assert_refused_with("\"call\":17", "\"call\":17,\"call\":17");
    assert_refused_with("\"call\":17", "\"call\":17,\"value\":\"\"");
    assert_refused_with("\"call\":17", "\"call\":17,\"expect\":\"\"");
    assert_refused_with("\"call\":17", "\"call\":17,\"expect_found\":false");
    assert_refused_with("\"call\":17", "\"call\":17,\"applied\":false");
    assert_refused("{\"client\":0,\"op\":\"cas\",\"key\":\"k\",\"value\":\"v\",\"call\":1,"
                   "\"expect_found\":true,\"return\":2,\"outcome\":\"ok\",\"applied\":false}");
    assert_refused("{\"client\":0,\"op\":\"cas\",\"key\":\"k\",\"value\":\"v\",\"call\":1,"
                   "\"expect_found\":false,\"return\":2,\"outcome\":\"ok\"}");
}

static void test_without_memory(void **state)
{
    (void)state;
    struct history_op op = generate_op(HISTORY_PUT, "key", "value", 1, 2);
    struct buf out = {0};
    int err = ERR_NO_MEMORY;
    long failures = 0;
    for (long at = 0; err != 0; at++) {
        buf_fini(&out);
        assert_int_equal(buf_append_u8(&out, 'x'), 0);
        mem_fail_after(at);
        err = history_json_write(&op, &out);
        mem_fail_after(-1);
        assert_true(err == 0 || (err == ERR_NO_MEMORY && out.size == 1));
        failures += err != 0;
    }
    assert_true(failures >= 3);
    struct buf scratch = {0};
    struct bytes line = bytes_slice(buf_bytes(&out), 1, out.size - 1);
    mem_fail_after(0);
    assert_int_equal(history_json_parse(line, &scratch, &op), ERR_NO_MEMORY);
    mem_fail_after(-1);
    assert_int_equal(history_json_parse(line, &scratch, &op), 0);
    buf_fini(&scratch);
    buf_fini(&out);
    assert_int_equal(mem_outstanding(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_writes_the_promised_fields),
        cmocka_unit_test(test_writes_text_and_bytes),
        cmocka_unit_test(test_reads_what_it_wrote),
        cmocka_unit_test(test_reads_any_json_of_that_meaning),
        cmocka_unit_test(test_refuses_bad_json),
        cmocka_unit_test(test_refuses_what_is_no_operation),
        cmocka_unit_test(test_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
