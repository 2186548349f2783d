/* command_test.c -- commands as bytes: canonical, bounded, and refused when they are not. */
#include "../unit.h"

#include "base/mem.h"
#include "base/prng.h"
#include "kv/command.h"

static uint8_t big[VALUE_SIZE_MAX + 1]; /* All zero. */

static struct bytes zeros(size_t size)
{
    assert_true(size <= sizeof(big));
    return (struct bytes){.data = big, .size = size};
}

static struct command put_of(const char *key, const char *value)
{
    return (struct command){.kind = COMMAND_PUT, .key = bytes_of(key), .value = bytes_of(value)};
}

/* One of each shape. */
static size_t samples(struct command out[8])
{
    size_t n = 0;
    out[n++] = put_of("k", "");
    out[n++] = put_of("key", "value");
    out[n - 1].want_previous = true;
    out[n++] = (struct command){.kind = COMMAND_DELETE, .key = bytes_of("gone")};
    out[n++] = (struct command){.kind = COMMAND_APPEND,
                                .key = bytes_of("log"),
                                .value = bytes_of("line\n"),
                                .client_id = bytes_of("c"),
                                .op_id = 1,
                                .floor = 1};
    out[n++] = (struct command){.kind = COMMAND_CAS,
                                .key = bytes_of("a"),
                                .value = bytes_of("new"),
                                .expect = EXPECT_VALUE,
                                .expected = bytes_of("old"),
                                .client_id = bytes_of("client"),
                                .op_id = 77,
                                .floor = 70,
                                .born = UINT64_MAX};
    out[n++] = (struct command){.kind = COMMAND_CAS,
                                .key = bytes_of("a"),
                                .value = bytes_of("new"),
                                .expect = EXPECT_REVISION,
                                .expected_revision = 1234567890123};
    out[n++] = (struct command){.kind = COMMAND_CAS,
                                .key = bytes_of("a"),
                                .value = bytes_of("new"),
                                .expect = EXPECT_ABSENT,
                                .want_previous = true};
    out[n++] = (struct command){
        .kind = COMMAND_CAS, .key = bytes_of("a"), .expect = EXPECT_VALUE, .expected = zeros(0)};
    assert_true(n == 8);
    return n;
}

static void assert_same(const struct command *a, const struct command *b)
{
    assert_int_equal(a->kind, b->kind);
    assert_int_equal(a->want_previous, b->want_previous);
    assert_true(bytes_equal(a->key, b->key));
    assert_true(bytes_equal(a->value, b->value));
    assert_int_equal(a->expect, b->expect);
    assert_true(bytes_equal(a->expected, b->expected));
    assert_int_equal(a->expected_revision, b->expected_revision);
    assert_true(bytes_equal(a->client_id, b->client_id));
    assert_int_equal(a->op_id, b->op_id);
    assert_int_equal(a->floor, b->floor);
    assert_int_equal(a->born, b->born);
}

static void test_what_was_encoded_is_decoded(void **state)
{
    (void)state;
    struct command all[8];
    size_t n = samples(all);
    struct buf batch = {0};
    for (size_t i = 0; i < n; i++) {
        size_t before = batch.size;
        assert_int_equal(command_encode(&all[i], &batch), 0);
        assert_int_equal(batch.size - before, command_size(&all[i]));
    }

    uint32_t count = 0;
    assert_int_equal(batch_check(buf_bytes(&batch), &count), 0);
    assert_int_equal(count, n);
    struct bytes rest = buf_bytes(&batch);
    for (size_t i = 0; i < n; i++) {
        struct command c;
        assert_int_equal(command_decode(&rest, &c), 0);
        assert_same(&all[i], &c);
    }
    assert_int_equal(rest.size, 0);
    buf_fini(&batch);
}

static void test_the_largest_command_fits_its_bounds(void **state)
{
    (void)state;
    struct command c = {.kind = COMMAND_CAS,
                        .key = zeros(KEY_SIZE_MAX),
                        .value = zeros(VALUE_SIZE_MAX),
                        .expect = EXPECT_VALUE,
                        .expected = zeros(VALUE_SIZE_MAX),
                        .client_id = zeros(CLIENT_ID_SIZE_MAX),
                        .op_id = UINT64_MAX,
                        .floor = UINT64_MAX,
                        .born = UINT64_MAX};
    struct buf out = {0};
    assert_int_equal(command_check(&c), 0);
    assert_int_equal(command_encode(&c, &out), 0);
    struct bytes in = buf_bytes(&out);
    struct command back;
    assert_int_equal(command_decode(&in, &back), 0);
    assert_same(&c, &back);
    buf_fini(&out);
}

