/* wire_test.c -- the arena, and that no bytes whatever cost much memory. */
#include "samples.h"

#include "wire/pack.h"

static void test_arena(void **state)
{
    (void)state;
    struct wire_arena a;
    wire_arena_init(&a);
    assert_null(wire_arena_alloc(&a, 1)); /* Nothing was allowed yet. */
    assert_int_equal(a.err, ERR_INVALID);
    wire_arena_begin(&a, 100000);
    uint8_t *blocks[64];
    size_t sizes[64];
    for (size_t i = 0; i < 64; i++) {
        sizes[i] = i % 16 == 15 ? 10000 : 1 + i * 7;
        blocks[i] = wire_arena_alloc(&a, sizes[i]);
        assert_non_null(blocks[i]);
        assert_int_equal((uintptr_t)blocks[i] % alignof(max_align_t), 0);
        memset(blocks[i], (int)i, sizes[i]);
    }
    for (size_t i = 0; i < 64; i++) {
        for (size_t j = 0; j < sizes[i]; j++)
            assert_int_equal(blocks[i][j], i);
    }
    assert_null(wire_arena_alloc(&a, SIZE_MAX));
    /* What was given counts, be it small or large. */
    wire_arena_begin(&a, 20000);
    assert_non_null(wire_arena_alloc(&a, 10000));
    assert_null(wire_arena_alloc(&a, 10000));
    assert_int_equal(a.err, ERR_INVALID);
    wire_arena_begin(&a, 1000);
    assert_non_null(wire_arena_alloc(&a, 600));
    assert_null(wire_arena_alloc(&a, 600));
    assert_int_equal(a.err, ERR_INVALID);
    wire_arena_fini(&a);
    assert_int_equal(mem_outstanding(), 0);
    wire_arena_begin(&a, 100000);
    mem_fail_after(0);
    assert_null(wire_arena_alloc(&a, 3000));
    assert_int_equal(a.err, ERR_NO_MEMORY);
    mem_fail_after(-1);
    assert_non_null(wire_arena_alloc(&a, 3000));
    wire_arena_fini(&a);
    wire_arena_fini(&a);
    assert_int_equal(mem_outstanding(), 0);
}

static void test_nothing(void **state)
{
    (void)state;
    struct wire_error error;
    assert_int_equal(wire_decode_nothing(bytes_of(""), &error), 0);
    assert_int_equal(wire_decode_nothing(bytes_of("\x08\x01"), &error), 0);
    assert_int_equal(wire_decode_nothing(bytes_of("\x08"), &error), ERR_INVALID);
}

/* The request with this one field, again and again up to 4 MiB. */
static struct buf flood(const char *field, size_t field_size)
{
    struct buf b = {0};
    while (b.size + field_size <= WIRE_MESSAGE_SIZE_MAX)
        assert_int_equal(
            buf_append(&b, (struct bytes){.data = (const uint8_t *)field, .size = field_size}), 0);
    return b;
}

/* Refused, and nothing was allocated for it. */
static void assert_flood_refused(struct buf b)
{
    struct wire_arena arena;
    struct wire_error error;
    union {
        struct command command;
        struct wire_set_faults faults;
        struct wire_metrics metrics;
        struct wire_status status;
        struct message message;
    } out;
    struct hello hello;
    struct bytes in = buf_bytes(&b);
    wire_arena_init(&arena);
    unsigned long before = mem_allocations();
    assert_int_equal(wire_decode_write(COMMAND_PUT, in, &arena, &out.command, &error), ERR_INVALID);
    assert_int_equal(wire_decode_write(COMMAND_CAS, in, &arena, &out.command, &error), ERR_INVALID);
    assert_int_equal(wire_decode_set_faults(in, &arena, &out.faults, &error), ERR_INVALID);
    assert_int_equal(wire_decode_status(in, &arena, &out.status, &error), ERR_INVALID);
    assert_int_equal(wire_decode_metrics(in, &arena, &out.metrics, &error), ERR_INVALID);
    assert_int_equal(wire_decode_message(in, &arena, &hello, &out.message, &error), ERR_INVALID);
    assert_int_equal(wire_decode_nothing(in, &error), ERR_INVALID);
    assert_string_equal(error.text, "message has more than 128 fields");
    assert_int_equal(mem_allocations(), before);
    wire_arena_fini(&arena);
    buf_fini(&b);
}

