/* linearizable_test.c -- anomalies planted by hand, each found, and what is told of them. */
#include "../unit.h"

#include "base/mem.h"
#include "generate.h"
#include "history/linearizable.h"

static size_t add(struct history *h, struct history_op op)
{
    assert_int_equal(history_add(h, &op), 0);
    return h->count - 1;
}

static size_t add_put(struct history *h, const char *value, uint64_t call_ns, uint64_t return_ns)
{
    return add(h, generate_op(HISTORY_PUT, "k", value, call_ns, return_ns));
}

static size_t add_get(struct history *h, const char *value, uint64_t call_ns, uint64_t return_ns)
{
    return add(h, generate_op(HISTORY_GET, "k", value, call_ns, return_ns));
}

static size_t add_append(struct history *h, const char *token, const char *output, uint64_t call_ns,
                         uint64_t return_ns)
{
    struct history_op op = generate_op(HISTORY_APPEND, "k", token, call_ns, return_ns);
    op.answer.has_output = output != NULL;
    op.answer.output = output == NULL ? (struct bytes){0} : bytes_of(output);
    return add(h, op);
}

static size_t add_cas(struct history *h, const char *expect, const char *value, bool applied,
                      uint64_t call_ns, uint64_t return_ns)
{
    struct history_op op = generate_op(HISTORY_CAS, "k", value, call_ns, return_ns);
    op.call.expect_found = expect != NULL;
    op.call.expect = expect == NULL ? (struct bytes){0} : bytes_of(expect);
    op.answer.applied = applied;
    return add(h, op);
}

static size_t add_lost(struct history *h, enum history_kind kind, const char *value,
                       enum history_outcome outcome, uint64_t call_ns)
{
    struct history_op op = generate_op(kind, "k", value, call_ns, call_ns + 1);
    op.answer = (struct history_answer){.outcome = outcome, .return_ns = call_ns + 1};
    return add(h, op);
}

static struct linearizable_report check(struct history *h)
{
    struct linearizable_report r = {0};
    enum linearizable_verdict naive = LINEARIZABLE_UNDECIDED;
    assert_int_equal(linearizable_check(h, &linearizable_budget_default, &r), 0);
    assert_int_equal(linearizable_naive(h, &naive), 0);
    assert_int_equal(r.verdict, naive);
    return r;
}

static void assert_fine(struct history *h)
{
    assert_int_equal(check(h).verdict, LINEARIZABLE_YES);
    history_fini(h);
    assert_int_equal(mem_outstanding(), 0);
}

/* Not linearizable: `op` is the first that does not fit. */
static void assert_stuck(struct history *h, size_t op)
{
    struct linearizable_report r = check(h);
    assert_int_equal(r.verdict, LINEARIZABLE_NO);
    assert_true(bytes_equal(r.key, bytes_of("k")));
    assert_int_equal(r.op, op);
    history_fini(h);
    assert_int_equal(mem_outstanding(), 0);
}

static void test_nothing_and_little(void **state)
{
    (void)state;
    struct history h = {0};
    struct linearizable_report r = check(&h);
    assert_int_equal(r.keys, 0);
    assert_fine(&h);
    add_get(&h, NULL, 1, 2);
    assert_fine(&h);
    size_t op = add_get(&h, "x", 1, 2);
    assert_stuck(&h, op);
    add_put(&h, "", 1, 2); /* Empty is not absent. */
    op = add_get(&h, NULL, 3, 4);
    assert_stuck(&h, op);
}

static void test_stale_read(void **state)
{
    (void)state;
    struct history h = {0};
    add_put(&h, "1", 1, 2);
    add_put(&h, "2", 3, 6);
    add_get(&h, "1", 4, 5); /* Still fine: the second put is under way. */
    size_t stale = add_get(&h, "1", 7, 8);
    struct linearizable_report r = check(&h);
    assert_int_equal(r.explained, 3);
    assert_int_equal(r.writer, 1);
    assert_stuck(&h, stale);
}

