/* report_test.c -- the fields of -o json, their order and their values. */
#define _GNU_SOURCE
#include "../../unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/bench/report.h"

#define MS UINT64_C(1000000)

static struct generator_result result;
static struct endpoints endpoints;
static struct cpu_pids servers;
static struct generator_options options;

/* 1,000 puts of 1 to 1,000 ms in 2 s, at two homes of three. */
static int setup(void **state)
{
    (void)state;
    assert_int_equal(endpoints_parse("a:1,b:2,c:3", &endpoints, NULL), 0);
    servers.count = 1;
    options = (struct generator_options){
        .kind = &target_dkv,
        .target = {.endpoints = &endpoints, .timeout_ms = 10000},
        .pin = -1,
        .clients = 2,
        .pipeline = 1,
        .puts = 1,
        .keys = 10000,
        .key_size = 16,
        .value_size = 128,
        .servers = &servers,
    };
    memset(&result, 0, sizeof(result));
    assert_int_equal(tally_init(&result.tally, 2000 * MS, 4000 * MS, 3), 0);
    for (uint64_t i = 0; i < 1000; i++)
        tally_add(&result.tally, &(struct tally_op){
                                     .home = i % 2 == 0 ? 0 : 1,
                                     .began_ns = 2000 * MS + i * MS / 2,
                                     .ended_ns = 2001 * MS + i * MS + i * MS / 2,
                                 });
    tally_finish(&result.tally);
    result.home_clients[0] = 1;
    result.home_clients[1] = 1;
    result.server_cpu_ns = 25 * MS;
    result.client_cpu_ns = 5 * MS;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    tally_fini(&result.tally);
    return 0;
}

static double number(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    assert_true(json_is_number(value));
    return json_number_value(value);
}

static void assert_near(double value, double wanted)
{
    assert_true(value >= wanted * 0.999 && value <= wanted * 1.03);
}

static void test_fields_in_order(void **state)
{
    (void)state;
    static const char *const first[] = {
        "target", "mode",   "clients", "seconds", "ops",    "errors", "ops_per_s",
        "p50_ms", "p95_ms", "p99_ms",  "p999_ms", "max_ms", "gap_ms", "server_cpu_us_per_op",
    };
    json_t *object = report_json(&options, &result);
    assert_non_null(object);
    void *at = json_object_iter(object);
    for (size_t i = 0; i < sizeof(first) / sizeof(first[0]); i++) {
        assert_string_equal(json_object_iter_key(at), first[i]);
        at = json_object_iter_next(object, at);
    }
    json_decref(object);
}

static void test_values(void **state)
{
    (void)state;
    json_t *object = report_json(&options, &result);
    assert_non_null(object);
    assert_string_equal(json_string_value(json_object_get(object, "target")), "dkv");
    assert_string_equal(json_string_value(json_object_get(object, "mode")), "put");
    assert_near(number(object, "seconds"), 2);
    assert_near(number(object, "ops"), 1000);
    assert_near(number(object, "ops_per_s"), 500);
    assert_near(number(object, "p50_ms"), 500);
    assert_near(number(object, "p99_ms"), 990);
    assert_near(number(object, "p9999_ms"), 1000);
    assert_near(number(object, "max_ms"), 1000);
    assert_near(number(object, "server_cpu_us_per_op"), 25);
    assert_near(number(object, "client_cpu_us_per_op"), 5);
    assert_near(number(object, "gap_ms"), 500.5); /* From the last to the end. */
    json_decref(object);
}

static void test_endpoints(void **state)
{
    (void)state;
    json_t *object = report_json(&options, &result);
    const json_t *homes = json_object_get(object, "by_endpoint");
    assert_int_equal(json_array_size(homes), 2);
    const json_t *b = json_array_get(homes, 1);
    assert_string_equal(json_string_value(json_object_get(b, "endpoint")), "b:2");
    assert_near(number(b, "clients"), 1);
    assert_near(number(b, "ops"), 500);
    assert_near(number(b, "max_ms"), 1000);
    assert_near(number(b, "gap_ms"), 500.5);
    assert_near(number(b, "others_gap_ms"), 502);
    json_decref(object);

    /* All at one: there are no others. */
    options.clients = 1;
    options.pin = 0;
    result.home_clients[1] = 0;
    object = report_json(&options, &result);
    homes = json_object_get(object, "by_endpoint");
    assert_int_equal(json_array_size(homes), 1);
    assert_null(json_object_get(json_array_get(homes, 0), "others_gap_ms"));
    json_decref(object);
}

static void test_nobody_to_ask_for_cpu_time(void **state)
{
    (void)state;
    servers.count = 0;
    json_t *object = report_json(&options, &result);
    assert_true(json_is_null(json_object_get(object, "server_cpu_us_per_op")));
    json_decref(object);
}

static void test_no_operation(void **state)
{
    (void)state;
    tally_fini(&result.tally);
    assert_int_equal(tally_init(&result.tally, 0, 2000 * MS, 3), 0);
    tally_finish(&result.tally);
    json_t *object = report_json(&options, &result);
    assert_non_null(object);
    assert_true(json_is_null(json_object_get(object, "server_cpu_us_per_op")));
    assert_near(number(object, "gap_ms"), 2000);
    json_decref(object);
}

static void test_mode(void **state)
{
    (void)state;
    char mode[REPORT_MODE_SIZE_MAX];
    options.puts = 0;
    options.gets = 100;
    report_mode(&options, mode);
    assert_string_equal(mode, "get");
    options.puts = 50;
    options.gets = 50;
    report_mode(&options, mode);
    assert_string_equal(mode, "50/50");
}

static void test_csv(void **state)
{
    (void)state;
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    report_csv(out, &result);
    assert_int_equal(fclose(out), 0);
    unsigned long second = 0;
    unsigned long ops[2];
    const char *line = strchr(text, '\n');
    for (size_t i = 0; i < 2; i++) {
        assert_non_null(line);
        assert_int_equal(sscanf(line + 1, "%lu,%lu,0,", &second, &ops[i]), 2);
        assert_int_equal(second, i + 1);
        line = strchr(line + 1, '\n');
    }
    assert_int_equal(ops[0] + ops[1], 1000);
    assert_string_equal(line, "\n");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_fields_in_order),
        TEST(test_values),
        TEST(test_endpoints),
        TEST(test_nobody_to_ask_for_cpu_time),
        TEST(test_no_operation),
        TEST(test_mode),
        TEST(test_csv),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
