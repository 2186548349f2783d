/*
 * tree_test.c -- directories come and go as a whole, links are not followed; the ends of files.
 */
#define _GNU_SOURCE
#include "../../unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../temp.h"
#include "cli/scenarios/ports.h"
#include "cli/scenarios/tree.h"

static void write_file(const char *directory, const char *name, const char *content)
{
    char path[512];
    snprintf(path, sizeof(path), "%s/%s", directory, name);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    fputs(content, file);
    fclose(file);
}

static void test_make_and_remove(void **state)
{
    (void)state;
    struct temp temp;
    temp_init(&temp);
    write_file(temp.path, "kept", "x");
    setenv("TMPDIR", temp.path, 1);
    char made[256];
    assert_int_equal(tree_make(made, sizeof(made)), 0);
    struct stat about;
    assert_int_equal(stat(made, &about), 0);
    assert_int_equal(about.st_mode & 0777, 0700);

    char below[512];
    char link_path[512];
    snprintf(below, sizeof(below), "%s/below", made);
    snprintf(link_path, sizeof(link_path), "%s/link", made);
    assert_int_equal(mkdir(below, 0700), 0);
    write_file(below, "file", "y");
    assert_int_equal(symlink(temp.path, link_path), 0);
    assert_int_equal(tree_remove(made), 0);
    assert_int_not_equal(access(made, F_OK), 0);
    snprintf(below, sizeof(below), "%s/kept", temp.path);
    assert_int_equal(access(below, F_OK), 0);
    assert_int_equal(tree_remove(made), ERR_IO); /* It is gone. */

    char small[8];
    assert_int_equal(tree_make(small, sizeof(small)), ERR_IO);
    setenv("TMPDIR", "/nowhere", 1);
    assert_int_equal(tree_make(made, sizeof(made)), ERR_IO);
    unsetenv("TMPDIR");
    temp_fini(&temp);
}

static void expect_tail(const char *path, uint32_t lines, const char *wanted)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    tree_print_tail(path, "| ", lines, out);
    fclose(out);
    assert_string_equal(text, wanted);
    free(text);
}

static void test_tail(void **state)
{
    (void)state;
    struct temp temp;
    temp_init(&temp);
    char path[512];
    snprintf(path, sizeof(path), "%s/log", temp.path);
    expect_tail(path, 2, ""); /* There is none. */
    write_file(temp.path, "log", "");
    expect_tail(path, 2, "");
    write_file(temp.path, "log", "one\ntwo\nthree\n");
    expect_tail(path, 0, "");
    expect_tail(path, 1, "| three\n");
    expect_tail(path, 2, "| two\n| three\n");
    expect_tail(path, 9, "| one\n| two\n| three\n");
    write_file(temp.path, "log", "one\ntwo");
    expect_tail(path, 1, "| two\n");
    temp_fini(&temp);
}

static void test_ports(void **state)
{
    (void)state;
    uint16_t ports[9];
    assert_int_equal(ports_find(9, ports), 0);
    for (size_t i = 0; i < 9; i++) {
        assert_in_range(ports[i], 1024, 32767); /* Not where outgoing connections come from. */
        for (size_t j = 0; j < i; j++)
            assert_int_not_equal(ports[i], ports[j]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_make_and_remove),
        cmocka_unit_test(test_tail),
        cmocka_unit_test(test_ports),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