static void test_check_refuses_what_breaks_a_rule(void **state)
{
    (void)state;
    struct bytes key = bytes_of("k");
    const struct command bad[] = {
        {.kind = (enum command_kind)0, .key = key},
        {.kind = (enum command_kind)5, .key = key},
        {.kind = COMMAND_PUT},
        {.kind = COMMAND_PUT, .key = zeros(KEY_SIZE_MAX + 1)},
        {.kind = COMMAND_PUT, .key = key, .value = zeros(VALUE_SIZE_MAX + 1)},
        {.kind = COMMAND_DELETE, .key = key, .value = key},
        {.kind = COMMAND_PUT, .key = key, .expect = EXPECT_ABSENT},
        {.kind = COMMAND_PUT, .key = key, .expected = key},
        {.kind = COMMAND_PUT, .key = key, .expected_revision = 1},
        {.kind = COMMAND_CAS, .key = key},
        {.kind = COMMAND_CAS, .key = key, .expect = (enum command_expect)4},
        {.kind = COMMAND_CAS, .key = key, .expect = EXPECT_ABSENT, .expected = key},
        {.kind = COMMAND_CAS, .key = key, .expect = EXPECT_ABSENT, .expected_revision = 1},
        {.kind = COMMAND_CAS, .key = key, .expect = EXPECT_VALUE, .expected_revision = 1},
        {.kind = COMMAND_CAS,
         .key = key,
         .expect = EXPECT_VALUE,
         .expected = zeros(VALUE_SIZE_MAX + 1)},
        {.kind = COMMAND_CAS, .key = key, .expect = EXPECT_REVISION},
        {.kind = COMMAND_CAS,
         .key = key,
         .expect = EXPECT_REVISION,
         .expected = key,
         .expected_revision = 1},
        {.kind = COMMAND_PUT, .key = key, .op_id = 1},
        {.kind = COMMAND_PUT, .key = key, .floor = 1},
        {.kind = COMMAND_PUT, .key = key, .born = 1},
        {.kind = COMMAND_PUT, .key = key, .client_id = key},
        {.kind = COMMAND_PUT, .key = key, .client_id = key, .op_id = 1, .floor = 2},
        {.kind = COMMAND_PUT, .key = key, .client_id = zeros(CLIENT_ID_SIZE_MAX + 1), .op_id = 1},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(command_check(&bad[i]), ERR_INVALID);
}

/* Whatever decodes is the encoding of what it decoded to: nothing has two forms. */
static void assert_refused_or_canonical(struct bytes in)
{
    struct bytes rest = in;
    struct command c;
    if (command_decode(&rest, &c) != 0) {
        assert_ptr_equal(rest.data, in.data);
        assert_int_equal(rest.size, in.size);
        return;
    }
    struct buf again = {0};
    assert_int_equal(command_encode(&c, &again), 0);
    assert_true(bytes_equal(buf_bytes(&again), bytes_slice(in, 0, in.size - rest.size)));
    buf_fini(&again);
}

static void test_every_truncation_is_refused(void **state)
{
    (void)state;
    struct command all[8];
    size_t n = samples(all);
    for (size_t i = 0; i < n; i++) {
        struct buf out = {0};
        assert_int_equal(command_encode(&all[i], &out), 0);
        for (size_t size = 0; size < out.size; size++) {
            struct bytes in = {.data = out.data, .size = size};
            struct command c;
            uint32_t count = 99;
            assert_int_equal(command_decode(&in, &c), ERR_INVALID);
            assert_int_equal(batch_check(in, &count), ERR_INVALID);
            assert_int_equal(count, 99);
        }
        buf_fini(&out);
    }
}

static void test_every_bit_flip_is_refused_or_canonical(void **state)
{
    (void)state;
    struct command all[8];
    size_t n = samples(all);
    for (size_t i = 0; i < n; i++) {
        struct buf out = {0};
        assert_int_equal(command_encode(&all[i], &out), 0);
        for (size_t bit = 0; bit < out.size * 8; bit++) {
            out.data[bit / 8] ^= (uint8_t)(1U << bit % 8);
            assert_refused_or_canonical(buf_bytes(&out));
            out.data[bit / 8] ^= (uint8_t)(1U << bit % 8);
        }
        buf_fini(&out);
    }
}

static void test_random_bytes_are_refused_or_canonical(void **state)
{
    (void)state;
    struct prng p;
    prng_init(&p, 1);
    for (int i = 0; i < 20000; i++) {
        uint8_t raw[80];
        for (size_t at = 0; at < sizeof(raw); at++)
            raw[at] = (uint8_t)prng_below(&p, 4); /* Small numbers get further. */
        assert_refused_or_canonical((struct bytes){.data = raw, .size = sizeof(raw)});
    }
}

static void test_a_batch_has_a_command_and_nothing_else(void **state)
{
    (void)state;
    uint32_t count = 0;
    assert_int_equal(batch_check((struct bytes){0}, &count), ERR_INVALID);

    struct command c = put_of("k", "v");
    struct buf out = {0};
    assert_int_equal(command_encode(&c, &out), 0);
    assert_int_equal(batch_check(buf_bytes(&out), &count), 0);
    assert_int_equal(count, 1);
    assert_int_equal(buf_append_u8(&out, 0), 0);
    assert_int_equal(batch_check(buf_bytes(&out), &count), ERR_INVALID);
    buf_fini(&out);
}

static void test_fingerprint_tells_payloads_apart(void **state)
{
    (void)state;
    struct bytes k = bytes_of("k");
    const struct command different[] = {
        put_of("ab", "c"),
        put_of("a", "bc"),
        {.kind = COMMAND_PUT, .key = bytes_of("a"), .value = bytes_of("bc"), .want_previous = true},
        {.kind = COMMAND_APPEND, .key = bytes_of("a"), .value = bytes_of("bc")},
        {.kind = COMMAND_PUT, .key = k},
        {.kind = COMMAND_DELETE, .key = k},
        {.kind = COMMAND_CAS, .key = k, .expect = EXPECT_ABSENT},
        {.kind = COMMAND_CAS, .key = k, .expect = EXPECT_VALUE},
        {.kind = COMMAND_CAS, .key = k, .expect = EXPECT_VALUE, .expected = k},
        {.kind = COMMAND_CAS, .key = k, .value = k, .expect = EXPECT_VALUE},
        {.kind = COMMAND_CAS, .key = k, .expect = EXPECT_REVISION, .expected_revision = 1},
        {.kind = COMMAND_CAS, .key = k, .expect = EXPECT_REVISION, .expected_revision = 2},
    };
    size_t n = sizeof(different) / sizeof(different[0]);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++)
            assert_int_equal(
                command_fingerprint(&different[i]) == command_fingerprint(&different[j]), i == j);
}