static void test_reads_go_back(void **state)
{
    (void)state;
    struct history h = {0};
    add_put(&h, "1", 1, 2);
    add_put(&h, "2", 3, 20);
    add_get(&h, "2", 4, 5);
    size_t back = add_get(&h, "1", 6, 7); /* One reader saw the new value already. */
    assert_stuck(&h, back);
}

static void test_lost_update(void **state)
{
    (void)state;
    struct history h = {0};
    add_append(&h, "a", NULL, 1, 5);
    add_append(&h, "b", NULL, 2, 6);
    size_t op = add_get(&h, "b", 7, 8);
    assert_stuck(&h, op);
    add_put(&h, "1", 1, 2);
    op = add_get(&h, NULL, 3, 4);
    assert_stuck(&h, op);
}

static void test_doubled_append(void **state)
{
    (void)state;
    struct history h = {0};
    add_append(&h, "a", NULL, 1, 2);
    add_append(&h, "b", NULL, 3, 4);
    size_t op = add_get(&h, "aba", 5, 6);
    assert_stuck(&h, op);
    add_append(&h, "a", "a", 1, 2);
    add_lost(&h, HISTORY_APPEND, "b", HISTORY_UNKNOWN, 3);
    add_get(&h, "ab", 5, 6);
    op = add_get(&h, "abb", 7, 8);
    assert_stuck(&h, op);
}

static void test_append_outputs(void **state)
{
    (void)state;
    struct history h = {0};
    add_append(&h, "a", "ba", 1, 5);
    add_append(&h, "b", "b", 2, 6);
    add_get(&h, "ba", 7, 8);
    assert_fine(&h);
    add_append(&h, "a", "a", 1, 5); /* Both say that they were first. */
    size_t op = add_append(&h, "b", "b", 2, 6);
    assert_stuck(&h, op);
    op = add_append(&h, "a", "b", 1, 2); /* Does not even end with what was appended. */
    assert_stuck(&h, op);
}

static void test_cas_both_win(void **state)
{
    (void)state;
    struct history h = {0};
    add_put(&h, "0", 1, 2);
    add_cas(&h, "0", "1", true, 3, 6);
    size_t op = add_cas(&h, "0", "2", true, 4, 7);
    assert_stuck(&h, op);
    add_cas(&h, NULL, "1", true, 3, 6);
    op = add_cas(&h, NULL, "2", true, 4, 7);
    assert_stuck(&h, op);
    add_cas(&h, NULL, "1", true, 3, 6);
    add_cas(&h, NULL, "2", false, 4, 7);
    add_cas(&h, "1", "2", true, 8, 9);
    add_get(&h, "2", 10, 11);
    assert_fine(&h);
}

static void test_cas_fails_without_reason(void **state)
{
    (void)state;
    struct history h = {0};
    add_put(&h, "0", 1, 2);
    size_t op = add_cas(&h, "0", "1", false, 3, 4);
    assert_stuck(&h, op);
    add_put(&h, "0", 1, 2);
    add_lost(&h, HISTORY_PUT, "9", HISTORY_UNKNOWN, 1); /* A value that nobody ever sees. */
    add_cas(&h, "0", "1", false, 3, 4);
    assert_fine(&h);
}

static void test_failed_write_is_read(void **state)
{
    (void)state;
    struct history h = {0};
    add_put(&h, "1", 1, 2);
    add_lost(&h, HISTORY_PUT, "2", HISTORY_FAIL, 3);
    add_get(&h, "1", 5, 6);
    size_t op = add_get(&h, "2", 7, 8);
    assert_stuck(&h, op);
}

