/* paxos_wire_test.c -- envelopes and FetchChosen: there and back, golden bytes, what is refused. */
#include "samples.h"

/* What decoding the only message of an envelope says. */
static int decode_one(const struct wire_list *list, struct message *out, struct hello *hello,
                      struct wire_error *error)
{
    struct wire_envelope e;
    struct wire_arena arena;
    struct bytes raw;
    wire_arena_init(&arena);
    assert_int_equal(wire_envelope_begin(buf_bytes(&list->buf), &e, error), 0);
    assert_int_equal(wire_envelope_next(&e, &raw, error), 0);
    int err = wire_decode_message(raw, &arena, hello, out, error);
    wire_arena_fini(&arena);
    return err;
}

static void test_round_trip(void **state)
{
    (void)state;
    struct wire_list list = {0};
    struct wire_error error;
    for (int i = 0; i < SAMPLE_MESSAGES; i++) {
        struct hello hello;
        struct message m = sample_message(i, &hello);
        assert_int_equal(wire_envelope_add(&list, &m), 0);
        sample_drop(&m);
    }
    struct wire_envelope e;
    struct wire_arena arena;
    wire_arena_init(&arena);
    assert_int_equal(wire_envelope_begin(buf_bytes(&list.buf), &e, &error), 0);
    for (int i = 0; i < SAMPLE_MESSAGES; i++) {
        struct hello hello_in = {0};
        struct hello hello;
        struct message sent = sample_message(i, &hello);
        struct message m;
        struct bytes raw;
        assert_int_equal(wire_envelope_next(&e, &raw, &error), 0);
        assert_int_equal(wire_decode_message(raw, &arena, &hello_in, &m, &error), 0);
        if (sent.kind == MESSAGE_LEARN && sent.value != NULL)
            sent.tag = sent.value->tag;
        assert_message_equal(&m, &sent);
        sample_drop(&sent);
        sample_drop(&m);
    }
    struct bytes raw;
    assert_int_equal(wire_envelope_next(&e, &raw, &error), ERR_NOT_FOUND);
    wire_arena_fini(&arena);
    wire_list_fini(&list);
    assert_int_equal(mem_outstanding(), 0);
}

static const char *const golden[SAMPLE_MESSAGES] = {
    "0a3e08018a013908011203646b76180122040102ac02280230053a10aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa4210bb"
    "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbb4801",
    "0a050802800106",
    "0a0c08037208080510081809200c",
    "0a0b080410e807180320022805",
    "0a0b080510e807180320022805",
    "0a78080510e807180320022805300138ac02400948035002580560076a5c01030003000000046b657961000aff0663"
    "6c69656e74000000000000012c0000000000000002000000000000000901030003000000046b657961000aff06636c"
    "69656e74000000000000012c00000000000000020000000000000009",
    "0a43080610e80718032002280548035002580560076a2e01030003000000046b657961000aff06636c69656e740000"
    "00000000012c00000000000000020000000000000009",
    "0a0b080710e807180320022805",
    "0a11080810e807180320022805300438014001",
    "0a11080910e807180320022805500258056007",
    "0a0d080910e8071803200228054801",
    "0a06080a100a7814",
    "0a0d080b10e8074802500258056007",
    "0a4c08061089082002280548035002580560076a2e01030003000000046b657961000aff06636c69656e7400000000"
    "0000012c00000000000000020000000000000009a801e807b0018608b80103",
    "0a0f080b4801a801e807b0018608b80103",
    "0a13080c180320022805a801e807b0018608b80103",
    "0ae201080d180320022805a801e807b0018608b80103c2014008e80710e807180138034002480550075a2e01030003"
    "000000046b657961000aff06636c69656e74000000000000012c00000000000000020000000000000009c2011108eb"
    "0710f1071806200128ac0230093801c2017508ee0710ee071803200128ac02300938034002480550075a5c01030003"
    "000000046b657961000aff06636c69656e74000000000000012c000000000000000200000000000000090103000300"
    "0000046b657961000aff06636c69656e74000000000000012c00000000000000020000000000000009",
    "0a13080d180320022805a801e807b0018608b80103",
    "0a13080e180320022805a801e807b0018608b80103",
    "0a11080f20022805a801e807b001e807b80101",
    "0a15080f1803200228054801a801e807b0018608b80103",
    "0a190810180320022805300438014001a801e807b0018608b80103",
    "0a0d0811a801e807b0018608b80103",
    "0a05081210e807",
    "0a0d0813a801e807b0018608b80103",
    "0a0d0814a801e807b0018608b80103",
    "0a040815104d",
    "0a060816104d7805",
    "0a080817104d78c0843d",
    "0a220803721e080510081809200c280e3083203884024087e497d01248f7a20450a08d06",
    "0a5a08018a015508011203646b76180222040102ac02280230053a10aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa4210bb"
    "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbb480150045880800160ef9bafcdf8acd19181016890e4d0b287d3aeeefe01",
};