static void test_fingerprint_leaves_the_session_out(void **state)
{
    (void)state;
    struct command a = put_of("k", "v");
    struct command b = a;
    b.client_id = bytes_of("me");
    b.op_id = 9;
    b.floor = 3;
    b.born = 7;
    assert_true(command_fingerprint(&a) == command_fingerprint(&b));
}

static void test_no_memory_appends_nothing(void **state)
{
    (void)state;
    struct command c = put_of("k", "v");
    struct buf out = {0};
    mem_fail_after(0);
    assert_int_equal(command_encode(&c, &out), ERR_NO_MEMORY);
    mem_fail_after(-1);
    assert_int_equal(out.size, 0);
    assert_int_equal(command_encode(&c, &out), 0);
    buf_fini(&out);
    assert_int_equal(mem_outstanding(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_was_encoded_is_decoded),
        cmocka_unit_test(test_the_largest_command_fits_its_bounds),
        cmocka_unit_test(test_check_refuses_what_breaks_a_rule),
        cmocka_unit_test(test_every_truncation_is_refused),
        cmocka_unit_test(test_every_bit_flip_is_refused_or_canonical),
        cmocka_unit_test(test_random_bytes_are_refused_or_canonical),
        cmocka_unit_test(test_a_batch_has_a_command_and_nothing_else),
        cmocka_unit_test(test_fingerprint_tells_payloads_apart),
        cmocka_unit_test(test_fingerprint_leaves_the_session_out),
        cmocka_unit_test(test_no_memory_appends_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