static void test_unknown_write_happens_once_or_never(void **state)
{
    (void)state;
    struct history h = {0};
    add_put(&h, "1", 1, 2);
    add_lost(&h, HISTORY_PUT, "2", HISTORY_UNKNOWN, 3);
    add_get(&h, "1", 5, 6);
    assert_fine(&h);
    add_put(&h, "1", 1, 2);
    add_lost(&h, HISTORY_PUT, "2", HISTORY_UNKNOWN, 3);
    add_get(&h, "1", 100, 101);
    add_get(&h, "2", 102, 103); /* Late. */
    add_put(&h, "3", 104, 105);
    add_get(&h, "3", 106, 107);
    size_t again = add_get(&h, "2", 108, 109);
    assert_stuck(&h, again);
    add_put(&h, "1", 1, 2);
    add_lost(&h, HISTORY_PUT, "2", HISTORY_UNKNOWN, 3);
    add_get(&h, "2", 5, 6);
    size_t gone = add_get(&h, "1", 7, 8); /* It was there, and is not. */
    assert_stuck(&h, gone);
    size_t early = add_get(&h, "2", 1, 2); /* Read before it was sent. */
    add_lost(&h, HISTORY_PUT, "2", HISTORY_UNKNOWN, 3);
    assert_stuck(&h, early);
}

static void test_found_and_previous(void **state)
{
    (void)state;
    struct history h = {0};
    struct history_op op = generate_op(HISTORY_DELETE, "k", NULL, 5, 6);
    op.answer.has_found = true;
    add_put(&h, "1", 1, 2);
    size_t index = add(&h, op); /* Found nothing, though there was something. */
    assert_stuck(&h, index);
    op.answer.found = true;
    add_put(&h, "1", 1, 2);
    add(&h, op);
    add_get(&h, NULL, 7, 8);
    assert_fine(&h);
    op = generate_op(HISTORY_PUT, "k", "3", 5, 6);
    op.answer.has_output = true;
    op.answer.output = bytes_of("1");
    add_put(&h, "1", 1, 2);
    add_put(&h, "2", 3, 4);
    index = add(&h, op); /* Replaced a value that was replaced before. */
    assert_stuck(&h, index);
}

static void test_equal_times_are_concurrent(void **state)
{
    (void)state;
    struct history h = {0};
    add_put(&h, "1", 1, 2);
    add_put(&h, "2", 3, 5);
    add_get(&h, "1", 5, 6);
    assert_fine(&h);
}

static void test_keys_apart(void **state)
{
    (void)state;
    struct history h = {0};
    add(&h, generate_op(HISTORY_PUT, "a", "1", 1, 2));
    add(&h, generate_op(HISTORY_GET, "z", "1", 3, 4)); /* Comes last, though it is wrong too. */
    add(&h, generate_op(HISTORY_GET, "ab", NULL, 3, 4));
    add_put(&h, "2", 3, 4);
    size_t op = add_get(&h, "1", 5, 6);
    struct linearizable_report r = check(&h);
    assert_int_equal(r.keys, 4);
    assert_stuck(&h, op);
}

static void test_revisions_that_deny_the_order(void **state)
{
    (void)state;
    static const char *const values[] = {"1", "2", "3", "4"};
    for (uint64_t wrong = 0; wrong < 2; wrong++) {
        struct history h = {0};
        for (uint64_t i = 0; i < 4; i++) {
            size_t op = add_put(&h, values[i], 10 + i, 100);
            h.ops[op].answer.revision = 50 - i;
        }
        /* Put "1" was the last, so they say. */
        size_t get = add_get(&h, wrong == 1 ? "3" : "1", 101, 102);
        struct linearizable_report r = check(&h);
        assert_int_equal(r.verdict, wrong == 1 ? LINEARIZABLE_AGAINST_REVISIONS : LINEARIZABLE_YES);
        if (wrong == 1)
            assert_int_equal(r.op, get);
        history_fini(&h);
    }
    assert_int_equal(mem_outstanding(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_and_little),
        cmocka_unit_test(test_stale_read),
        cmocka_unit_test(test_reads_go_back),
        cmocka_unit_test(test_lost_update),
        cmocka_unit_test(test_doubled_append),
        cmocka_unit_test(test_append_outputs),
        cmocka_unit_test(test_cas_both_win),
        cmocka_unit_test(test_cas_fails_without_reason),
        cmocka_unit_test(test_failed_write_is_read),
        cmocka_unit_test(test_unknown_write_happens_once_or_never),
        cmocka_unit_test(test_found_and_previous),
        cmocka_unit_test(test_equal_times_are_concurrent),
        cmocka_unit_test(test_keys_apart),
        cmocka_unit_test(test_revisions_that_deny_the_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
