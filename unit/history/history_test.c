/* history_test.c -- the recorder: what is kept, for how long, and what is valid. */
#include "../unit.h"

#include <string.h>

#include "base/mem.h"
#include "generate.h"
#include "history/history.h"

static void test_keeps_what_it_was_given(void **state)
{
    (void)state;
    struct history h;
    history_init(&h);
    char key[] = "key";
    char output[] = "out";
    struct history_call call = {
        .client = 3,
        .kind = HISTORY_APPEND,
        .key = bytes_of(key),
        .value = {.data = (const uint8_t *)"a\0b", .size = 3},
        .call_ns = 10,
        .client_id = bytes_of("me"),
        .op_id = 7,
    };
    size_t index = 99;
    assert_int_equal(history_begin(&h, &call, &index), 0);
    assert_int_equal(index, 0);
    assert_int_equal(h.ops[0].answer.outcome, HISTORY_UNKNOWN);
    assert_true(h.ops[0].answer.return_ns == HISTORY_NEVER);
    struct history_answer answer = {
        .outcome = HISTORY_OK,
        .return_ns = 20,
        .has_output = true,
        .output = bytes_of(output),
        .revision = 5,
        .slot = 6,
        .node = 2,
    };
    assert_int_equal(history_end(&h, index, &answer), 0);
    memset(key, 'x', sizeof(key));
    memset(output, 'x', sizeof(output));
    const struct history_op *op = &h.ops[0];
    assert_true(bytes_equal(op->call.key, bytes_of("key")));
    assert_memory_equal(op->call.value.data, "a\0b", 3);
    assert_true(bytes_equal(op->answer.output, bytes_of("out")));
    assert_true(bytes_equal(op->call.client_id, bytes_of("me")));
    assert_int_equal(op->answer.slot, 6);
    history_fini(&h);
    assert_int_equal(h.count, 0);
    assert_int_equal(mem_outstanding(), 0);
}

static void test_bytes_stay_where_they_are(void **state)
{
    (void)state;
    enum { COUNT = 3000 };
    static uint8_t value[100 * 1000];
    struct history h;
    history_init(&h);
    struct bytes kept[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        /* Now and then one that is larger than a block. */
        size_t size = i % 1000 == 999 ? sizeof(value) : i % 200;
        memset(value, (int)(i % 251), sizeof(value));
        struct history_op op = generate_op(HISTORY_PUT, "k", NULL, i, i);
        op.call.value = (struct bytes){.data = value, .size = size};
        assert_int_equal(history_add(&h, &op), 0);
        kept[i] = h.ops[i].call.value;
        assert_int_equal(kept[i].size, size);
    }
    for (size_t i = 0; i < COUNT; i++) {
        assert_ptr_equal(h.ops[i].call.value.data, kept[i].data);
        for (size_t k = 0; k < kept[i].size; k++)
            assert_int_equal(kept[i].data[k], i % 251);
    }
    history_fini(&h);
    assert_int_equal(mem_outstanding(), 0);
}

static void test_what_is_valid(void **state)
{
    (void)state;
    struct history_op good = generate_op(HISTORY_GET, "k", "v", 1, 2);
    assert_true(history_op_is_valid(&good));
    struct history_op op = good;
    op.answer.has_found = false; /* A get that does not say. */
    assert_false(history_op_is_valid(&op));
    op = good;
    op.answer.found = false; /* Not found, and yet a value. */
    assert_false(history_op_is_valid(&op));
    op = good;
    op.answer.return_ns = 0; /* Back before it left. */
    assert_false(history_op_is_valid(&op));
    op = good;
    op.answer.return_ns = HISTORY_NEVER; /* Answered, never. */
    assert_false(history_op_is_valid(&op));
    op.answer.outcome = HISTORY_UNKNOWN;
    assert_true(history_op_is_valid(&op));
    op = good;
    op.call.value = bytes_of("v"); /* A get writes nothing. */
    assert_false(history_op_is_valid(&op));
    op = good;
    op.call.kind = (enum history_kind)0;
    assert_false(history_op_is_valid(&op));
    op = generate_op(HISTORY_PUT, "k", "v", 1, 2);
    assert_true(history_op_is_valid(&op));
    op.call.expect_found = true; /* A put expects nothing. */
    assert_false(history_op_is_valid(&op));
    op = generate_op(HISTORY_CAS, "k", "v", 1, 2);
    op.call.expect = bytes_of("e"); /* Expects no key, and its value. */
    assert_false(history_op_is_valid(&op));
    op.call.expect_found = true;
    assert_true(history_op_is_valid(&op));
    op.answer.has_found = true; /* Nothing was there, and this is it. */
    op.answer.has_output = true;
    assert_false(history_op_is_valid(&op));
}

static void test_without_memory(void **state)
{
    (void)state;
    struct history_op op = generate_op(HISTORY_CAS, "k", "v", 1, 2);
    op.call.expect_found = true;
    op.call.expect = bytes_of("e");
    long failures = 0;
    for (long at = 0;; at++) {
        struct history h;
        history_init(&h);
        size_t index = 0;
        mem_fail_after(at);
        int begin_err = history_begin(&h, &op.call, &index);
        int end_err = begin_err == 0 ? history_end(&h, index, &op.answer) : 0;
        mem_fail_after(-1);
        assert_true(begin_err == 0 || begin_err == ERR_NO_MEMORY);
        assert_int_equal(h.count, begin_err == 0);
        if (end_err != 0)
            assert_int_equal(h.ops[0].answer.outcome, HISTORY_UNKNOWN);
        history_fini(&h);
        assert_int_equal(mem_outstanding(), 0);
        if (begin_err == 0 && end_err == 0)
            break;
        failures++;
    }
    assert_int_equal(failures, 2); /* The array, and a block. */
}

static void test_answer_without_memory_stays_unknown(void **state)
{
    (void)state;
    static const uint8_t large[200 * 1000];
    struct history h;
    history_init(&h);
    struct history_op op = generate_op(HISTORY_GET, "k", "v", 1, 2);
    op.answer.output = (struct bytes){.data = large, .size = sizeof(large)};
    size_t index = 0;
    assert_int_equal(history_begin(&h, &op.call, &index), 0);
    mem_fail_after(0);
    assert_int_equal(history_end(&h, index, &op.answer), ERR_NO_MEMORY);
    mem_fail_after(-1);
    assert_int_equal(h.ops[index].answer.outcome, HISTORY_UNKNOWN);
    assert_int_equal(history_end(&h, index, &op.answer), 0);
    assert_int_equal(h.ops[index].answer.output.size, sizeof(large));
    history_fini(&h);
    assert_int_equal(mem_outstanding(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keeps_what_it_was_given),
        cmocka_unit_test(test_bytes_stay_where_they_are),
        cmocka_unit_test(test_what_is_valid),
        cmocka_unit_test(test_without_memory),
        cmocka_unit_test(test_answer_without_memory_stays_unknown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
