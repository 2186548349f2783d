/* kv_wire_test.c -- the KV service: there and back, golden bytes, each limit with its words. */
#include "fixture.h"
#include "samples.h"

#include "kv/entry.h"

static void assert_command_equal(const struct command *a, const struct command *b)
{
    assert_int_equal(a->kind, b->kind);
    assert_int_equal(a->want_previous, b->want_previous);
    assert_bytes(a->key, b->key);
    assert_bytes(a->value, b->value);
    assert_int_equal(a->expect, b->expect);
    assert_bytes(a->expected, b->expected);
    assert_int_equal(a->expected_revision, b->expected_revision);
    assert_bytes(a->client_id, b->client_id);
    assert_int_equal(a->op_id, b->op_id);
    assert_int_equal(a->floor, b->floor);
    assert_int_equal(a->born, b->born);
}

static void check_write(struct fixture *f, struct command c, const char *golden)
{
    struct command in;
    buf_clear(&f->buf);
    assert_int_equal(wire_encode_write(&c, &f->buf), 0);
    assert_golden(buf_bytes(&f->buf), golden);
    struct bytes bytes = buf_bytes(&f->buf);
    assert_int_equal(wire_decode_write(c.kind, bytes, &f->arena, &in, &f->error), 0);
    /* Nothing points at the input afterwards. */
    memset(f->buf.data, 0xee, f->buf.size);
    assert_command_equal(&in, &c);
}

static void test_writes(void **state)
{
    struct fixture *f = *state;
    struct command c = sample_put();
    check_write(f, c, "0a036b6579120461000aff1a0f0a06636c69656e7410ac02180220092001");
    c.kind = COMMAND_APPEND;
    check_write(f, c, "0a036b6579120461000aff1a0f0a06636c69656e7410ac02180220092001");
    c.kind = COMMAND_CAS;
    c.expect = EXPECT_ABSENT;
    check_write(f, c, "0a036b6579120461000aff1a0f0a06636c69656e7410ac021802200920012801");
    c.expect = EXPECT_VALUE; /* An empty one, which is not the same as none. */
    check_write(f, c, "0a036b6579120461000aff1a0f0a06636c69656e7410ac021802200920013200");
    c.expected = bytes_of("old");
    check_write(f, c, "0a036b6579120461000aff1a0f0a06636c69656e7410ac0218022009200132036f6c64");
    c.expect = EXPECT_REVISION;
    c.expected = (struct bytes){0};
    c.expected_revision = 77;
    check_write(f, c, "0a036b6579120461000aff1a0f0a06636c69656e7410ac02180220092001384d");
    c = (struct command){.kind = COMMAND_DELETE, .key = bytes_of("key")};
    check_write(f, c, "0a036b6579");
    assert_string_equal(wire_write_method(COMMAND_PUT), "/dkv.v1.KV/Put");
    assert_string_equal(wire_write_method(COMMAND_APPEND), "/dkv.v1.KV/Append");
    assert_string_equal(wire_write_method(COMMAND_DELETE), "/dkv.v1.KV/Delete");
    assert_string_equal(wire_write_method(COMMAND_CAS), "/dkv.v1.KV/CompareAndSet");
}

/* Encoding trusts; so encode what breaks a rule, and see it refused. */
static void assert_refused(struct fixture *f, struct command c, const char *text)
{
    struct command in = {.op_id = 77};
    buf_clear(&f->buf);
    assert_int_equal(wire_encode_write(&c, &f->buf), 0);
    struct bytes bytes = buf_bytes(&f->buf);
    assert_int_equal(wire_decode_write(c.kind, bytes, &f->arena, &in, &f->error), ERR_INVALID);
    assert_string_equal(f->error.text, text);
    assert_int_equal(in.op_id, 77);
}

static void assert_taken(struct fixture *f, struct command c)
{
    struct command in;
    buf_clear(&f->buf);
    assert_int_equal(wire_encode_write(&c, &f->buf), 0);
    struct bytes bytes = buf_bytes(&f->buf);
    assert_int_equal(wire_decode_write(c.kind, bytes, &f->arena, &in, &f->error), 0);
    assert_command_equal(&in, &c);
}

static struct bytes many(size_t size)
{
    static uint8_t data[VALUE_SIZE_MAX + 1];
    assert_true(size <= sizeof(data));
    return (struct bytes){.data = data, .size = size};
}

