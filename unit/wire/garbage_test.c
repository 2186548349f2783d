/* garbage_test.c -- garbage instead of what clients and nodes say: KV, one by one and in batches.
 */
#include "garbage.h"

#include "wire/batch_wire.h"

/* ---- KV ------------------------------------------------------------------------------------ */

static enum command_kind write_kind;

static void sample_write(struct buf *out, uint64_t choice)
{
    struct command c = sample_put();
    c.kind = write_kind;
    if (c.kind == COMMAND_DELETE)
        c.value = (struct bytes){0};
    if (c.kind == COMMAND_CAS) {
        c.expect = (enum command_expect)(1 + choice % 3);
        if (c.expect == EXPECT_VALUE)
            c.expected = bytes_of("expected");
        if (c.expect == EXPECT_REVISION)
            c.expected_revision = 12345;
    }
    add(wire_encode_write(&c, out));
}

static int decode_write(struct bytes in, struct wire_arena *arena, struct buf *again)
{
    struct command c;
    struct wire_error error;
    TRY(wire_decode_write(write_kind, in, arena, &c, &error));
    assert_int_equal(command_check(&c), 0);
    assert_true(command_size(&c) <= VALUE_BYTES_MAX);
    add(wire_encode_write(&c, again));
    return 0;
}

static void sample_get(struct buf *out, uint64_t choice)
{
    struct wire_get g = {.key = bytes_of("key"), .consistency = choice % 3, .min_slot = 9};
    add(wire_encode_get(&g, out));
}

static int decode_get(struct bytes in, struct wire_arena *arena, struct buf *again)
{
    struct wire_get g;
    struct wire_error error;
    TRY(wire_decode_get(in, arena, &g, &error));
    assert_true(g.key.size >= 1 && g.key.size <= KEY_SIZE_MAX);
    assert_true(g.min_slot <= WIRE_NUMBER_MAX);
    add(wire_encode_get(&g, again));
    return 0;
}

static void sample_get_answer(struct buf *out, uint64_t choice)
{
    struct wire_get_answer a = {.slot = choice >> 3,
                                .revision = 4,
                                .node = 1,
                                .found = true,
                                .value = bytes_of("value"),
                                .create_revision = 1,
                                .mod_revision = 2,
                                .version = 3};
    add(wire_encode_get_answer(&a, out));
}

static int decode_get_answer(struct bytes in, struct wire_arena *arena, struct buf *again)
{
    struct wire_get_answer a;
    struct wire_error error;
    TRY(wire_decode_get_answer(in, arena, &a, &error));
    add(wire_encode_get_answer(&a, again));
    return 0;
}

static void sample_write_answer(struct buf *out, uint64_t choice)
{
    struct wire_write_answer a = {.slot = 5,
                                  .revision = choice,
                                  .applied = true,
                                  .has_previous = choice % 2 == 0,
                                  .previous = bytes_of("previous"),
                                  .has_output = choice % 3 == 0};
    add(wire_encode_write_answer(&a, out));
}

static int decode_write_answer(struct bytes in, struct wire_arena *arena, struct buf *again)
{
    struct wire_write_answer a;
    struct wire_error error;
    TRY(wire_decode_write_answer(in, arena, &a, &error));
    add(wire_encode_write_answer(&a, again));
    return 0;
}

static void sample_kv_hello(struct buf *out, uint64_t choice)
{
    struct wire_kv_hello h = {.node = 1, .cluster = "dkv", .applied = choice, .version = "0.1.0"};
    add(wire_encode_kv_hello(&h, out));
}

static int decode_kv_hello(struct bytes in, struct wire_arena *arena, struct buf *again)
{
    struct wire_kv_hello h;
    struct wire_error error;
    TRY(wire_decode_kv_hello(in, arena, &h, &error));
    add(wire_encode_kv_hello(&h, again));
    return 0;
}

/* ---- Batch --------------------------------------------------------------------------------- */

static void sample_many(struct buf *out, uint64_t choice)
{
    struct wire_list list = {0};
    struct wire_get g = {.key = bytes_of("key")};
    struct command c = sample_put();
    for (uint64_t i = 0; i < choice % 4; i++)
        add(wire_batch_add_get(&list, choice + i, 5, &g));
    add(wire_batch_add_write(&list, choice, 0, &c));
    add(buf_append(out, buf_bytes(&list.buf)));
    wire_list_fini(&list);
}

