/* options_test.c -- the words of a command line, and what was meant by those that are wrong. */
#include "../unit.h"

#include <string.h>

#include "cli/options.h"
#include "cli/suggest.h"
#include "cli/table.h"

static const struct option table[] = {
    {.name = "key", .argument = "KEY", .help = "h"},
    {.name = "value", .argument = "VALUE", .help = "h"},
    {.name = "prev", .help = "h"},
    {.name = "endpoints", .argument = "A", .help = "h"},
    {.name = "addr", .argument = "A", .help = "h", .alias_of = "endpoints"},
    {.name = "output", .argument = "F", .help = "h", .letter = 'o'},
};

static struct options o;
static char message[OPTIONS_MESSAGE_SIZE_MAX];

#define PARSE(...)                            \
    parse((const char *const[]){__VA_ARGS__}, \
          sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *))

/* Words of a real command line are no constants, but are not written to either. */
static int parse(const char *const *words, size_t count)
{
    char *argv[16];
    o = (struct options){0};
    options_add(&o, table, sizeof(table) / sizeof(table[0]));
    for (size_t i = 0; i < count; i++)
        argv[i] = (char *)(uintptr_t)words[i];
    return options_parse(&o, (int)count, argv, message);
}

static void test_forms(void **state)
{
    (void)state;
    assert_int_equal(PARSE("k", "--prev", "v", "-o", "json"), 0);
    assert_true(options_has(&o, "prev"));
    assert_string_equal(options_get(&o, "output"), "json");
    assert_string_equal(options_take(&o, "key"), "k");
    assert_string_equal(options_take(&o, "value"), "v");
    assert_null(options_take(&o, "value"));
    assert_null(options_rest(&o));

    assert_int_equal(PARSE("--key=k=1", "--value", "--prev", "-ojson"), 0);
    assert_string_equal(options_take(&o, "key"), "k=1");
    assert_string_equal(options_take(&o, "value"), "--prev");
    assert_false(options_has(&o, "prev"));
    assert_string_equal(options_get(&o, "output"), "json");

    assert_int_equal(PARSE("--key=", "-", "-5", "--", "--prev"), 0);
    assert_string_equal(options_take(&o, "key"), "");
    assert_int_equal(o.operands_count, 3);
    assert_string_equal(o.operands[0], "-");
    assert_string_equal(o.operands[1], "-5");
    assert_string_equal(o.operands[2], "--prev");
    assert_string_equal(options_rest(&o), "-");

    /* The last one counts, whatever it is called. */
    assert_int_equal(PARSE("--endpoints", "a:1", "--addr", "b:1"), 0);
    assert_string_equal(options_get(&o, "endpoints"), "b:1");
}

static void test_mistakes(void **state)
{
    (void)state;
    assert_int_equal(PARSE("--vlaue", "x"), ERR_INVALID);
    assert_string_equal(message, "unknown flag --vlaue: did you mean --value?");
    assert_int_equal(PARSE("--frobnicate=1"), ERR_INVALID);
    assert_string_equal(message, "unknown flag --frobnicate");
    assert_int_equal(PARSE("--key"), ERR_INVALID);
    assert_string_equal(message, "--key needs a value: --key KEY");
    assert_int_equal(PARSE("--prev=yes"), ERR_INVALID);
    assert_string_equal(message, "--prev takes no value");
    assert_int_equal(PARSE("-x"), ERR_INVALID);
    assert_non_null(strstr(message, "unknown flag -x"));
    assert_int_equal(PARSE("1", "2", "3", "4", "5", "6", "7", "8"), 0);
    assert_int_equal(PARSE("1", "2", "3", "4", "5", "6", "7", "8", "ninth"), ERR_INVALID);
    assert_non_null(strstr(message, "ninth"));
}

static void test_width(void **state)
{
    (void)state;
    assert_int_equal(PARSE("x"), 0);
    assert_int_equal(options_width(&o, "put"), 0);
    assert_int_equal(options_width(&o, "--addr"), 2);
    assert_int_equal(options_width(&o, "--addr=a:1"), 1);
    assert_int_equal(options_width(&o, "--prev"), 1);
    assert_int_equal(options_width(&o, "-o"), 2);
    assert_int_equal(options_width(&o, "-ojson"), 1);
    assert_int_equal(options_width(&o, "--unknown"), 1);
}

static void test_distances(void **state)
{
    (void)state;
    assert_int_equal(suggest_distance("", ""), 0);
    assert_int_equal(suggest_distance("put", "put"), 0);
    assert_int_equal(suggest_distance("", "put"), 3);
    assert_int_equal(suggest_distance("pt", "put"), 1);
    assert_int_equal(suggest_distance("puut", "put"), 1);
    assert_int_equal(suggest_distance("pat", "put"), 1);
    assert_int_equal(suggest_distance("upt", "put"), 1);
    assert_int_equal(suggest_distance("kitten", "sitting"), 3);
}

static void test_suggestions(void **state)
{
    (void)state;
    static const char *const words[] = {"put", "get", "delete", "drop-rules", "metrics", NULL};
    static const struct {
        const char *written;
        const char *meant;
    } cases[] = {
        {"gte", "get"},
        {"pit", "put"},
        {"delte", "delete"},
        {"droprules", "drop-rules"},
        {"met", "get"},
        {"metr", "metrics"},
        {"xyz", NULL},
        {"", NULL},
        {"d", NULL}, /* Two begin so. */
        {"an-extremely-long-word-that-means-nothing", NULL},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *meant = suggest_word(cases[i].written, words);
        if (cases[i].meant == NULL)
            assert_null(meant);
        else
            assert_string_equal(meant, cases[i].meant);
    }
}

/* Every command can be asked for help, and its own flags clash with none. */
static void test_every_command(void **state)
{
    (void)state;
    size_t count = 0;
    for (const struct command_entry *const *c = command_table; *c != NULL; c++, count++) {
        struct options all = {0};
        command_add_options(*c, &all);
        assert_ptr_equal(command_find((*c)->name), *c);
        assert_non_null((*c)->run);
        assert_non_null(strstr((*c)->examples, (*c)->name));
        assert_int_equal(strncmp((*c)->usage, (*c)->name, strlen((*c)->name)), 0);
        assert_false(options_has(&all, "help"));
    }
    assert_in_range(count, 14, 64);
    assert_null(command_find("pu"));
    assert_string_equal(command_suggest("pu"), "put");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms),       cmocka_unit_test(test_mistakes),
        cmocka_unit_test(test_width),       cmocka_unit_test(test_distances),
        cmocka_unit_test(test_suggestions), cmocka_unit_test(test_every_command),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
