/* exactly_once_test.c -- tokens at the end: each once, none lost, none from nowhere. */
#include "../unit.h"

#include "base/mem.h"
#include "generate.h"
#include "history/exactly_once.h"

/* Appends to k: "a;" and "bb;" ok, "c;" unknown, "d;" failed; "e;" ok on another key. */
static void setup_history(struct history *h)
{
    static const struct {
        const char *key;
        const char *token;
        enum history_outcome outcome;
    } appends[] = {
        {"k", "a;", HISTORY_OK},   {"k", "bb;", HISTORY_OK}, {"k", "c;", HISTORY_UNKNOWN},
        {"k", "d;", HISTORY_FAIL}, {"j", "e;", HISTORY_OK},
    };
    history_init(h);
    for (size_t i = 0; i < sizeof(appends) / sizeof(appends[0]); i++) {
        struct history_op op =
            generate_op(HISTORY_APPEND, appends[i].key, appends[i].token, i, i + 10);
        op.answer.outcome = appends[i].outcome;
        assert_int_equal(history_add(h, &op), 0);
    }
    struct history_op get = generate_op(HISTORY_GET, "k", "a;", 20, 21);
    assert_int_equal(history_add(h, &get), 0);
}

static void assert_finds(const char *value, enum exactly_once_fault fault, size_t op, size_t offset)
{
    struct history h;
    struct exactly_once_report r = {.offset = 99};
    setup_history(&h);
    assert_int_equal(exactly_once_check(&h, bytes_of("k"), bytes_of(value), &r), 0);
    assert_int_equal(r.fault, fault);
    assert_int_equal(r.op, op);
    assert_int_equal(r.offset, offset);
    assert_true(exactly_once_text(r.fault)[0] != '\0');
    history_fini(&h);
    assert_int_equal(mem_outstanding(), 0);
}

static void test_fine(void **state)
{
    (void)state;
    assert_finds("a;bb;", EXACTLY_ONCE_FINE, 0, 0);
    assert_finds("bb;c;a;", EXACTLY_ONCE_FINE, 0, 0);
}

static void test_faults(void **state)
{
    (void)state;
    assert_finds("", EXACTLY_ONCE_LOST, 0, 0);
    assert_finds("a;c;", EXACTLY_ONCE_LOST, 1, 4);
    assert_finds("a;bb;a;", EXACTLY_ONCE_TWICE, 0, 5);
    assert_finds("a;c;bb;c;", EXACTLY_ONCE_TWICE, 2, 7);
    assert_finds("a;bb;d;", EXACTLY_ONCE_FAILED, 3, 5);
    assert_finds("a;bb;e;", EXACTLY_ONCE_FOREIGN, 0, 5); /* Of another key. */
    assert_finds("a;bb", EXACTLY_ONCE_FOREIGN, 0, 2);    /* Cut. */
    assert_finds("a;xbb;", EXACTLY_ONCE_FOREIGN, 0, 2);
}

static void test_histories_that_do_not_lend_themselves(void **state)
{
    (void)state;
    static const struct {
        enum history_kind kind;
        const char *value;
    } cases[] = {
        {HISTORY_PUT, "p"},      {HISTORY_DELETE, NULL},  {HISTORY_APPEND, ""},
        {HISTORY_APPEND, "a;b"}, {HISTORY_APPEND, "bb;"}, {HISTORY_APPEND, "b"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct history h;
        struct exactly_once_report r;
        setup_history(&h);
        struct history_op op = generate_op(cases[i].kind, "k", cases[i].value, 30, 31);
        assert_int_equal(history_add(&h, &op), 0);
        assert_int_equal(exactly_once_check(&h, bytes_of("k"), bytes_of("a;bb;"), &r), ERR_INVALID);
        assert_int_equal(exactly_once_check(&h, bytes_of("j"), bytes_of("e;"), &r), 0);
        history_fini(&h);
    }
    assert_int_equal(mem_outstanding(), 0);
}

static void test_without_memory(void **state)
{
    (void)state;
    struct history h;
    struct exactly_once_report r;
    setup_history(&h);
    for (long at = 0; at < 4; at++) {
        mem_fail_after(at);
        int err = exactly_once_check(&h, bytes_of("k"), bytes_of("a;bb;"), &r);
        mem_fail_after(-1);
        assert_int_equal(err, at < 3 ? ERR_NO_MEMORY : 0);
    }
    history_fini(&h);
    assert_int_equal(mem_outstanding(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fine),
        cmocka_unit_test(test_faults),
        cmocka_unit_test(test_histories_that_do_not_lend_themselves),
        cmocka_unit_test(test_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
