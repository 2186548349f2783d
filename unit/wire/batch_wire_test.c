/* batch_wire_test.c -- many operations and answers in one message: there and back, and bounds. */
#include "fixture.h"
#include "samples.h"

#include "kv/entry.h"
#include "wire/batch_wire.h"

static const struct wire_get get = {.key = {.data = (const uint8_t *)"k", .size = 1}};

static void test_golden(void **state)
{
    struct fixture *f = *state;
    struct command c = {.kind = COMMAND_PUT, .key = bytes_of("a"), .value = bytes_of("b")};
    assert_int_equal(wire_batch_add_write(&f->list, 7, 250, &c), 0);
    assert_int_equal(wire_batch_add_get(&f->list, 300, 0, &get), 0);
    assert_golden(buf_bytes(&f->list.buf), "0a0d080710fa0122060a0161120162"
                                           "0a0a08ac021a050a016b1001");
}

static void test_operations_there_and_back(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 4; i++) {
        struct command c = sample_put();
        c.kind = (enum command_kind)(COMMAND_PUT + i);
        if (c.kind == COMMAND_DELETE)
            c.value = (struct bytes){0};
        if (c.kind == COMMAND_CAS)
            c.expect = EXPECT_ABSENT;
        assert_int_equal(wire_batch_add_write(&f->list, 10 + (uint64_t)i, 1000, &c), 0);
    }
    assert_int_equal(wire_batch_add_get(&f->list, UINT64_MAX, UINT32_MAX, &get), 0);
    struct bytes rest = buf_bytes(&f->list.buf);
    struct wire_batch_head head;
    assert_int_equal(wire_batch_begin(rest, &head, &f->error), 0);
    assert_int_equal(head.count, 5);
    struct wire_batch_op op;
    for (int i = 0; i < 4; i++) {
        assert_int_equal(wire_batch_next_op(&rest, &op, &f->error), 0);
        assert_true(op.is_known && !op.is_get);
        assert_int_equal(op.number, 10 + i);
        assert_int_equal(op.timeout_ms, 1000);
        assert_int_equal(op.kind, COMMAND_PUT + i);
        struct command c;
        assert_int_equal(wire_decode_write(op.kind, op.body, &f->arena, &c, &f->error), 0);
        assert_bytes(c.key, sample_put().key);
        assert_bytes(c.client_id, sample_put().client_id);
    }
    assert_int_equal(wire_batch_next_op(&rest, &op, &f->error), 0);
    assert_true(op.is_known && op.is_get);
    assert_int_equal(op.number, UINT64_MAX);
    assert_int_equal(op.timeout_ms, UINT32_MAX);
    assert_int_equal(wire_batch_next_op(&rest, &op, &f->error), ERR_NOT_FOUND);
}

static void test_alone(void **state)
{
    struct fixture *f = *state;
    struct wire_batch_head head;
    assert_int_equal(wire_batch_add_get(&f->list, 300, 0, &get), 0);
    assert_int_equal(wire_batch_begin(buf_bytes(&f->list.buf), &head, &f->error), 0);
    assert_false(head.alone);
    assert_int_equal(wire_batch_add_alone(&f->list), 0);
    assert_golden(buf_bytes(&f->list.buf), "0a0a08ac021a050a016b1001"
                                           "1001");
    struct bytes rest = buf_bytes(&f->list.buf);
    assert_int_equal(wire_batch_begin(rest, &head, &f->error), 0);
    assert_true(head.alone);
    assert_int_equal(head.count, 1);
    struct wire_batch_op op;
    assert_int_equal(wire_batch_next_op(&rest, &op, &f->error), 0);
    assert_int_equal(op.number, 300);
    assert_int_equal(wire_batch_next_op(&rest, &op, &f->error), ERR_NOT_FOUND);
}

static void test_answers_there_and_back(void **state)
{
    struct fixture *f = *state;
    const struct wire_get_answer read = {
        .slot = 5, .found = true, .value = bytes_of("v"), .version = 2};
    const struct wire_write_answer written = {.slot = 6, .applied = true};
    const struct wire_batch_error error = {
        .code = 14, .text = "not now", .reason = "NOT_APPLIED", .retry_after_ms = 30};
    assert_int_equal(wire_batch_add_error(&f->list, 3, &error), 0);
    assert_int_equal(wire_batch_add_get_answer(&f->list, 1, &read), 0);
    assert_int_equal(wire_batch_add_write_answer(&f->list, 2, &written), 0);
    struct bytes rest = buf_bytes(&f->list.buf);
    struct wire_batch_answer a;
    assert_int_equal(wire_batch_next_answer(&rest, &a, &f->error), 0);
    assert_int_equal(a.number, 3);
    assert_int_equal(a.code, 14);
    assert_string_equal(a.text, "not now");
    assert_string_equal(a.reason, "NOT_APPLIED");
    assert_int_equal(a.retry_after_ms, 30);
    assert_int_equal(wire_batch_next_answer(&rest, &a, &f->error), 0);
    assert_int_equal(a.number, 1);
    assert_true(a.code == 0 && a.is_get);
    assert_string_equal(a.text, "");
    struct wire_get_answer read_back;
    assert_int_equal(wire_decode_get_answer(a.body, &f->arena, &read_back, &f->error), 0);
    assert_bytes(read_back.value, read.value);
    assert_int_equal(wire_batch_next_answer(&rest, &a, &f->error), 0);
    assert_int_equal(a.number, 2);
    assert_true(a.code == 0 && !a.is_get);
    struct wire_write_answer written_back;
    assert_int_equal(wire_decode_write_answer(a.body, &f->arena, &written_back, &f->error), 0);
    assert_int_equal(written_back.slot, 6);
    assert_int_equal(wire_batch_next_answer(&rest, &a, &f->error), ERR_NOT_FOUND);
}