static void test_sizes(void **state)
{
    struct fixture *f = *state;
    struct command c = sample_put();
    c.key = many(0);
    assert_refused(f, c, "key has 0 bytes; a key has 1 to 511");
    c.key = many(512);
    assert_refused(f, c, "key has 512 bytes; a key has 1 to 511");
    c.key = many(511);
    assert_taken(f, c);
    c.value = many(VALUE_SIZE_MAX + 1);
    assert_refused(f, c, "value has 1048577 bytes; a value has at most 1048576");
    c.value = many(VALUE_SIZE_MAX);
    assert_taken(f, c);
    c.value = many(0);
    assert_taken(f, c);
    c.client_id = many(65);
    assert_refused(f, c, "client_id has 65 bytes; a client_id has 1 to 64");
    c.client_id = many(64);
    assert_taken(f, c);
    c.kind = COMMAND_CAS;
    c.expect = EXPECT_VALUE;
    c.expected = many(VALUE_SIZE_MAX + 1);
    assert_refused(f, c, "expected value has 1048577 bytes; a value has at most 1048576");
    /* What does not fit into a value of the log, though each part is small enough. */
    c.expected = many(VALUE_SIZE_MAX);
    c.value = many(VALUE_BYTES_MAX - VALUE_SIZE_MAX);
    assert_refused(f, c, "the operation has 1573476 bytes; an operation has at most 1572864");
    c.value = many(VALUE_BYTES_MAX - VALUE_SIZE_MAX - 612);
    assert_taken(f, c);
}

static void test_sessions(void **state)
{
    struct fixture *f = *state;
    struct command c = sample_put();
    c.op_id = 0;
    assert_refused(f, c, "op_id is 0; an op_id is 1 to 4611686018427387904");
    c.op_id = UINT64_MAX;
    assert_refused(f, c, "op_id is 18446744073709551615; an op_id is 1 to 4611686018427387904");
    c.op_id = 1;
    assert_refused(f, c, "floor is 2; a floor is at most its op_id, 1");
    c.floor = 0;
    assert_taken(f, c);
    c.born = UINT64_MAX;
    assert_refused(f, c, "born is 18446744073709551615; a slot is at most 4611686018427387904");
    c = sample_put();
    c.client_id = many(0); /* Then no session is sent at all. */
    c.op_id = c.floor = c.born = 0;
    assert_taken(f, c);
    /* key "k", and a session without client_id that has an op_id. */
    struct command in;
    struct bytes raw = bytes_of("\x0a\x01k\x1a\x02\x10\x05");
    assert_int_equal(wire_decode_write(COMMAND_PUT, raw, &f->arena, &in, &f->error), ERR_INVALID);
    assert_string_equal(f->error.text, "op_id, floor and born mean nothing without a client_id");
}

static void test_comparisons(void **state)
{
    struct fixture *f = *state;
    struct command c = {.kind = COMMAND_CAS, .key = bytes_of("k")};
    const char *text = "nothing to compare with: give expect_absent, expect_value or "
                       "expect_revision";
    assert_refused(f, c, text);
    c.expect = EXPECT_REVISION;
    assert_refused(f, c, "expect_revision is 0; a revision is above 0");
    struct command in;
    struct bytes raw = {.data = (const uint8_t *)"\x0a\x01k\x28\x00", .size = 5};
    assert_int_equal(wire_decode_write(COMMAND_CAS, raw, &f->arena, &in, &f->error), ERR_INVALID);
    assert_string_equal(f->error.text, text); /* expect_absent: false */
}