static void test_golden(void **state)
{
    (void)state;
    struct wire_list list = {0};
    for (int i = 0; i < SAMPLE_MESSAGES; i++) {
        struct hello hello;
        struct message m = sample_message(i, &hello);
        wire_list_clear(&list);
        assert_int_equal(wire_envelope_add(&list, &m), 0);
        assert_golden(buf_bytes(&list.buf), golden[i]);
        sample_drop(&m);
    }
    wire_list_fini(&list);
}

/* Encode m, which breaks a rule, and expect to be told so. */
static void assert_refused(const struct message *m, const char *text)
{
    struct wire_list list = {0};
    struct wire_error error;
    struct hello hello;
    struct message out = {.slot = 77};
    assert_int_equal(wire_envelope_add(&list, m), 0);
    assert_int_equal(decode_one(&list, &out, &hello, &error), ERR_INVALID);
    assert_string_equal(error.text, text);
    assert_int_equal(out.slot, 77);
    wire_list_fini(&list);
}

static void test_numbers_refused(void **state)
{
    (void)state;
    struct ballot b = {.round = 3, .node = 2, .boot = 5};
    struct message m = {.kind = MESSAGE_PREPARE, .ballot = b};
    assert_refused(&m, "slot is 0; it is 1 to 4611686018427387904");
    m.slot = UINT64_MAX;
    assert_refused(&m, "slot is 18446744073709551615; it is 1 to 4611686018427387904");
    m.slot = 1;
    m.ballot = (struct ballot){0};
    assert_refused(&m, "ballot is missing");
    m.ballot = (struct ballot){.round = 1, .boot = 1};
    assert_refused(&m, "ballot has no node or no boot");
    m.ballot = (struct ballot){.round = 1, .node = 1};
    assert_refused(&m, "ballot has no node or no boot");
    m = (struct message){.kind = MESSAGE_FETCH, .slot = 10, .to = 9};
    assert_refused(&m, "last slot is 9; it is 10 to 4611686018427387904");
    m = (struct message){.kind = MESSAGE_GOODBYE, .refusal = REFUSAL_NONE};
    assert_refused(&m, "refusal 0 is unknown");
    m.refusal = (enum refusal)99;
    assert_refused(&m, "refusal 99 is unknown");
    m = (struct message){.kind = MESSAGE_HEARTBEAT};
    assert_refused(&m, "boot is 0; it is 1 to 4611686018427387904");
    m = (struct message){.kind = MESSAGE_REFUSED, .slot = 1, .ballot = b, .other = b};
    assert_refused(&m, "REFUSED for a ballot that is not below the promised one");
    m.other = (struct ballot){0};
    assert_refused(&m, "promised ballot is missing");
}

