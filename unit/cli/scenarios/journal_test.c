/*
 * journal_test.c -- what clients were told becomes a history that claims no more than they know,
 * and the checkers' verdict becomes words.
 */
#define _GNU_SOURCE
#include "../../unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "cli/scenarios/journal.h"

#define TEXT(text) ((struct dkv_bytes){(text), sizeof(text) - 1})

static const struct dkv_bytes session = {"session", 7};

static struct journal journal;

static int setup(void **state)
{
    (void)state;
    journal_init(&journal);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    journal_fini(&journal);
    return 0;
}

static uint64_t now_ns;

/* One after the other, each 10 ns long. */
static const struct history_op *add(const struct dkv_op *op, const struct dkv_answer *answer)
{
    now_ns += 20;
    journal_add(&journal, 3, session, op, answer, now_ns, now_ns + 10);
    assert_int_equal(journal.err, 0);
    return journal.history.count > 0 ? &journal.history.ops[journal.history.count - 1] : NULL;
}

static bool is_text(struct bytes b, const char *text)
{
    return bytes_equal(b, bytes_of(text));
}

static void test_what_is_kept(void **state)
{
    (void)state;
    const struct dkv_op put = {.kind = DKV_PUT, .key = TEXT("k"), .value = TEXT("v")};
    const struct dkv_answer answer = {.op_id = 7, .slot = 4, .revision = 2, .node = 1};
    const struct history_op *op = add(&put, &answer);
    assert_int_equal(op->call.client, 3);
    assert_int_equal(op->call.kind, HISTORY_PUT);
    assert_true(is_text(op->call.key, "k") && is_text(op->call.value, "v"));
    assert_true(is_text(op->call.client_id, "session"));
    assert_int_equal(op->call.op_id, 7);
    assert_int_equal(op->answer.outcome, HISTORY_OK);
    assert_int_equal(op->answer.return_ns - op->call.call_ns, 10);
    assert_int_equal(op->answer.slot, 4);
    assert_int_equal(op->answer.revision, 2);
    assert_int_equal(op->answer.node, 1);
    assert_true(op->answer.has_found && !op->answer.found && !op->answer.has_output);

    const struct dkv_op get = {.kind = DKV_GET, .key = TEXT("k")};
    op = add(&get, &(struct dkv_answer){.found = true, .has_value = true, .value = TEXT("v")});
    assert_int_equal(op->call.kind, HISTORY_GET);
    assert_int_equal(op->call.client_id.size, 0); /* Reads have no session. */
    assert_true(op->answer.found && op->answer.has_output && is_text(op->answer.output, "v"));

    const struct dkv_op append = {.kind = DKV_APPEND, .key = TEXT("k"), .value = TEXT("w")};
    op = add(&append, &(struct dkv_answer){.found = true, .has_value = true, .value = TEXT("vw")});
    assert_int_equal(op->call.kind, HISTORY_APPEND);
    assert_true(is_text(op->answer.output, "vw"));

    const struct dkv_op cas = {.kind = DKV_CAS,
                               .key = TEXT("k"),
                               .value = TEXT("x"),
                               .expect = DKV_EXPECT_VALUE,
                               .expected = TEXT("no")};
    op = add(&cas,
             &(struct dkv_answer){.found = true, .has_previous = true, .previous = TEXT("vw")});
    assert_int_equal(op->call.kind, HISTORY_CAS);
    assert_true(op->call.expect_found && is_text(op->call.expect, "no"));
    assert_true(!op->answer.applied && is_text(op->answer.output, "vw"));

    const struct dkv_op delete = {.kind = DKV_DELETE, .key = TEXT("k")};
    op = add(&delete, &(struct dkv_answer){.found = true, .applied = true});
    assert_int_equal(op->call.kind, HISTORY_DELETE);
    assert_true(op->answer.found);

    struct journal_verdict v;
    assert_int_equal(journal_check(&journal, &v), 0);
    assert_true(v.linearizable && v.revisions_fit);
    assert_int_equal(v.operations, 5);
    assert_int_equal(v.keys, 1);
    assert_string_equal(v.order_text, "");
    assert_string_equal(v.revisions_text, "");
}

static void test_outcomes(void **state)
{
    (void)state;
    static const struct {
        enum dkv_status status;
        enum history_outcome of_write;
    } all[] = {
        {DKV_OK, HISTORY_OK},
        {DKV_INVALID, HISTORY_FAIL},
        {DKV_UNAVAILABLE, HISTORY_FAIL},
        {DKV_UNKNOWN, HISTORY_UNKNOWN},
        {DKV_BUSY, HISTORY_FAIL},
        {DKV_STALE, HISTORY_UNKNOWN}, /* Its answer was had before: it may have been executed. */
        {DKV_EXPIRED, HISTORY_UNKNOWN},
        {DKV_MISMATCH, HISTORY_UNKNOWN},
        {DKV_TOO_LARGE, HISTORY_FAIL},
        {DKV_DENIED, HISTORY_UNKNOWN},
        {DKV_UNSUPPORTED, HISTORY_UNKNOWN},
        {DKV_FAILED, HISTORY_UNKNOWN},
        {DKV_NO_MEMORY, HISTORY_UNKNOWN},
    };
    const struct dkv_op put = {.kind = DKV_PUT, .key = TEXT("k"), .value = TEXT("v")};
    const struct dkv_op get = {.kind = DKV_GET, .key = TEXT("k")};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        const struct dkv_answer answer = {.status = all[i].status};
        assert_int_equal(add(&put, &answer)->answer.outcome, all[i].of_write);
        bool is_ok = all[i].status == DKV_OK;
        assert_int_equal(add(&get, &answer)->answer.outcome, is_ok ? HISTORY_OK : HISTORY_FAIL);
    }
}

