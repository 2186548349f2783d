/* garbage_admin_test.c -- garbage instead of what is said about a node: Admin and health. */
#include "garbage.h"

#include "wire/health_wire.h"

static void sample_status(struct buf *out, uint64_t choice)
{
    struct wire_status s = {
        .id = 1,
        .cluster = "dkv",
        .mode = MODE_CLASSIC,
        .members = {.count = 3, .ids = {1, 2, 3}},
        .applied = choice,
        .awaited_count = 2,
        .awaited = {2, 3},
        .peers_count = 1,
        .peers = {{.id = 2, .address = "localhost:5002", .refused = ""}},
        .version = "0.1.0",
    };
    add(wire_encode_status(&s, out));
}

static int decode_status(struct bytes in, struct wire_arena *arena, struct buf *again)
{
    struct wire_status s;
    struct wire_error error;
    TRY(wire_decode_status(in, arena, &s, &error));
    assert_true(members_is_valid(&s.members));
    assert_true(s.awaited_count <= MEMBERS_MAX && s.peers_count <= MEMBERS_MAX);
    add(wire_encode_status(&s, again));
    return 0;
}

static void sample_metrics(struct buf *out, uint64_t choice)
{
    struct wire_metric metric = {
        .name = "a", .labels = "b", .help = "c", .kind = WIRE_GAUGE, .value = (double)choice};
    struct wire_histogram histogram = {.name = "a", .labels = "b", .help = "c", .p99 = choice};
    struct wire_metrics m = {&metric, 1, &histogram, 1};
    add(wire_encode_metrics(&m, out));
}

static int decode_metrics(struct bytes in, struct wire_arena *arena, struct buf *again)
{
    struct wire_metrics m;
    struct wire_error error;
    TRY(wire_decode_metrics(in, arena, &m, &error));
    add(wire_encode_metrics(&m, again));
    return 0;
}

static void sample_set_faults(struct buf *out, uint64_t choice)
{
    struct wire_set_faults f = {.replace = choice % 2 == 0,
                                .rules_count = 2,
                                .rules = {{2, WIRE_IN, 5, 6, 7, 8}, {3, WIRE_OUT, 9, 10, 11, 12}}};
    add(wire_encode_set_faults(&f, out));
}

static int decode_set_faults(struct bytes in, struct wire_arena *arena, struct buf *again)
{
    struct wire_set_faults f;
    struct wire_error error;
    TRY(wire_decode_set_faults(in, arena, &f, &error));
    assert_true(f.rules_count <= WIRE_FAULT_RULES_MAX);
    for (uint32_t i = 0; i < f.rules_count; i++) {
        assert_true(f.rules[i].peer > 0 && f.rules[i].drop_ppm <= WIRE_PPM_MAX);
        assert_true(f.rules[i].delay_ms <= WIRE_FAULT_DELAY_MS_MAX);
    }
    add(wire_encode_set_faults(&f, again));
    return 0;
}

static void sample_faults(struct buf *out, uint64_t choice)
{
    struct wire_faults f = {
        .enabled = true, .rules_count = 1, .rules = {{2, WIRE_IN, 5, 6, 7, 8}}, .dropped = choice};
    add(wire_encode_faults(&f, out));
}

static int decode_faults(struct bytes in, struct wire_arena *arena, struct buf *again)
{
    struct wire_faults f;
    struct wire_error error;
    TRY(wire_decode_faults(in, arena, &f, &error));
    assert_true(f.rules_count <= WIRE_FAULT_RULES_MAX);
    add(wire_encode_faults(&f, again));
    return 0;
}

static void sample_log(struct buf *out, uint64_t choice)
{
    struct wire_list list = {.buf = *out};
    struct wire_arena arena;
    struct value *v = sample_batch(2);
    struct wire_log_slot s = {.slot = choice,
                              .promised = {.round = 1, .node = 2, .boot = 3},
                              .value_kind = VALUE_BATCH,
                              .voters = {1, 2},
                              .voters_count = 2};
    wire_arena_init(&arena);
    add(wire_log_commands(value_bytes(v), &arena, &s.commands, &s.commands_count));
    add(wire_log_add(&list, &s));
    add(wire_log_end(&list, 3, 4, 5));
    *out = list.buf;
    wire_arena_fini(&arena);
    value_unref(v);
}

static int decode_log(struct bytes in, struct wire_arena *arena, struct buf *again)
{
    struct wire_log l;
    struct wire_list list = {.buf = *again};
    struct wire_error error;
    struct wire_log_slot s;
    TRY(wire_log_begin(in, &l, &error));
    int err;
    while ((err = wire_log_next(&l, arena, &s, &error)) == 0) {
        assert_true(s.voters_count <= MEMBERS_MAX);
        add(wire_log_add(&list, &s));
    }
    add(wire_log_end(&list, l.next, l.applied, l.chosen_to));
    *again = list.buf;
    return err == ERR_NOT_FOUND ? 0 : err;
}

static void sample_health(struct buf *out, uint64_t choice)
{
    add(wire_encode_health_request(choice % 2 == 0 ? "dkv.v1.KV" : "", out));
}

static int decode_health(struct bytes in, struct wire_arena *arena, struct buf *again)
{
    const char *service;
    struct wire_error error;
    TRY(wire_decode_health_request(in, arena, &service, &error));
    add(wire_encode_health_request(service, again));
    return 0;
}

static void sample_health_answer(struct buf *out, uint64_t choice)
{
    add(wire_encode_health_answer((enum wire_serving)(choice % 4), out));
}

static int decode_health_answer(struct bytes in, struct wire_arena *arena, struct buf *again)
{
    enum wire_serving serving;
    struct wire_error error;
    TRY(wire_decode_health_answer(in, arena, &serving, &error));
    add(wire_encode_health_answer(serving, again));
    return 0;
}

static const struct decoder decoders[] = {
    {"status", 10, sample_status, decode_status},
    {"metrics", 11, sample_metrics, decode_metrics},
    {"set faults", 12, sample_set_faults, decode_set_faults},
    {"faults", 13, sample_faults, decode_faults},
    {"log", 14, sample_log, decode_log},
    {"health", 15, sample_health, decode_health},
    {"health answer", 16, sample_health_answer, decode_health_answer},
};

static void test_garbage(void **state)
{
    (void)state;
    garbage_check(decoders, sizeof(decoders) / sizeof(decoders[0]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_garbage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