static void test_values_refused(void **state)
{
    (void)state;
    struct ballot b = {.round = 3, .node = 2, .boot = 5};
    struct ballot higher = {.round = 4, .node = 1, .boot = 1};
    struct message m = {.kind = MESSAGE_ACCEPT, .slot = 1, .ballot = b};
    assert_refused(&m, "ACCEPT has no value");
    m.kind = MESSAGE_CHOSEN;
    assert_refused(&m, "CHOSEN has no value");
    m.kind = MESSAGE_PROMISE;
    m.other = b;
    assert_refused(&m, "PROMISE has an accepted ballot and no value");
    m.value = value_noop();
    m.other = (struct ballot){0};
    assert_refused(&m, "accepted ballot is missing");
    m.other = higher;
    assert_refused(&m, "PROMISE has an accepted ballot above the promised one");
    m = (struct message){.kind = MESSAGE_LEARN, .slot = 1};
    assert_refused(&m, "ballot is missing");
    m.ballot = b;
    m.tag.node = 1;
    assert_refused(&m, "tag has no node, no boot or no sequence");

    struct value *v = NULL;
    struct tag tag = {.node = 2, .boot = 5, .sequence = 7};
    assert_int_equal(value_new(VALUE_BATCH, tag, bytes_of("no batch"), &v), 0);
    m = (struct message){.kind = MESSAGE_ACCEPT, .slot = 1, .ballot = b, .value = v};
    assert_refused(&m, "value is no batch of commands");
    v->tag.sequence = 0;
    assert_refused(&m, "tag has no node, no boot or no sequence");
    v->kind = VALUE_NOOP;
    assert_refused(&m, "NOOP has a tag or bytes");
    v->kind = (enum value_kind)0;
    assert_refused(&m, "ACCEPT has no value");
    v->kind = (enum value_kind)4;
    assert_refused(&m, "value kind 4 is unknown");
    v->tag = tag;
    v->kind = VALUE_BARRIER;
    assert_refused(&m, "BARRIER has bytes");
    value_unref(v);
    assert_int_equal(mem_outstanding(), 0);
}

static void assert_hello_refused(const struct hello *hello, const char *text)
{
    struct hello copy = *hello;
    assert_refused(&(struct message){.kind = MESSAGE_HELLO, .hello = &copy}, text);
}

static void test_hello_refused(void **state)
{
    (void)state;
    struct hello h = sample_hello();
    h.cluster[0] = '\0';
    assert_hello_refused(&h, "cluster name has 0 bytes; it has 1 to 63");
    h.cluster[0] = ' ';
    assert_hello_refused(&h, "cluster name is not printable ASCII without spaces");
    h = sample_hello();
    h.members.count = 0;
    assert_hello_refused(&h, "member list has 0 ids; it has 1 to 9");
    h = sample_hello();
    h.members.ids[2] = 2;
    assert_hello_refused(&h, "member ids are not above 0 and ascending");
    h = sample_hello();
    h.id = 0;
    assert_hello_refused(&h, "id is 0; an id is above 0");
    h = sample_hello();
    h.boot = 0;
    assert_hello_refused(&h, "boot is 0; it is 1 to 4611686018427387904");
    h = sample_hello();
    h.mode = (enum mode)0;
    assert_hello_refused(&h, "mode is missing");
    h = sample_hello();
    memset(h.disk_id, 0, sizeof(h.disk_id));
    assert_hello_refused(&h, "disk_id is all zero");
}

/* Another version and another mode are for the receiver to refuse, in words. */
static void test_hello_of_another_version(void **state)
{
    (void)state;
    struct hello h = sample_hello();
    struct message m = {.kind = MESSAGE_HELLO, .hello = &h};
    struct wire_list list = {0};
    struct wire_error error;
    struct hello in;
    h.protocol_version = 99;
    h.mode = (enum mode)2;
    memset(h.recorded, 0, sizeof(h.recorded));
    assert_int_equal(wire_envelope_add(&list, &m), 0);
    assert_int_equal(decode_one(&list, &m, &in, &error), 0);
    assert_ptr_equal(m.hello, &in);
    assert_int_equal(in.protocol_version, 99);
    assert_int_equal(in.mode, 2);
    wire_list_fini(&list);
}

/* A PREPARE (kind 4, slot 1, ballot 1.1.1), and then `more`. */
static void assert_prepare_with(const char *more, size_t more_size, int expected_err,
                                const char *text)
{
    static const uint8_t prepare[] = {0x08, 4, 0x10, 1, 0x18, 1, 0x20, 1, 0x28, 1};
    uint8_t raw[64];
    struct wire_arena arena;
    struct wire_error error = {""};
    struct hello hello;
    struct message m;
    memcpy(raw, prepare, sizeof(prepare));
    memcpy(raw + sizeof(prepare), more, more_size);
    wire_arena_init(&arena);
    struct bytes in = {.data = raw, .size = sizeof(prepare) + more_size};
    assert_int_equal(wire_decode_message(in, &arena, &hello, &m, &error), expected_err);
    assert_string_equal(error.text, text);
    wire_arena_fini(&arena);
}

