/* admin_wire_test.c -- Admin, its log, and the health service: there and back, golden, refused. */
#include "fixture.h"
#include "samples.h"

#include "wire/health_wire.h"

static void test_health(void **state)
{
    struct fixture *f = *state;
    struct wire_health h = {.ready = true, .node = 3, .detail = "fine"};
    struct wire_health in;
    assert_int_equal(wire_encode_health(&h, &f->buf), 0);
    assert_golden(buf_bytes(&f->buf), "080110031a0466696e65");
    assert_int_equal(wire_decode_health(buf_bytes(&f->buf), &f->arena, &in, &f->error), 0);
    assert_true(in.ready);
    assert_int_equal(in.node, 3);
    assert_string_equal(in.detail, "fine");
    assert_int_equal(wire_decode_health(bytes_of(""), &f->arena, &in, &f->error), 0);
    assert_string_equal(in.detail, "");
}

static struct wire_status sample_status(void)
{
    return (struct wire_status){
        .id = 1,
        .cluster = "dkv",
        .mode = MODE_CLASSIC,
        .members = {.count = 3, .ids = {1, 2, 3}},
        .boot = 4,
        .applied = 5,
        .chosen_to = 6,
        .frontier = 7,
        .admitted = true,
        .awaited_count = 1,
        .awaited = {3},
        .queued_ops = 8,
        .queued_bytes = 9,
        .state_hash = UINT64_C(0x0123456789abcdef),
        .revision = 10,
        .keys = 11,
        .clients = 12,
        .peers_count = 2,
        .peers =
            {
                {.id = 2,
                 .address = "localhost:5002",
                 .connected = true,
                 .accepted = true,
                 .refused = "",
                 .applied = 1,
                 .chosen_to = 2,
                 .lag = 4,
                 .sent = 13,
                 .dropped = 14,
                 .faulted = 15,
                 .position = 23},
                {.id = 3, .address = "localhost:5003", .refused = "another cluster"},
            },
        .version = "0.1.0",
        .uptime_ms = 16,
        .disk_bytes = 17,
        .state_bytes = 18,
        .log_bytes = 19,
        .durable_applied = 20,
        .position = 21,
        .reserved_to = 22,
    };
}

static void test_status(void **state)
{
    struct fixture *f = *state;
    struct wire_status s = sample_status();
    struct wire_status in;
    assert_int_equal(wire_encode_status(&s, &f->buf), 0);
    assert_golden(
        buf_bytes(&f->buf),
        "08011203646b7618012203010203280430053806400748015201035808600969efcdab8967452301"
        "700a780b80010c8a01240802120e6c6f63616c686f73743a3530303218012001300138024004480d"
        "500e580f60178a01230803120e6c6f63616c686f73743a353030332a0f616e6f7468657220636c757374"
        "6572920105302e312e30980110a00111a80112b00113b80114c00115c80116");
    assert_int_equal(wire_decode_status(buf_bytes(&f->buf), &f->arena, &in, &f->error), 0);
    /* All that is not text is equal, and the text is. */
    for (uint32_t i = 0; i < s.peers_count; i++) {
        assert_string_equal(in.peers[i].address, s.peers[i].address);
        assert_string_equal(in.peers[i].refused, s.peers[i].refused);
        in.peers[i].address = s.peers[i].address;
        in.peers[i].refused = s.peers[i].refused;
    }
    assert_string_equal(in.cluster, s.cluster);
    assert_string_equal(in.version, s.version);
    in.cluster = s.cluster;
    in.version = s.version;
    /* Encoded again, it is the same. */
    struct buf again = {0};
    assert_int_equal(wire_encode_status(&in, &again), 0);
    assert_bytes(buf_bytes(&again), buf_bytes(&f->buf));
    assert_int_equal(in.state_hash, s.state_hash);
    assert_int_equal(in.awaited[0], 3);
    buf_fini(&again);
    buf_clear(&f->buf);
    s.members.ids[1] = 1;
    assert_int_equal(wire_encode_status(&s, &f->buf), 0);
    assert_int_equal(wire_decode_status(buf_bytes(&f->buf), &f->arena, &in, &f->error),
                     ERR_INVALID);
    assert_string_equal(f->error.text, "member ids are not above 0 and ascending");
    struct bytes ten = bytes_of("\x22\x0a\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a");
    assert_int_equal(wire_decode_status(ten, &f->arena, &in, &f->error), ERR_INVALID);
    assert_string_equal(f->error.text, "status lists more than 9 nodes");
}

