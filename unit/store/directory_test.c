/* directory_test.c -- the directory of a store: a new one, its own, and no other. */
#include "fixture.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void test_a_new_directory(void **state)
{
    (void)state;
    struct acceptor_store *s = fixture_open(fixture_dir);
    uint8_t zero[DISK_ID_SIZE] = {0};
    uint8_t disk_id[DISK_ID_SIZE];
    memcpy(disk_id, acceptor_store_identity(s)->disk_id, DISK_ID_SIZE);
    assert_memory_not_equal(disk_id, zero, DISK_ID_SIZE);
    assert_int_equal(acceptor_store_boot(s), 1);
    assert_false(acceptor_store_admitted(s));
    assert_int_equal(acceptor_store_chosen_to(s), 0);
    acceptor_store_close(s);

    for (uint64_t boot = 2; boot < 5; boot++) {
        s = fixture_open(fixture_dir);
        assert_int_equal(acceptor_store_boot(s), boot);
        assert_memory_equal(acceptor_store_identity(s)->disk_id, disk_id, DISK_ID_SIZE);
        acceptor_store_close(s);
    }

    struct temp other;
    temp_init(&other);
    s = fixture_open(other.path);
    assert_memory_not_equal(acceptor_store_identity(s)->disk_id, disk_id, DISK_ID_SIZE);
    acceptor_store_close(s);
    temp_fini(&other);
}

static void test_directories_are_made(void **state)
{
    (void)state;
    char path[TEMP_PATH_MAX + 16];
    (void)snprintf(path, sizeof(path), "%s/a//b/c/", fixture_dir);
    acceptor_store_close(fixture_open(path));
    struct stat st;
    (void)snprintf(path, sizeof(path), "%s/a/b/c", fixture_dir);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
}

static void assert_refused(const struct identity *identity, const char *part)
{
    struct acceptor_store_options options = fixture_options(fixture_dir);
    struct acceptor_store *s = NULL;
    struct store_error error;
    options.identity = *identity;
    assert_int_equal(acceptor_store_open(&options, &s, &error), ERR_MISMATCH);
    assert_null(s);
    fixture_assert_says(&error, fixture_dir);
    fixture_assert_says(&error, part);
}

static void test_another_identity_is_refused(void **state)
{
    (void)state;
    acceptor_store_close(fixture_open(fixture_dir));

    struct identity identity = fixture_identity;
    identity.id = 2;
    assert_refused(&identity, "belongs to node 1, not to node 2: give --id 1");
    identity = fixture_identity;
    memcpy(identity.cluster, "other", 6);
    assert_refused(&identity, "belongs to cluster \"dkv\", not \"other\": give --cluster dkv");
    identity = fixture_identity;
    identity.members.ids[2] = 4;
    assert_refused(&identity, "another list of members");
    identity = fixture_identity;
    identity.members.count = 2;
    assert_refused(&identity, "another list of members");

    /* Refusing left no trace: not even a boot was used. */
    struct acceptor_store *s = fixture_open(fixture_dir);
    assert_int_equal(acceptor_store_boot(s), 2);
    acceptor_store_close(s);
}

static void test_a_directory_in_use(void **state)
{
    (void)state;
    struct store_error error;
    struct acceptor_store *s = fixture_open(fixture_dir);
    char by[64];
    (void)snprintf(by, sizeof(by), "in use by process %ld", (long)getpid());
    assert_int_equal(fixture_try_open(fixture_dir, &error), ERR_BUSY);
    fixture_assert_says(&error, by);

    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        int err = fixture_try_open(fixture_dir, &error);
        _exit(err == ERR_BUSY && strstr(error.text, by) != NULL ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);

    acceptor_store_close(s);
    assert_int_equal(fixture_try_open(fixture_dir, &error), 0);
}

static void test_paths_that_are_none(void **state)
{
    (void)state;
    struct store_error error;
    char path[600];
    assert_int_equal(fixture_try_open("", &error), ERR_INVALID);
    memset(path, 'x', sizeof(path));
    path[sizeof(path) - 1] = '\0';
    assert_int_equal(fixture_try_open(path, &error), ERR_INVALID);
    (void)snprintf(path, sizeof(path), "%s/file", fixture_dir);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(fixture_try_open(path, &error), ERR_IO);
    fixture_assert_says(&error, "Not a directory");
}

static void test_a_state_without_its_acceptor(void **state)
{
    (void)state;
    struct store_error error;
    struct acceptor_store *s = fixture_open(fixture_dir);
    struct state_store *t = fixture_open_state(s);
    state_store_close(t);
    acceptor_store_close(s);
    char path[TEMP_PATH_MAX + 32];
    (void)snprintf(path, sizeof(path), "%s/acceptor/data.mdb", fixture_dir);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(fixture_try_open(fixture_dir, &error), ERR_MISMATCH);
    fixture_assert_says(&error, "promises and votes are lost");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_a_new_directory),
        FIXTURE_TEST(test_directories_are_made),
        FIXTURE_TEST(test_another_identity_is_refused),
        FIXTURE_TEST(test_a_directory_in_use),
        FIXTURE_TEST(test_paths_that_are_none),
        FIXTURE_TEST(test_a_state_without_its_acceptor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