static void test_fields_of_other_kinds(void **state)
{
    (void)state;
    const char *stray = "PREPARE has a field that is not its";
    assert_prepare_with("", 0, 0, "");
    assert_prepare_with("\xf8\x7f\x01", 3, 0, "");              /* A field that nobody knows yet. */
    assert_prepare_with("\x30\x01", 2, ERR_INVALID, stray);     /* other_round */
    assert_prepare_with("\x48\x01", 2, ERR_INVALID, stray);     /* value_kind */
    assert_prepare_with("\x50\x01", 2, ERR_INVALID, stray);     /* tag_node */
    assert_prepare_with("\x6a\x01x", 3, ERR_INVALID, stray);    /* value */
    assert_prepare_with("\x72\x00", 2, ERR_INVALID, stray);     /* progress */
    assert_prepare_with("\x78\x01", 2, ERR_INVALID, stray);     /* to */
    assert_prepare_with("\x80\x01\x01", 3, ERR_INVALID, stray); /* refusal */
    assert_prepare_with("\x8a\x01\x00", 3, ERR_INVALID, stray); /* hello */
    assert_prepare_with("\x08\x63", 2, ERR_INVALID, "message kind 99 is unknown");
    const char *no_protobuf = "these bytes are no protobuf message of the kind expected here";
    assert_prepare_with("\x08", 1, ERR_INVALID, no_protobuf);
    assert_prepare_with("\x6a\x05x", 3, ERR_INVALID, no_protobuf);
    assert_prepare_with("\x0b", 1, ERR_INVALID, no_protobuf); /* A group. */
}

static void test_envelope_bounds(void **state)
{
    (void)state;
    struct wire_list list = {0};
    struct buf batch = {0};
    struct message m = {
        .kind = MESSAGE_ACCEPT, .slot = 1, .ballot = {.round = 1, .node = 1, .boot = 1}};
    assert_int_equal(buf_reserve(&batch, VALUE_BYTES_MAX), 0);
    memset(batch.data, 0, VALUE_BYTES_MAX);
    batch.size = VALUE_BYTES_MAX;
    struct tag tag = {.node = 1, .boot = 1, .sequence = 1};
    assert_int_equal(value_new(VALUE_BATCH, tag, buf_bytes(&batch), &m.value), 0);
    /* The largest value fits once, not twice; then small ones do, until there are too many. */
    assert_int_equal(wire_envelope_add(&list, &m), 0);
    size_t size = list.buf.size;
    assert_int_equal(wire_envelope_add(&list, &m), ERR_FULL);
    assert_int_equal(list.buf.size, size);
    value_unref(m.value);
    m.value = value_noop();
    for (uint32_t i = 1; i < WIRE_LIST_COUNT_MAX; i++)
        assert_int_equal(wire_envelope_add(&list, &m), 0);
    assert_int_equal(wire_envelope_add(&list, &m), ERR_FULL);
    assert_int_equal(list.count, WIRE_LIST_COUNT_MAX);

    struct wire_error error;
    struct wire_envelope e;
    struct bytes raw;
    assert_int_equal(wire_envelope_begin(buf_bytes(&list.buf), &e, &error), 0);
    for (uint32_t i = 0; i < WIRE_LIST_COUNT_MAX; i++)
        assert_int_equal(wire_envelope_next(&e, &raw, &error), 0);
    e.rest = (struct bytes){.data = (const uint8_t *)"\x0a\x00", .size = 2};
    assert_int_equal(wire_envelope_next(&e, &raw, &error), ERR_INVALID);
    assert_string_equal(error.text, "envelope has more than 16384 messages");
    struct bytes large = {.data = batch.data, .size = WIRE_LIST_SIZE_MAX + 1};
    assert_int_equal(wire_envelope_begin(large, &e, &error), ERR_INVALID);
    assert_string_equal(error.text, "envelope has 3145729 bytes; it has at most 3145728");
    wire_list_clear(&list);
    assert_int_equal(wire_envelope_add(&list, &m), 0);
    buf_fini(&batch);
    wire_list_fini(&list);
    assert_int_equal(mem_outstanding(), 0);
}