static void test_metrics(void **state)
{
    struct fixture *f = *state;
    static const struct wire_metric metrics[] = {
        {.name = "applied_ops_total", .labels = "", .help = "h", .kind = WIRE_COUNTER, .value = 3},
        {.name = "lag", .labels = "peer=\"2\"", .help = "", .kind = WIRE_GAUGE, .value = 0.5},
    };
    static const struct wire_histogram histograms[] = {{.name = "commit_ns",
                                                        .labels = "",
                                                        .help = "c",
                                                        .count = 1,
                                                        .sum = 2,
                                                        .max = 3,
                                                        .p50 = 4,
                                                        .p90 = 5,
                                                        .p95 = 6,
                                                        .p99 = 7,
                                                        .p999 = 8}};
    struct wire_metrics m = {metrics, 2, histograms, 1};
    struct wire_metrics in;
    assert_int_equal(wire_encode_metrics(&m, &f->buf), 0);
    assert_golden(buf_bytes(&f->buf),
                  "0a210a116170706c6965645f6f70735f746f74616c18012100000000000008402a01680a1a0a036c"
                  "61671208706565723d223222180221000000000000e03f121e0a09636f6d6d69745f6e7318012002"
                  "2803300438054006480750085a0163");
    assert_int_equal(wire_decode_metrics(buf_bytes(&f->buf), &f->arena, &in, &f->error), 0);
    assert_int_equal(in.metrics_count, 2);
    assert_int_equal(in.histograms_count, 1);
    assert_string_equal(in.metrics[1].labels, "peer=\"2\"");
    assert_true(in.metrics[1].value > 0.49 && in.metrics[1].value < 0.51);
    struct buf again = {0};
    assert_int_equal(wire_encode_metrics(&in, &again), 0);
    assert_bytes(buf_bytes(&again), buf_bytes(&f->buf));
    buf_fini(&again);
    assert_int_equal(wire_decode_metrics(bytes_of(""), &f->arena, &in, &f->error), 0);
    assert_int_equal(in.metrics_count, 0);
    struct bytes unknown = bytes_of("\x0a\x02\x18\x09");
    assert_int_equal(wire_decode_metrics(unknown, &f->arena, &in, &f->error), ERR_INVALID);
    assert_string_equal(f->error.text, "metric kind 9 is unknown");
}

/* As many as a node could ever have: the bound on memory is above what they need. */
static void test_many_metrics(void **state)
{
    struct fixture *f = *state;
    static struct wire_metric metrics[2000];
    for (size_t i = 0; i < 2000; i++)
        metrics[i] = (struct wire_metric){
            .name = "n", .labels = "", .help = "", .kind = WIRE_COUNTER, .value = (double)i};
    struct wire_metrics m = {.metrics = metrics, .metrics_count = 2000};
    struct wire_metrics in;
    assert_int_equal(wire_encode_metrics(&m, &f->buf), 0);
    assert_int_equal(wire_decode_metrics(buf_bytes(&f->buf), &f->arena, &in, &f->error), 0);
    assert_int_equal(in.metrics_count, 2000);
}

static void check_set_faults(struct fixture *f, struct wire_fault_rule rule, const char *text)
{
    struct wire_set_faults s = {.rules_count = 1, .rules = {rule}};
    struct wire_set_faults in;
    buf_clear(&f->buf);
    assert_int_equal(wire_encode_set_faults(&s, &f->buf), 0);
    assert_int_equal(wire_decode_set_faults(buf_bytes(&f->buf), &f->arena, &in, &f->error),
                     text == NULL ? 0 : ERR_INVALID);
    if (text != NULL)
        assert_string_equal(f->error.text, text);
    else
        assert_memory_equal(&in.rules[0], &rule, sizeof(rule));
}