static void test_what_is_left_out(void **state)
{
    (void)state;
    const struct dkv_op get = {.kind = DKV_GET, .key = TEXT("k"), .consistency = DKV_SEQUENTIAL};
    assert_null(add(&get, &(struct dkv_answer){.found = false}));
    /* A repeat without its values claims nothing about them. */
    const struct dkv_op put = {.kind = DKV_PUT, .key = TEXT("k"), .value = TEXT("v")};
    const struct history_op *op =
        add(&put, &(struct dkv_answer){.duplicate = true, .omitted = true, .op_id = 1});
    assert_false(op->answer.has_found || op->answer.has_output);
}

static void test_a_stale_read_is_told(void **state)
{
    (void)state;
    const struct dkv_op put = {.kind = DKV_PUT, .key = TEXT("k"), .value = TEXT("v")};
    const struct dkv_op get = {.kind = DKV_GET, .key = TEXT("k")};
    add(&put, &(struct dkv_answer){.slot = 1, .revision = 1});
    add(&get, &(struct dkv_answer){.found = false});
    struct journal_verdict v;
    assert_int_equal(journal_check(&journal, &v), 0);
    assert_false(v.linearizable);
    assert_false(v.undecided);
    assert_true(v.revisions_fit);
    assert_non_null(
        strstr(v.order_text, "no order explains the answer of\n{\"client\":3,\"op\":\"get\""));
    assert_non_null(strstr(v.order_text, "\"op\":\"put\""));
}

static void test_revisions_that_go_back_are_told(void **state)
{
    (void)state;
    const struct dkv_op first = {.kind = DKV_PUT, .key = TEXT("a"), .value = TEXT("v")};
    const struct dkv_op second = {.kind = DKV_PUT, .key = TEXT("b"), .value = TEXT("v")};
    add(&first, &(struct dkv_answer){.slot = 2, .revision = 2});
    add(&second, &(struct dkv_answer){.slot = 1, .revision = 1});
    struct journal_verdict v;
    assert_int_equal(journal_check(&journal, &v), 0);
    assert_true(v.linearizable);
    assert_false(v.revisions_fit);
    assert_non_null(strstr(v.revisions_text, "\"key\":\"a\""));
    assert_non_null(strstr(v.revisions_text, "\"key\":\"b\""));
}

static void test_an_answer_without_sense(void **state)
{
    (void)state;
    const struct dkv_op get = {.kind = DKV_GET, .key = TEXT("k")};
    /* Found, and no value. */
    journal_add(&journal, 1, session, &get, &(struct dkv_answer){.found = true}, 1, 2);
    struct journal_verdict v;
    assert_int_equal(journal_check(&journal, &v), ERR_INVALID);
}

static void test_no_memory(void **state)
{
    (void)state;
    const struct dkv_op put = {.kind = DKV_PUT, .key = TEXT("k"), .value = TEXT("v")};
    mem_fail_after(0);
    journal_add(&journal, 1, session, &put, &(struct dkv_answer){.op_id = 1}, 1, 2);
    mem_fail_after(-1);
    struct journal_verdict v;
    assert_int_equal(journal_check(&journal, &v), ERR_NO_MEMORY); /* An operation is lost. */
}

static void test_written_down(void **state)
{
    (void)state;
    const struct dkv_op put = {.kind = DKV_PUT, .key = TEXT("k"), .value = TEXT("v")};
    add(&put, &(struct dkv_answer){.op_id = 1});
    add(&put, &(struct dkv_answer){.status = DKV_UNKNOWN, .op_id = 2});
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    assert_int_equal(journal_write(&journal, out), 0);
    fclose(out);
    char *second = strchr(text, '\n') + 1;
    assert_true(strncmp(text, "{\"client\":3,\"op\":\"put\",\"key\":\"k\"", 32) == 0);
    assert_non_null(strstr(second, "\"outcome\":\"unknown\""));
    assert_int_equal(text[size - 1], '\n');
    free(text);
    FILE *full = fopen("/dev/full", "w");
    assert_int_equal(journal_write(&journal, full), ERR_IO);
    fclose(full);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_what_is_kept),
        TEST(test_outcomes),
        TEST(test_what_is_left_out),
        TEST(test_a_stale_read_is_told),
        TEST(test_revisions_that_go_back_are_told),
        TEST(test_an_answer_without_sense),
        TEST(test_no_memory),
        TEST(test_written_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