/* Large messages leave alone, and the rest in between together: all of it, in its order. */
static void test_envelope_in_parts(void **state)
{
    (void)state;
    static const uint8_t bytes[1000];
    struct wire_list list = {0};
    struct tag tag = {.node = 1, .boot = 1, .sequence = 1};
    struct message large = {.kind = MESSAGE_ACCEPT, .slot = 1, .ballot = {1, 1, 1}};
    assert_int_equal(value_new(VALUE_BATCH, tag,
                               (struct bytes){.data = bytes, .size = sizeof(bytes)}, &large.value),
                     0);
    const char *order = "sLssLL";
    for (const char *c = order; *c != '\0'; c++) {
        struct message small = {.kind = MESSAGE_SKIPPED, .slot = (uint64_t)(c - order) + 1};
        large.slot = small.slot;
        assert_int_equal(wire_envelope_add(&list, *c == 'L' ? &large : &small), 0);
    }
    value_unref(large.value);
    struct buf all = {0};
    assert_int_equal(buf_append(&all, buf_bytes(&list.buf)), 0);

    static const uint32_t left[] = {5, 4, 2, 1, 0};
    struct buf parts = {0};
    size_t sizes[5];
    for (int i = 0; i < 5; i++) {
        size_t before = parts.size;
        assert_int_equal(wire_envelope_take(&list, 500, &parts), 0);
        sizes[i] = parts.size - before;
        assert_int_equal(list.count, left[i]);
    }
    assert_int_equal(list.buf.size, 0);
    assert_int_equal(parts.size, all.size);
    assert_memory_equal(parts.data, all.data, all.size);
    assert_int_equal(sizes[2], 2 * sizes[0]);
    assert_true(sizes[1] > 1000 && sizes[1] == sizes[3] && sizes[1] == sizes[4]);
    wire_list_fini(&list);
    buf_fini(&parts);
    buf_fini(&all);
}

static void test_envelope_without_memory(void **state)
{
    (void)state;
    struct wire_list list = {0};
    struct wire_error error;
    struct message m = {
        .kind = MESSAGE_ACCEPT, .slot = 1, .ballot = {.round = 1, .node = 1, .boot = 1}};
    m.value = sample_batch(200); /* More than an arena has room for by itself. */
    mem_fail_after(0);
    assert_int_equal(wire_envelope_add(&list, &m), ERR_NO_MEMORY);
    mem_fail_after(-1);
    assert_int_equal(list.buf.size, 0);
    assert_int_equal(wire_envelope_add(&list, &m), 0);
    long before = mem_outstanding();
    int failures = 0;
    for (;; failures++) {
        struct message out = {.slot = 77};
        struct hello hello;
        mem_fail_after(failures);
        int err = decode_one(&list, &out, &hello, &error);
        mem_fail_after(-1);
        if (err == 0) {
            assert_message_equal(
                &out, &(struct message){
                          .kind = m.kind, .slot = m.slot, .ballot = m.ballot, .value = m.value});
            value_unref(out.value);
            break;
        }
        assert_int_equal(err, ERR_NO_MEMORY);
        assert_int_equal(out.slot, 77);
        assert_int_equal(mem_outstanding(), before);
    }
    assert_int_equal(failures, 1); /* The value; nothing else is allocated. */
    value_unref(m.value);
    wire_list_fini(&list);
    assert_int_equal(mem_outstanding(), 0);
}