static void test_faults_refused(void **state)
{
    struct fixture *f = *state;
    struct wire_fault_rule good = {.peer = 2,
                                   .direction = WIRE_IN,
                                   .drop_ppm = WIRE_PPM_MAX,
                                   .delay_ms = WIRE_FAULT_DELAY_MS_MAX,
                                   .jitter_ms = WIRE_FAULT_DELAY_MS_MAX,
                                   .duplicate_ppm = WIRE_PPM_MAX};
    struct wire_fault_rule r = good;
    check_set_faults(f, good, NULL);
    r.peer = 0;
    check_set_faults(f, r, "a fault rule has no peer");
    r = good;
    r.direction = (enum wire_direction)4;
    check_set_faults(f, r, "direction 4 is unknown; there are IN, OUT and BOTH");
    r = good;
    r.drop_ppm++;
    check_set_faults(f, r, "drop_ppm is 1000001; it is at most 1000000");
    r = good;
    r.duplicate_ppm++;
    check_set_faults(f, r, "duplicate_ppm is 1000001; it is at most 1000000");
    r = good;
    r.delay_ms++;
    check_set_faults(f, r, "delay_ms is 60001; it is at most 60000");
    r = good;
    r.jitter_ms++;
    check_set_faults(f, r, "jitter_ms is 60001; it is at most 60000");
    struct wire_set_faults in;
    for (int i = 0; i < 65; i++)
        assert_int_equal(buf_append(&f->buf, bytes_of("\x0a\x02\x08\x02")), 0);
    struct bytes many = bytes_slice(buf_bytes(&f->buf), f->buf.size - 65 * 4, 65 * 4);
    assert_int_equal(wire_decode_set_faults(many, &f->arena, &in, &f->error), ERR_INVALID);
    assert_string_equal(f->error.text, "there are 65 fault rules; there can be 64");
    many.size -= 4;
    assert_int_equal(wire_decode_set_faults(many, &f->arena, &in, &f->error), 0);
    assert_int_equal(in.rules_count, 64);
    assert_int_equal(in.rules[63].direction, WIRE_BOTH); /* When nothing is said. */
}

static void test_faults(void **state)
{
    struct fixture *f = *state;
    struct wire_set_faults s = {
        .replace = true,
        .rules_count = 2,
        .rules = {{.peer = 2, .direction = WIRE_BOTH, .drop_ppm = 300000},
                  {3, WIRE_OUT, 0, 50, 20, 10000}},
    };
    struct wire_set_faults in;
    assert_int_equal(wire_encode_set_faults(&s, &f->buf), 0);
    assert_golden(buf_bytes(&f->buf), "0a080802100318e0a7120a0b080310022032281430904e1001");
    assert_int_equal(wire_decode_set_faults(buf_bytes(&f->buf), &f->arena, &in, &f->error), 0);
    assert_true(in.replace);
    assert_int_equal(in.rules_count, 2);
    assert_memory_equal(in.rules, s.rules, 2 * sizeof(s.rules[0]));

    struct wire_faults g = {
        .enabled = true, .rules_count = 1, .dropped = 1, .delayed = 2, .duplicated = 3};
    struct wire_faults in_g;
    g.rules[0] = s.rules[1];
    buf_clear(&f->buf);
    assert_int_equal(wire_encode_faults(&g, &f->buf), 0);
    assert_golden(buf_bytes(&f->buf), "0801120b080310022032281430904e180120022803");
    assert_int_equal(wire_decode_faults(buf_bytes(&f->buf), &f->arena, &in_g, &f->error), 0);
    assert_true(in_g.enabled);
    assert_int_equal(in_g.rules_count, 1);
    assert_memory_equal(in_g.rules, g.rules, sizeof(g.rules[0]));
    assert_int_equal(in_g.dropped, 1);
    assert_int_equal(in_g.delayed, 2);
    assert_int_equal(in_g.duplicated, 3);
}

static void test_log_request(void **state)
{
    struct fixture *f = *state;
    struct wire_log_request r = {.from = 5, .to = 300, .limit = 7};
    struct wire_log_request in;
    assert_int_equal(wire_encode_log_request(&r, &f->buf), 0);
    assert_golden(buf_bytes(&f->buf), "080510ac021807");
    assert_int_equal(wire_decode_log_request(buf_bytes(&f->buf), &f->arena, &in, &f->error), 0);
    assert_int_equal(in.from, 5);
    assert_int_equal(in.to, 300);
    assert_int_equal(in.limit, 7);
    assert_int_equal(wire_decode_log_request(bytes_of(""), &f->arena, &in, &f->error), 0);
    assert_int_equal(in.from, 0);
    buf_clear(&f->buf);
    r.to = 4;
    assert_int_equal(wire_encode_log_request(&r, &f->buf), 0);
    assert_int_equal(wire_decode_log_request(buf_bytes(&f->buf), &f->arena, &in, &f->error),
                     ERR_INVALID);
    assert_string_equal(f->error.text, "to is 4; it is at least from, 5, or 0");
}