static void test_get(void **state)
{
    struct fixture *f = *state;
    struct wire_get g = {.key = bytes_of("key"), .consistency = WIRE_SEQUENTIAL, .min_slot = 300};
    struct wire_get in;
    assert_int_equal(wire_encode_get(&g, &f->buf), 0);
    assert_golden(buf_bytes(&f->buf), "0a036b6579100218ac02");
    assert_int_equal(wire_decode_get(buf_bytes(&f->buf), &f->arena, &in, &f->error), 0);
    assert_bytes(in.key, g.key);
    assert_int_equal(in.consistency, WIRE_SEQUENTIAL);
    assert_int_equal(in.min_slot, 300);
    /* Without a word about it, a read is linearizable. */
    assert_int_equal(wire_decode_get(bytes_of("\x0a\x01k"), &f->arena, &in, &f->error), 0);
    assert_int_equal(in.consistency, WIRE_BARRIER);
    assert_int_equal(wire_decode_get(bytes_of("\x0a\x01k\x10\x01"), &f->arena, &in, &f->error), 0);
    assert_int_equal(in.consistency, WIRE_BARRIER);
    assert_int_equal(wire_decode_get(bytes_of("\x0a\x01k\x10\x03"), &f->arena, &in, &f->error), 0);
    assert_int_equal(in.consistency, WIRE_QUORUM);
    assert_int_equal(wire_decode_get(bytes_of(""), &f->arena, &in, &f->error), ERR_INVALID);
    assert_string_equal(f->error.text, "key has 0 bytes; a key has 1 to 511");
    assert_int_equal(wire_decode_get(bytes_of("\x0a\x01k\x10\x04"), &f->arena, &in, &f->error),
                     ERR_INVALID);
    assert_string_equal(f->error.text,
                        "consistency 4 is unknown; there are BARRIER, QUORUM and SEQUENTIAL");
    assert_int_equal(wire_decode_get(bytes_of("\x0a\x01k\x18\x03"), &f->arena, &in, &f->error),
                     ERR_INVALID);
    assert_string_equal(f->error.text, "min_slot is for SEQUENTIAL reads; any other is newer");
    assert_int_equal(wire_decode_get(bytes_of("\xff\xff\xff"), &f->arena, &in, &f->error),
                     ERR_INVALID);
    assert_string_equal(f->error.text,
                        "these bytes are no protobuf message of the kind expected here");
}

static void test_get_answer(void **state)
{
    struct fixture *f = *state;
    struct wire_get_answer in;
    struct wire_get_answer a = {
        .slot = 300,
        .revision = 7,
        .node = 2,
        .found = true,
        .value = {.data = (const uint8_t *)"a\0b", .size = 3},
        .create_revision = 4,
        .mod_revision = 6,
        .version = 3,
    };
    assert_int_equal(wire_encode_get_answer(&a, &f->buf), 0);
    assert_golden(buf_bytes(&f->buf), "08ac021007180220012a03610062300438064003");
    assert_int_equal(wire_decode_get_answer(buf_bytes(&f->buf), &f->arena, &in, &f->error), 0);
    assert_int_equal(in.slot, 300);
    assert_int_equal(in.revision, 7);
    assert_int_equal(in.node, 2);
    assert_true(in.found);
    assert_bytes(in.value, a.value);
    assert_int_equal(in.create_revision, 4);
    assert_int_equal(in.mod_revision, 6);
    assert_int_equal(in.version, 3);
    buf_clear(&f->buf);
    a.found = false;
    assert_int_equal(wire_encode_get_answer(&a, &f->buf), 0);
    assert_int_equal(wire_decode_get_answer(buf_bytes(&f->buf), &f->arena, &in, &f->error), 0);
    assert_false(in.found);
    assert_int_equal(in.value.size, 0);
}

static void test_write_answer(void **state)
{
    struct fixture *f = *state;
    struct wire_write_answer in;
    struct wire_write_answer a = {
        .slot = 300,
        .revision = 7,
        .node = 2,
        .applied = true,
        .found = true,
        .duplicate = true,
        .omitted = true,
        .has_previous = true, /* An empty one. */
        .has_output = true,
        .output = bytes_of("out"),
    };
    assert_int_equal(wire_encode_write_answer(&a, &f->buf), 0);
    assert_golden(buf_bytes(&f->buf), "08ac0210071802200128013001380142004a036f7574");
    assert_int_equal(wire_decode_write_answer(buf_bytes(&f->buf), &f->arena, &in, &f->error), 0);
    assert_int_equal(in.slot, 300);
    assert_int_equal(in.revision, 7);
    assert_int_equal(in.node, 2);
    assert_true(in.applied && in.found && in.duplicate && in.omitted);
    assert_true(in.has_previous && in.has_output);
    assert_int_equal(in.previous.size, 0);
    assert_bytes(in.output, a.output);
    assert_int_equal(wire_decode_write_answer(bytes_of(""), &f->arena, &in, &f->error), 0);
    assert_false(in.applied || in.has_previous || in.has_output);
}