static void test_fetch(void **state)
{
    (void)state;
    struct wire_fetch f = {.from = 5, .to = 4096, .hello = sample_hello()};
    struct wire_fetch in = {0};
    struct buf buf = {0};
    struct wire_arena arena;
    struct wire_error error;
    wire_arena_init(&arena);
    assert_int_equal(wire_encode_fetch(&f, &buf), 0);
    assert_golden(buf_bytes(&buf),
                  "08051080201a3908011203646b76180122040102ac02280230053a10aaaaaaaaaaaaaaaaaaaaaaaa"
                  "aaaaaaaa4210bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb4801");
    assert_int_equal(wire_decode_fetch(buf_bytes(&buf), &arena, &in, &error), 0);
    assert_int_equal(in.from, 5);
    assert_int_equal(in.to, 4096);
    assert_hello_equal(&in.hello, &f.hello);
    buf_clear(&buf);
    f.to = 4;
    assert_int_equal(wire_encode_fetch(&f, &buf), 0);
    assert_int_equal(wire_decode_fetch(buf_bytes(&buf), &arena, &in, &error), ERR_INVALID);
    assert_string_equal(error.text, "last slot is 4; it is 5 to 4611686018427387904");
    assert_int_equal(wire_decode_fetch(bytes_of("\x08\x01\x10\x01"), &arena, &in, &error),
                     ERR_INVALID);
    assert_string_equal(error.text, "hello is missing");
    buf_fini(&buf);
    wire_arena_fini(&arena);
}

static void add_chosen(struct wire_list *answer, uint64_t slot, const struct value *v)
{
    assert_int_equal(wire_chosen_add(answer, slot, v->kind, v->tag, value_bytes(v)), 0);
}

static void test_chosen(void **state)
{
    (void)state;
    struct wire_list list = {0};
    struct wire_error error;
    struct wire_arena arena;
    struct wire_chosen c;
    struct message m;
    struct value *v = sample_batch(1);
    wire_arena_init(&arena);
    add_chosen(&list, 10, v);
    add_chosen(&list, 12, value_noop());
    assert_int_equal(wire_chosen_end(&list, 15), 0);
    assert_golden(buf_bytes(&list.buf),
                  "0a3a080a1003180220052807322e01030003000000046b657961000aff06636c69656e7400000000"
                  "0000012c000000000000000200000000000000090a04080c1001100f");
    assert_int_equal(wire_chosen_begin(buf_bytes(&list.buf), 10, 20, &c, &error), 0);
    assert_int_equal(c.next, 15);
    assert_int_equal(wire_chosen_next(&c, &arena, &m, &error), 0);
    assert_int_equal(m.kind, MESSAGE_CHOSEN);
    assert_int_equal(m.slot, 10);
    assert_true(value_equal(m.value, v));
    assert_bytes(value_bytes(m.value), value_bytes(v));
    value_unref(m.value);
    assert_int_equal(wire_chosen_next(&c, &arena, &m, &error), 0);
    assert_int_equal(m.slot, 12);
    assert_ptr_equal(m.value, value_noop());
    assert_int_equal(wire_chosen_next(&c, &arena, &m, &error), ERR_NOT_FOUND);
    /* An answer to another question. */
    assert_int_equal(wire_chosen_begin(buf_bytes(&list.buf), 15, 20, &c, &error), ERR_INVALID);
    assert_int_equal(wire_chosen_begin(buf_bytes(&list.buf), 11, 20, &c, &error), 0);
    assert_int_equal(wire_chosen_next(&c, &arena, &m, &error), ERR_INVALID);
    assert_string_equal(error.text, "slot 10 was not asked for, or is out of order");
    /* Out of order. */
    wire_list_clear(&list);
    add_chosen(&list, 12, value_noop());
    add_chosen(&list, 12, value_noop());
    assert_int_equal(wire_chosen_end(&list, 0), 0);
    assert_int_equal(wire_chosen_begin(buf_bytes(&list.buf), 10, 20, &c, &error), 0);
    assert_int_equal(c.next, 0);
    assert_int_equal(wire_chosen_next(&c, &arena, &m, &error), 0);
    assert_int_equal(wire_chosen_next(&c, &arena, &m, &error), ERR_INVALID);
    assert_int_equal(wire_chosen_begin(bytes_of("\x0a\x02\x08\x0a"), 10, 20, &c, &error), 0);
    assert_int_equal(wire_chosen_next(&c, &arena, &m, &error), ERR_INVALID);
    assert_string_equal(error.text, "slot 10 has no value");
    value_unref(v);
    wire_list_fini(&list);
    wire_arena_fini(&arena);
    assert_int_equal(mem_outstanding(), 0);
}