static void test_log(void **state)
{
    struct fixture *f = *state;
    struct wire_list list = {0};
    struct value *v = sample_batch(2);
    struct wire_log_slot s = {
        .slot = 9,
        .chosen = true,
        .learnt = true,
        .promised = {.round = 3, .node = 2, .boot = 5},
        .accepted = {.round = 2, .node = 1, .boot = 4},
        .value_kind = VALUE_BATCH,
        .tag = v->tag,
        .value_size = v->size,
        .voters = {1, 3},
        .voters_count = 2,
    };
    assert_int_equal(wire_log_commands(value_bytes(v), &f->arena, &s.commands, &s.commands_count),
                     0);
    assert_int_equal(s.commands_count, 2);
    assert_int_equal(wire_log_add(&list, &s), 0);
    struct wire_log_slot untouched = {.slot = 10};
    assert_int_equal(wire_log_add(&list, &untouched), 0);
    assert_int_equal(wire_log_end(&list, 11, 12, 13), 0);
    assert_golden(buf_bytes(&list.buf),
                  "0a5c08091001180122060803100218052a060802100118043003380240054807505c5a1a08011203"
                  "6b65791804220461000aff2a06636c69656e7430ac025a1a080112036b65791804220461000aff2a"
                  "06636c69656e7430ac02620201030a02080a100b180c200d");

    struct wire_log l;
    struct wire_log_slot in;
    struct command put = sample_put();
    assert_int_equal(wire_log_begin(buf_bytes(&list.buf), &l, &f->error), 0);
    assert_int_equal(l.next, 11);
    assert_int_equal(l.applied, 12);
    assert_int_equal(l.chosen_to, 13);
    assert_int_equal(wire_log_next(&l, &f->arena, &in, &f->error), 0);
    assert_int_equal(in.slot, 9);
    assert_true(in.chosen && in.learnt);
    assert_int_equal(ballot_cmp(in.promised, s.promised), 0);
    assert_int_equal(ballot_cmp(in.accepted, s.accepted), 0);
    assert_int_equal(in.value_kind, VALUE_BATCH);
    assert_true(tag_equal(in.tag, v->tag));
    assert_int_equal(in.value_size, v->size);
    assert_int_equal(in.voters_count, 2);
    assert_int_equal(in.voters[1], 3);
    assert_int_equal(in.commands_count, 2);
    assert_int_equal(in.commands[1].kind, COMMAND_PUT);
    assert_bytes(in.commands[1].key, put.key);
    assert_bytes(in.commands[1].value, put.value);
    assert_int_equal(in.commands[1].value_size, put.value.size);
    assert_bytes(in.commands[1].client_id, put.client_id);
    assert_int_equal(in.commands[1].op_id, put.op_id);
    assert_int_equal(wire_log_next(&l, &f->arena, &in, &f->error), 0);
    assert_int_equal(in.slot, 10);
    assert_true(ballot_is_none(in.promised));
    assert_int_equal(in.commands_count, 0);
    assert_int_equal(wire_log_next(&l, &f->arena, &in, &f->error), ERR_NOT_FOUND);
    value_unref(v);
    wire_list_fini(&list);
}