static int decode_batch_op(const struct wire_batch_op *op, struct wire_arena *arena,
                           struct wire_list *again, struct wire_error *error)
{
    struct wire_get g;
    struct command c;
    if (!op->is_known)
        return ERR_INVALID;
    if (op->is_get) {
        TRY(wire_decode_get(op->body, arena, &g, error));
        add(wire_batch_add_get(again, op->number, op->timeout_ms, &g));
        return 0;
    }
    TRY(wire_decode_write(op->kind, op->body, arena, &c, error));
    add(wire_batch_add_write(again, op->number, op->timeout_ms, &c));
    return 0;
}

static int decode_batch(struct bytes in, struct wire_arena *arena, struct buf *again)
{
    struct wire_error error;
    struct wire_batch_head head;
    TRY(wire_batch_begin(in, &head, &error));
    struct wire_list list = {0};
    int err = 0;
    for (uint32_t i = 0; i < head.count && err == 0; i++) {
        struct wire_batch_op op;
        err = wire_batch_next_op(&in, &op, &error);
        if (err == 0)
            err = decode_batch_op(&op, arena, &list, &error);
    }
    if (err == 0)
        add(buf_append(again, buf_bytes(&list.buf)));
    wire_list_fini(&list);
    return err;
}

static void sample_batch_answers(struct buf *out, uint64_t choice)
{
    struct wire_list list = {0};
    const struct wire_get_answer read = {.slot = choice >> 9, .found = true};
    const struct wire_write_answer write = {.slot = 3, .applied = true};
    const struct wire_batch_error error = {
        .code = 1 + (uint32_t)(choice % 16), .text = "why", .reason = "R", .retry_after_ms = 9};
    add(wire_batch_add_get_answer(&list, 1, &read));
    add(wire_batch_add_error(&list, choice, &error));
    add(wire_batch_add_write_answer(&list, 2, &write));
    add(buf_append(out, buf_bytes(&list.buf)));
    wire_list_fini(&list);
}

static int decode_batch_answers(struct bytes in, struct wire_arena *arena, struct buf *again)
{
    struct wire_error error;
    struct wire_list list = {0};
    int err = 0;
    while (err == 0) {
        struct wire_batch_answer a;
        err = wire_batch_next_answer(&in, &a, &error);
        struct wire_get_answer read;
        struct wire_write_answer write;
        const struct wire_batch_error failure = {
            .code = a.code, .text = a.text, .reason = a.reason, .retry_after_ms = a.retry_after_ms};
        if (err != 0)
            break;
        if (a.code != 0)
            add(wire_batch_add_error(&list, a.number, &failure));
        else if (a.is_get && (err = wire_decode_get_answer(a.body, arena, &read, &error)) == 0)
            add(wire_batch_add_get_answer(&list, a.number, &read));
        else if (!a.is_get && (err = wire_decode_write_answer(a.body, arena, &write, &error)) == 0)
            add(wire_batch_add_write_answer(&list, a.number, &write));
    }
    if (err == ERR_NOT_FOUND) {
        err = 0;
        add(buf_append(again, buf_bytes(&list.buf)));
    }
    wire_list_fini(&list);
    return err;
}

static const struct decoder decoders[] = {
    {"batch", 1, sample_many, decode_batch},
    {"batch answers", 2, sample_batch_answers, decode_batch_answers},
    {"get", 3, sample_get, decode_get},
    {"get answer", 4, sample_get_answer, decode_get_answer},
    {"write answer", 5, sample_write_answer, decode_write_answer},
    {"kv hello", 6, sample_kv_hello, decode_kv_hello},
};

static void test_garbage(void **state)
{
    (void)state;
    garbage_check(decoders, sizeof(decoders) / sizeof(decoders[0]));
}

static void test_garbage_writes(void **state)
{
    (void)state;
    for (write_kind = COMMAND_PUT; write_kind <= COMMAND_CAS; write_kind++) {
        const struct decoder write = {"write", 100 + (uint64_t)write_kind, sample_write,
                                      decode_write};
        garbage_check(&write, 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_garbage),
        cmocka_unit_test(test_garbage_writes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