static void test_answer_of_a_result(void **state)
{
    (void)state;
    struct result r = {.applied = true, .found = true, .revision = 5, .slot = 9};
    assert_int_equal(entry_new(bytes_of("k"), bytes_of("a"), bytes_of("b"), &r.previous), 0);
    struct wire_write_answer a = wire_write_answer_of(&r, 3);
    assert_int_equal(a.slot, 9);
    assert_int_equal(a.revision, 5);
    assert_int_equal(a.node, 3);
    assert_true(a.applied && a.found && a.has_previous && !a.has_output);
    assert_bytes(a.previous, bytes_of("ab"));
    entry_unref(r.previous);
}

static void test_hello(void **state)
{
    struct fixture *f = *state;
    struct wire_kv_hello in;
    struct wire_kv_hello h = {
        .node = 2,
        .cluster = "dkv",
        .applied = 300,
        .key_size_max = KEY_SIZE_MAX,
        .value_size_max = VALUE_SIZE_MAX,
        .client_id_size_max = CLIENT_ID_SIZE_MAX,
        .op_window = 1024,
        .version = "0.1.0",
    };
    assert_int_equal(wire_encode_kv_hello(&h, &f->buf), 0);
    assert_golden(buf_bytes(&f->buf), "08021203646b7618ac0220ff032880804030403880084205302e312e30");
    assert_int_equal(wire_decode_kv_hello(buf_bytes(&f->buf), &f->arena, &in, &f->error), 0);
    assert_int_equal(in.node, 2);
    assert_string_equal(in.cluster, "dkv");
    assert_int_equal(in.applied, 300);
    assert_int_equal(in.key_size_max, KEY_SIZE_MAX);
    assert_int_equal(in.value_size_max, VALUE_SIZE_MAX);
    assert_int_equal(in.client_id_size_max, CLIENT_ID_SIZE_MAX);
    assert_int_equal(in.op_window, 1024);
    assert_string_equal(in.version, "0.1.0");
}

static void test_reasons(void **state)
{
    (void)state;
    for (enum result_code code = RESULT_OK; code <= RESULT_TOO_LARGE; code++) {
        const char *reason = wire_reason_of(code);
        bool has_one =
            code == RESULT_STALE || code == RESULT_SESSION_EXPIRED || code == RESULT_MISMATCH;
        assert_int_equal(reason != NULL, has_one);
        if (has_one)
            assert_int_equal(wire_reason_parse(bytes_of(reason)), code);
    }
    assert_int_equal(wire_reason_parse(bytes_of("STAL")), RESULT_OK);
}

static void test_without_memory(void **state)
{
    struct fixture *f = *state;
    struct command c = sample_put();
    struct command in = {.op_id = 77};
    c.value = many(10000);
    mem_fail_after(0);
    assert_int_equal(wire_encode_write(&c, &f->buf), ERR_NO_MEMORY);
    mem_fail_after(-1);
    assert_int_equal(f->buf.size, 0);
    assert_int_equal(wire_encode_write(&c, &f->buf), 0);
    mem_fail_after(0);
    struct bytes bytes = buf_bytes(&f->buf);
    assert_int_equal(wire_decode_write(COMMAND_PUT, bytes, &f->arena, &in, &f->error),
                     ERR_NO_MEMORY);
    mem_fail_after(-1);
    assert_int_equal(in.op_id, 77);
    assert_int_equal(wire_decode_write(COMMAND_PUT, bytes, &f->arena, &in, &f->error), 0);
    assert_command_equal(&in, &c);
}

/* The usual request needs no allocation. */
static void test_small_is_free(void **state)
{
    struct fixture *f = *state;
    struct command c = sample_put();
    struct command in;
    c.value = many(1024);
    assert_int_equal(wire_encode_write(&c, &f->buf), 0);
    unsigned long before = mem_allocations();
    struct bytes bytes = buf_bytes(&f->buf);
    assert_int_equal(wire_decode_write(COMMAND_PUT, bytes, &f->arena, &in, &f->error), 0);
    assert_int_equal(mem_allocations(), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_writes),
        FIXTURE_TEST(test_sizes),
        FIXTURE_TEST(test_sessions),
        FIXTURE_TEST(test_comparisons),
        FIXTURE_TEST(test_get),
        FIXTURE_TEST(test_get_answer),
        FIXTURE_TEST(test_write_answer),
        FIXTURE_TEST(test_answer_of_a_result),
        FIXTURE_TEST(test_hello),
        FIXTURE_TEST(test_reasons),
        FIXTURE_TEST(test_without_memory),
        FIXTURE_TEST(test_small_is_free),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