static void test_log_of_a_full_batch(void **state)
{
    struct fixture *f = *state;
    struct wire_list list = {0};
    struct buf batch = {0};
    struct command c = {.kind = COMMAND_DELETE, .key = bytes_of("k")};
    while (batch.size < 65536)
        assert_int_equal(command_encode(&c, &batch), 0);
    struct wire_log_slot s = {.slot = 9, .value_kind = VALUE_BATCH};
    assert_int_equal(
        wire_log_commands(buf_bytes(&batch), &f->arena, &s.commands, &s.commands_count), 0);
    assert_true(s.commands_count > 7000);
    assert_int_equal(wire_log_add(&list, &s), 0);
    assert_int_equal(wire_log_end(&list, 0, 0, 0), 0);
    struct wire_log l;
    struct wire_log_slot in;
    size_t count = s.commands_count;
    assert_int_equal(wire_log_begin(buf_bytes(&list.buf), &l, &f->error), 0);
    assert_int_equal(wire_log_next(&l, &f->arena, &in, &f->error), 0);
    assert_int_equal(in.commands_count, count);
    assert_int_equal(wire_log_commands(bytes_of("no batch"), &f->arena, &s.commands, &count),
                     ERR_INVALID);
    buf_fini(&batch);
    wire_list_fini(&list);
}

/* Each allocation on the way of a log there and back fails once. */
static void test_log_without_memory(void **state)
{
    struct fixture *f = *state;
    struct value *v = sample_batch(100);
    for (long failures = 0;; failures++) {
        struct wire_list list = {0};
        struct wire_log l;
        struct wire_log_slot s = {.slot = 9, .value_kind = VALUE_BATCH};
        struct wire_arena arena;
        wire_arena_init(&arena);
        mem_fail_after(failures);
        int err = wire_log_commands(value_bytes(v), &arena, &s.commands, &s.commands_count);
        if (err == 0)
            err = wire_log_add(&list, &s);
        if (err == 0)
            err = wire_log_end(&list, 0, 0, 0);
        if (err == 0)
            err = wire_log_begin(buf_bytes(&list.buf), &l, &f->error);
        if (err == 0)
            err = wire_log_next(&l, &arena, &s, &f->error);
        mem_fail_after(-1);
        wire_arena_fini(&arena);
        wire_list_fini(&list);
        assert_true(err == 0 || err == ERR_NO_MEMORY);
        assert_int_equal(mem_outstanding(), 1); /* v */
        if (err == 0) {
            assert_true(failures > 4);
            break;
        }
    }
    value_unref(v);
}

static void test_health_service(void **state)
{
    struct fixture *f = *state;
    const char *service;
    enum wire_serving serving;
    assert_int_equal(wire_encode_health_request("dkv.v1.KV", &f->buf), 0);
    assert_golden(buf_bytes(&f->buf), "0a09646b762e76312e4b56");
    assert_int_equal(wire_decode_health_request(buf_bytes(&f->buf), &f->arena, &service, &f->error),
                     0);
    assert_string_equal(service, "dkv.v1.KV");
    assert_int_equal(wire_decode_health_request(bytes_of(""), &f->arena, &service, &f->error), 0);
    assert_string_equal(service, "");
    buf_clear(&f->buf);
    assert_int_equal(wire_encode_health_answer(WIRE_NOT_SERVING, &f->buf), 0);
    assert_golden(buf_bytes(&f->buf), "0802");
    assert_int_equal(wire_decode_health_answer(buf_bytes(&f->buf), &f->arena, &serving, &f->error),
                     0);
    assert_int_equal(serving, WIRE_NOT_SERVING);
    assert_int_equal(
        wire_decode_health_answer(bytes_of("\x08\x04"), &f->arena, &serving, &f->error),
        ERR_INVALID);
    assert_string_equal(f->error.text, "serving status 4 is unknown");
    char long_name[300];
    memset(long_name, 'x', sizeof(long_name));
    long_name[256] = '\0';
    buf_clear(&f->buf);
    assert_int_equal(wire_encode_health_request(long_name, &f->buf), 0);
    assert_int_equal(wire_decode_health_request(buf_bytes(&f->buf), &f->arena, &service, &f->error),
                     ERR_INVALID);
    assert_string_equal(f->error.text, "service has 256 bytes; a name has at most 255");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_health),
        FIXTURE_TEST(test_status),
        FIXTURE_TEST(test_metrics),
        FIXTURE_TEST(test_many_metrics),
        FIXTURE_TEST(test_faults_refused),
        FIXTURE_TEST(test_faults),
        FIXTURE_TEST(test_log_request),
        FIXTURE_TEST(test_log),
        FIXTURE_TEST(test_log_of_a_full_batch),
        FIXTURE_TEST(test_log_without_memory),
        FIXTURE_TEST(test_health_service),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