static void test_floods_cost_nothing(void **state)
{
    (void)state;
    assert_flood_refused(flood("\x0a\x00", 2));     /* Empty submessages. */
    assert_flood_refused(flood("\x1a\x00", 2));     /* Empty sessions, merged. */
    assert_flood_refused(flood("\x08\x01", 2));     /* Numbers. */
    assert_flood_refused(flood("\xf8\x7f\x01", 3)); /* Fields that nobody knows. */
    assert_flood_refused(flood("\x0a\x01k", 3));    /* The key, again and again. */
}

/* A field whose content is 4 MiB of empty fields. */
static void test_nested_flood(void **state)
{
    (void)state;
    struct buf inner = flood("\x08\x01", 2);
    struct buf b = {0};
    struct wire_arena arena;
    struct wire_error error;
    struct command command;
    struct wire_status status;
    size_t size = inner.size - 16;
    uint8_t head[] = {0x1a, (uint8_t)(size | 0x80), (uint8_t)(size >> 7 | 0x80),
                      (uint8_t)(size >> 14 | 0x80), (uint8_t)(size >> 21)};
    assert_int_equal(buf_append(&b, (struct bytes){.data = head, .size = sizeof(head)}), 0);
    assert_int_equal(buf_append(&b, bytes_slice(buf_bytes(&inner), 0, size)), 0);
    unsigned long before = mem_allocations();
    wire_arena_init(&arena);
    assert_int_equal(wire_decode_write(COMMAND_PUT, buf_bytes(&b), &arena, &command, &error),
                     ERR_INVALID);
    assert_string_equal(error.text, "message has more than 128 fields");
    b.data[0] = 0x22; /* members of a status: a packed array. */
    assert_int_equal(wire_decode_status(buf_bytes(&b), &arena, &status, &error), ERR_INVALID);
    assert_string_equal(error.text, "message has more than 1024 fields");
    assert_int_equal(mem_allocations(), before);
    wire_arena_fini(&arena);
    buf_fini(&inner);
    buf_fini(&b);
}

static void test_over_4_mib(void **state)
{
    (void)state;
    struct buf b = {0};
    struct wire_arena arena;
    struct wire_error error;
    struct command command;
    assert_int_equal(buf_reserve(&b, WIRE_MESSAGE_SIZE_MAX + 1), 0);
    memset(b.data, 0, WIRE_MESSAGE_SIZE_MAX + 1);
    b.size = WIRE_MESSAGE_SIZE_MAX + 1;
    wire_arena_init(&arena);
    assert_int_equal(wire_decode_write(COMMAND_PUT, buf_bytes(&b), &arena, &command, &error),
                     ERR_INVALID);
    assert_string_equal(error.text, "message has 4194305 bytes; a message has at most 4194304");
    wire_arena_fini(&arena);
    buf_fini(&b);
}

static void test_take_field(void **state)
{
    (void)state;
    struct wire_error error;
    struct field f;
    /* varint 300; fixed64; bytes; fixed32. */
    struct bytes in = {.data = (const uint8_t *)"\x08\xac\x02\x11"
                                                "12345678\x1a\x02xy\x25"
                                                "1234",
                       .size = 21};
    assert_int_equal(wire_take_field(&in, &f, &error), 0);
    assert_int_equal(f.number, 1);
    assert_int_equal(f.varint, 300);
    assert_int_equal(wire_take_field(&in, &f, &error), 0);
    assert_int_equal(f.type, FIELD_FIXED64);
    assert_int_equal(wire_take_field(&in, &f, &error), 0);
    assert_int_equal(f.number, 3);
    assert_bytes(f.bytes, bytes_of("xy"));
    assert_int_equal(wire_take_field(&in, &f, &error), 0);
    assert_int_equal(f.type, FIELD_FIXED32);
    assert_int_equal(in.size, 0);
    static const struct {
        const char *data;
        size_t size;
    } bad[] = {
        {"\x00\x01", 2},
        {"\x07\x01", 2},
        {"\x0b", 1},
        {"\x0c", 1},
        {"\x0e\x01", 2},
        {"\x80", 1},
        {"\x08", 1},
        {"\x0a\x05xx", 4},
        {"\x09\x01\x02", 3},
        {"\x0d\x01", 2},
        {"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 12},
        {"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01xx", 13},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        in = (struct bytes){.data = (const uint8_t *)bad[i].data, .size = bad[i].size};
        assert_int_equal(wire_take_field(&in, &f, &error), ERR_INVALID);
        assert_int_equal(in.size, bad[i].size);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arena),
        cmocka_unit_test(test_nothing),
        cmocka_unit_test(test_floods_cost_nothing),
        cmocka_unit_test(test_nested_flood),
        cmocka_unit_test(test_over_4_mib),
        cmocka_unit_test(test_take_field),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