static void test_count_is_bounded(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < WIRE_BATCH_OPS_MAX; i++)
        assert_int_equal(wire_batch_add_get(&f->list, (uint64_t)i, 0, &get), 0);
    size_t size = f->list.buf.size;
    assert_int_equal(wire_batch_add_get(&f->list, 1, 0, &get), ERR_FULL);
    assert_int_equal(f->list.buf.size, size);
    struct wire_batch_head head;
    assert_int_equal(wire_batch_begin(buf_bytes(&f->list.buf), &head, &f->error), 0);
    assert_int_equal(head.count, WIRE_BATCH_OPS_MAX);
    assert_int_equal(buf_append(&f->list.buf, bytes_of("\x0a\x02\x08\x01")), 0);
    assert_int_equal(wire_batch_begin(buf_bytes(&f->list.buf), &head, &f->error), ERR_INVALID);
    assert_string_equal(f->error.text, "message has more than 1024 operations");
}

static void test_size_is_bounded(void **state)
{
    struct fixture *f = *state;
    static uint8_t large[VALUE_SIZE_MAX];
    struct command c = {
        .kind = COMMAND_PUT, .key = bytes_of("k"), .value = {.data = large, .size = sizeof(large)}};
    assert_int_equal(wire_batch_add_write(&f->list, 1, 0, &c), 0);
    assert_int_equal(wire_batch_add_write(&f->list, 2, 0, &c), 0);
    assert_int_equal(wire_batch_add_write(&f->list, 3, 0, &c), ERR_FULL);
    assert_int_equal(f->list.count, 2);
}

static void refused(struct fixture *f, const char *raw, size_t size, const char *text)
{
    struct bytes rest = {.data = (const uint8_t *)raw, .size = size};
    struct wire_batch_op op;
    assert_int_equal(wire_batch_next_op(&rest, &op, &f->error), ERR_INVALID);
    assert_string_equal(f->error.text, text);
}

static void test_bad_operations(void **state)
{
    struct fixture *f = *state;
    refused(f, "\x0a\x05\x08\x01\x1a\x00\x22", 7,
            "these bytes are no protobuf message of the kind expected here");
    refused(f, "\x0a\x06\x08\x01\x1a\x00\x22\x00", 8, "an operation of a batch is one operation");
    refused(f, "\x0a\x04\x0a\x00\x1a\x00", 6, "field 1 of an operation is of another type");
    refused(f, "\x0a\x04\x08\x01\x18\x00", 6, "field 3 of an operation is of another type");
    /* What a newer client asks for is told apart from what is none. */
    struct bytes rest = {.data = (const uint8_t *)"\x0a\x04\x08\x09\x42\x00", .size = 6};
    struct wire_batch_op op;
    assert_int_equal(wire_batch_next_op(&rest, &op, &f->error), 0);
    assert_int_equal(op.number, 9);
    assert_false(op.is_known);
}

static void test_bad_answers(void **state)
{
    struct fixture *f = *state;
    struct wire_batch_answer a;
    struct bytes rest = {.data = (const uint8_t *)"\x0a\x02\x08\x01", .size = 4};
    assert_int_equal(wire_batch_next_answer(&rest, &a, &f->error), ERR_INVALID);
    assert_string_equal(f->error.text, "an answer of a batch is none that is known");
    rest = (struct bytes){.data = (const uint8_t *)"\x0a\x06\x08\x01\x22\x02\x08\x11", .size = 8};
    assert_int_equal(wire_batch_next_answer(&rest, &a, &f->error), ERR_INVALID);
    assert_string_equal(f->error.text, "an error's code is 1 to 16");
}

static void test_long_texts_are_cut(void **state)
{
    struct fixture *f = *state;
    char text[1001];
    memset(text, 'x', 1000);
    text[1000] = '\0';
    const struct wire_batch_error error = {.code = 2, .text = text, .reason = text};
    assert_int_equal(wire_batch_add_error(&f->list, 3, &error), 0);
    struct bytes rest = buf_bytes(&f->list.buf);
    struct wire_batch_answer a;
    assert_int_equal(wire_batch_next_answer(&rest, &a, &f->error), 0);
    assert_int_equal(strlen(a.text), WIRE_BATCH_TEXT_SIZE_MAX);
    assert_int_equal(strlen(a.reason), WIRE_BATCH_REASON_SIZE_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_golden),
        FIXTURE_TEST(test_operations_there_and_back),
        FIXTURE_TEST(test_alone),
        FIXTURE_TEST(test_answers_there_and_back),
        FIXTURE_TEST(test_count_is_bounded),
        FIXTURE_TEST(test_size_is_bounded),
        FIXTURE_TEST(test_bad_operations),
        FIXTURE_TEST(test_bad_answers),
        FIXTURE_TEST(test_long_texts_are_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
