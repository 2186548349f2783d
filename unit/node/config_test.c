/* config_test.c -- where settings come from, and a clear line for each that cannot be. */
#define _GNU_SOURCE
#include "../unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "node/config.h"

#define WORDS_MAX 32
#define BASE "--id", "1", "--addr", ":5001"
#define PEERS "--peers", "2=localhost:5002,3=localhost:5003"

/* The environment of a test: NAME, value, NAME, value, NULL. */
static const char *const *environment;

static const char *lookup(const char *name)
{
    for (const char *const *e = environment; e != NULL && *e != NULL; e += 2)
        if (strcmp(*e, name) == 0)
            return e[1];
    return NULL;
}

static int load(struct config *c, char *message, const char *const *words)
{
    const char *argv[WORDS_MAX] = {"dkv-node"};
    int argc = 1;
    for (; *words != NULL; words++)
        argv[argc++] = *words;
    message[0] = '\0';
    return config_load(argc, (char *const *)(uintptr_t)argv, lookup, c, message);
}

#define LOAD(c, message, ...) load(c, message, (const char *const[]){__VA_ARGS__, NULL})

static void test_three_nodes(void **state)
{
    (void)state;
    struct config c;
    char message[SETTINGS_MESSAGE_SIZE_MAX];
    assert_int_equal(LOAD(&c, message, "--id", "2", "--addr", ":5002", "--peers",
                          "3=localhost:5003, 1=:5001", "--log-format=json", "--insecure=false",
                          "--map-size", "1G"),
                     0);
    assert_int_equal(c.action, CONFIG_RUN);
    assert_int_equal(c.id, 2);
    assert_int_equal(c.members.count, 3);
    assert_int_equal(c.members.ids[0], 1);
    assert_int_equal(c.members.ids[2], 3);
    assert_string_equal(c.addresses[0], "127.0.0.1:5001");
    assert_string_equal(c.addresses[1], "127.0.0.1:5002");
    assert_string_equal(c.addresses[2], "localhost:5003");
    assert_string_equal(c.data_dir, "data/node-2");
    assert_string_equal(c.cluster, "dkv");
    assert_string_equal(c.warning, "");
    assert_int_equal(c.log_format, LOG_FORMAT_JSON);
    assert_true(c.map_size == 1 << 30);
    assert_int_equal(c.queue_ops, 16384);
    assert_false(c.mode_given);
    assert_int_equal(c.mode, MODE_COORDINATED);
    assert_false(c.faults_enabled);
}

static void test_modes(void **state)
{
    (void)state;
    struct config c;
    char message[SETTINGS_MESSAGE_SIZE_MAX];
    assert_int_equal(LOAD(&c, message, BASE, "--mode", "coordinated"), 0);
    assert_true(c.mode_given);
    assert_int_equal(c.mode, MODE_COORDINATED);
    assert_int_equal(LOAD(&c, message, BASE, "--mode", "classic"), 0);
    assert_true(c.mode_given);
    assert_int_equal(c.mode, MODE_CLASSIC);
}

static void test_other_actions(void **state)
{
    (void)state;
    struct config c;
    char message[SETTINGS_MESSAGE_SIZE_MAX];
    assert_int_equal(LOAD(&c, message, "--help"), 0);
    assert_int_equal(c.action, CONFIG_HELP);
    assert_int_equal(LOAD(&c, message, "--version"), 0);
    assert_int_equal(c.action, CONFIG_VERSION);
    assert_int_equal(LOAD(&c, message, "--verify", "/tmp/x"), 0);
    assert_int_equal(c.action, CONFIG_VERIFY);
    assert_string_equal(c.data_dir, "/tmp/x");
}

static void test_even_number_warns(void **state)
{
    (void)state;
    struct config c;
    char message[SETTINGS_MESSAGE_SIZE_MAX];
    assert_int_equal(LOAD(&c, message, BASE, "--peers", "2=:5002"), 0);
    assert_non_null(strstr(c.warning, "odd"));
    assert_int_equal(LOAD(&c, message, BASE), 0);
    assert_string_equal(c.warning, "");
}

static void test_who_may_reach_it(void **state)
{
    (void)state;
    struct config c;
    char message[SETTINGS_MESSAGE_SIZE_MAX];
    assert_int_equal(LOAD(&c, message, BASE, "--listen-any", "--insecure"), 0);
    assert_string_equal(c.addresses[0], "0.0.0.0:5001");
    assert_int_equal(LOAD(&c, message, "--id", "1", "--addr", "10.0.0.1:1", "--insecure"), 0);
    assert_string_equal(c.addresses[0], "10.0.0.1:1");
}