static void assert_chosen_refused(struct bytes in, const char *text)
{
    struct wire_error error;
    struct wire_arena arena;
    struct wire_chosen c;
    struct message m;
    wire_arena_init(&arena);
    assert_int_equal(wire_chosen_begin(in, 10, 20, &c, &error), 0);
    assert_int_equal(wire_chosen_next(&c, &arena, &m, &error), ERR_INVALID);
    assert_string_equal(error.text, text);
    wire_arena_fini(&arena);
}

static void test_chosen_intervals(void **state)
{
    (void)state;
    struct wire_list list = {0};
    struct wire_error error;
    struct wire_arena arena;
    struct wire_chosen c;
    struct message m;
    wire_arena_init(&arena);
    assert_int_equal(wire_chosen_add_noops(&list, (struct interval){11, 20, 3}), 0);
    add_chosen(&list, 10, value_noop());
    assert_int_equal(wire_chosen_add_noops(&list, (struct interval){12, 12, 3}), 0);
    add_chosen(&list, 13, value_noop());
    assert_int_equal(wire_chosen_end(&list, 14), 0);
    assert_golden(buf_bytes(&list.buf),
                  "0a08080b1001381440030a04080a10010a08080c1001380c40030a04080d1001100e");
    assert_int_equal(wire_chosen_begin(buf_bytes(&list.buf), 10, 20, &c, &error), 0);
    const struct interval expected[] = {{11, 20, 3}, {0}, {12, 12, 3}, {0}};
    for (uint64_t i = 0; i < 4; i++) {
        assert_int_equal(wire_chosen_next(&c, &arena, &m, &error), 0);
        assert_int_equal(m.kind, MESSAGE_CHOSEN);
        assert_interval_equal(m.interval, expected[i]);
        assert_int_equal(m.slot, i == 1 ? 10 : i == 3 ? 13 : 0);
        assert_ptr_equal(m.value, value_noop());
    }
    assert_int_equal(wire_chosen_next(&c, &arena, &m, &error), ERR_NOT_FOUND);
    wire_list_fini(&list);
    wire_arena_fini(&arena);

    assert_chosen_refused(bytes_of("\x0a\x08\x08\x08\x10\x01\x38\x0b\x40\x03"),
                          "slots 8 to 11 were not asked for");
    assert_chosen_refused(bytes_of("\x0a\x08\x08\x12\x10\x01\x38\x15\x40\x03"),
                          "slots 18 to 21 were not asked for");
    assert_chosen_refused(bytes_of("\x0a\x08\x08\x0b\x10\x01\x38\x0f\x40\x03"),
                          "last slot 15 is not in its interval");
    assert_chosen_refused(bytes_of("\x0a\x08\x08\x0b\x10\x02\x38\x0e\x40\x03"),
                          "slots 11 to 14 hold more than NOOP");
    assert_chosen_refused(bytes_of("\x0a\x06\x08\x0b\x10\x01\x38\x0e"),
                          "stride is 0; it is 1 to 9");
}

static void test_chosen_is_bounded(void **state)
{
    (void)state;
    struct wire_list list = {0};
    uint64_t slot = 1;
    int err;
    struct value *v = sample_batch(1000);
    while ((err = wire_chosen_add(&list, slot, v->kind, v->tag, value_bytes(v))) == 0)
        slot++;
    assert_int_equal(err, ERR_FULL);
    assert_true(slot > 10);
    assert_int_equal(wire_chosen_end(&list, slot), 0);
    assert_true(list.buf.size <= WIRE_LIST_SIZE_MAX + 16);
    wire_list_fini(&list);
    value_unref(v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_golden),
        cmocka_unit_test(test_numbers_refused),
        cmocka_unit_test(test_values_refused),
        cmocka_unit_test(test_hello_refused),
        cmocka_unit_test(test_hello_of_another_version),
        cmocka_unit_test(test_fields_of_other_kinds),
        cmocka_unit_test(test_envelope_bounds),
        cmocka_unit_test(test_envelope_in_parts),
        cmocka_unit_test(test_envelope_without_memory),
        cmocka_unit_test(test_fetch),
        cmocka_unit_test(test_chosen),
        cmocka_unit_test(test_chosen_intervals),
        cmocka_unit_test(test_chosen_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