/* Each refusal, and a word of its line that tells what to do. */
static void test_bad_input(void **state)
{
    (void)state;
    static const struct {
        const char *words[WORDS_MAX];
        const char *says;
    } cases[] = {
        {{BASE, "--no-such-flag"}, "unknown flag \"--no-such-flag\": see --help"},
        {{BASE, "word"}, "unexpected argument \"word\""},
        {{BASE, "--id", "2"}, "--id is given twice"},
        {{BASE, "--peers"}, "--peers needs a value"},
        {{BASE, "--insecure=perhaps"}, "--insecure is a switch"},
        {{"--addr", ":5001"}, "--id is missing: give this node its number"},
        {{"--id", "0", "--addr", ":5001"}, "--id is \"0\": ids are numbers from 1 on"},
        {{"--id", "x", "--addr", ":5001"}, "--id is \"x\": ids are numbers from 1 on"},
        {{"--id", "4294967296", "--addr", ":5001"}, "ids are numbers from 1 on"},
        {{"--id", "1"}, "--addr is missing"},
        {{"--id", "1", "--addr", "localhost"}, "--addr is \"localhost\": give HOST:PORT"},
        {{"--id", "1", "--addr", ":0"}, "a port from 1 to 65535"},
        {{"--id", "1", "--addr", "0.0.0.0:5001"}, "add --insecure"},
        {{BASE, "--listen-any"}, "add --insecure"},
        {{BASE, "--peers", "1=localhost:5002"}, "this node's own id 1"},
        {{BASE, "--peers", "2=:5002,2=:5003"}, "has node 2 twice"},
        {{BASE, "--peers", "2=:5002,3=:5002"}, "127.0.0.1:5002 twice, for nodes 2 and 3"},
        {{BASE, "--peers", "2=localhost:5001"}, "localhost:5001 twice, for nodes 1 and 2"},
        {{BASE, "--peers", "2=localhost"}, "has \"2=localhost\": write the address as HOST:PORT"},
        {{BASE, "--peers", "localhost:5002"}, "write each peer as ID=HOST:PORT"},
        {{BASE, "--peers", "0=localhost:5002"}, "write each peer as ID=HOST:PORT"},
        {{BASE, "--peers", "2=:5002,"}, "has \"\": write each peer"},
        {{BASE, "--peers", "2=:2,3=:3,4=:4,5=:5,6=:6,7=:7,8=:8,9=:9,10=:10"},
         "makes more than 9 members"},
        {{BASE, "--cluster", ""}, "--cluster is \"\""},
        {{BASE, "--cluster", "two words"}, "--cluster is \"two words\""},
        {{BASE, "--mode", "other"}, "--mode is \"other\": classic or coordinated"},
        {{BASE, "--data-dir", ""}, "--data-dir is to be a path"},
        {{BASE, "--log-format", "xml"}, "--log-format is \"xml\": text or json"},
        {{BASE, "--log-level", "loud"}, "--log-level is \"loud\""},
        {{BASE, "--map-size", "lots"}, "--map-size is \"lots\": give a size"},
        {{BASE, "--map-size", "1M"}, "at least 16M"},
        {{BASE, "--pipeline", "0"}, "--pipeline is \"0\": give a number from 1 to 1024"},
        {{BASE, "--config", "/no/such/file"}, "--config /no/such/file:"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct config c;
        char message[SETTINGS_MESSAGE_SIZE_MAX];
        assert_int_equal(load(&c, message, cases[i].words), ERR_INVALID);
        if (strstr(message, cases[i].says) == NULL)
            fail_msg("\"%s\" does not say \"%s\"", message, cases[i].says);
        assert_null(strchr(message, '\n'));
    }
}

static void test_environment(void **state)
{
    (void)state;
    struct config c;
    char message[SETTINGS_MESSAGE_SIZE_MAX];
    environment = (const char *const[]){
        "DKV_ID", "3",         "DKV_ADDR", ":5003",      "DKV_DATA_DIR", "/env", "DKV_LISTEN_ANY",
        "no",     "DKV_PEERS", "",         "DKV_VERIFY", "/ignored",     NULL};
    assert_int_equal(LOAD(&c, message, "--data-dir", "/flag"), 0);
    assert_int_equal(c.action, CONFIG_RUN);
    assert_int_equal(c.id, 3);
    assert_string_equal(c.data_dir, "/flag");

    environment = (const char *const[]){"DKV_ID", "none", "DKV_ADDR", ":5003", NULL};
    assert_int_equal(LOAD(&c, message, "--data-dir", "/flag"), ERR_INVALID);
    assert_string_equal(message, "DKV_ID is \"none\": ids are numbers from 1 on");

    environment = (const char *const[]){"DKV_INSECURE", "maybe", NULL};
    assert_int_equal(LOAD(&c, message, BASE), ERR_INVALID);
    assert_string_equal(message, "DKV_INSECURE is \"maybe\": set it to true or false");
    environment = NULL;
}

static void write_file(char path[32], const char *content)
{
    snprintf(path, 32, "/tmp/dkv-config-XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, content, strlen(content)), (ssize_t)strlen(content));
    close(fd);
}

static void test_file(void **state)
{
    (void)state;
    struct config c;
    char message[SETTINGS_MESSAGE_SIZE_MAX];
    char path[32];
    write_file(path, "{\"id\": 2, \"addr\": \":5002\", \"insecure\": true, \"cluster\": \"file\","
                     " \"peers\": \"1=:5001\", \"queue-ops\": 5}");
    environment = (const char *const[]){"DKV_CLUSTER", "env", "DKV_QUEUE_OPS", "6", NULL};
    assert_int_equal(LOAD(&c, message, "--config", path, "--queue-ops", "7"), 0);
    environment = NULL;
    assert_int_equal(c.id, 2);
    assert_string_equal(c.cluster, "env");
    assert_int_equal(c.queue_ops, 7);
    unlink(path);
}

static void test_bad_files(void **state)
{
    (void)state;
    static const struct {
        const char *content;
        const char *says;
    } cases[] = {
        {"{\"id\": ", "(line 1)"},
        {"[1]", "one JSON object"},
        {"{\"id\": 1, \"id\": 2}", "duplicate"},
        {"{\"identity\": 1}", "unknown setting \"identity\""},
        {"{\"help\": true}", "unknown setting \"help\""},
        {"{\"id\": 1.5}", "\"id\" is to be a text or a number"},
        {"{\"insecure\": \"yes\"}", "\"insecure\" is to be true or false"},
        {"{\"id\": 0, \"addr\": \":5001\"}", "id in /tmp/"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct config c;
        char message[SETTINGS_MESSAGE_SIZE_MAX];
        char path[32];
        write_file(path, cases[i].content);
        assert_int_equal(LOAD(&c, message, "--config", path), ERR_INVALID);
        if (strstr(message, cases[i].says) == NULL)
            fail_msg("\"%s\" does not say \"%s\"", message, cases[i].says);
        unlink(path);
    }
}

static void test_no_memory(void **state)
{
    (void)state;
    struct config c;
    char message[SETTINGS_MESSAGE_SIZE_MAX];
    int err = ERR_NO_MEMORY;
    long n = 0;
    for (; err == ERR_NO_MEMORY; n++) {
        mem_fail_after(n);
        err = LOAD(&c, message, BASE, PEERS, "--insecure");
    }
    mem_fail_after(-1);
    assert_int_equal(err, 0);
    assert_int_equal(n, 5); /* Four texts, and the run without a failure. */
    assert_int_equal(mem_outstanding(), 0);
}

static void test_help_names_every_flag(void **state)
{
    (void)state;
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    config_print_help(out);
    fclose(out);
    assert_non_null(strstr(text, "--enable-fault-injection"));
    assert_non_null(strstr(text, "--peers"));
    for (const char *line = text; line != NULL && *line != '\0'; line = strchr(line, '\n') + 1)
        assert_true(strcspn(line, "\n") <= 100);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_three_nodes),
        cmocka_unit_test(test_modes),
        cmocka_unit_test(test_other_actions),
        cmocka_unit_test(test_even_number_warns),
        cmocka_unit_test(test_who_may_reach_it),
        cmocka_unit_test(test_bad_input),
        cmocka_unit_test(test_environment),
        cmocka_unit_test(test_file),
        cmocka_unit_test(test_bad_files),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_help_names_every_flag),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
