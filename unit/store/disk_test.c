/* disk_test.c -- promises and votes on a disk that forgets, or that is full. */
#define _GNU_SOURCE
#include "fixture.h"

#include <stdio.h>
#include <sys/mount.h>

static int teardown(void **state)
{
    (void)umount2(fixture_dir, MNT_DETACH); /* Of test_a_full_disk, when it failed. */
    return fixture_teardown(state);
}

/* ---- A bad disk ------------------------------------------------------------------------- */

static int load_code(struct store_error *error)
{
    struct acceptor_store *s = fixture_open(fixture_dir);
    struct fixture_seen seen = {.fail_after = -1};
    int err = acceptor_store_load(s, 0, fixture_see, &seen, error);
    acceptor_store_close(s);
    return err;
}

static void test_a_flipped_bit_in_a_vote(void **state)
{
    (void)state;
    struct store_error error;
    struct acceptor_store *s = fixture_open(fixture_dir);
    fixture_fill(s, 20, 40);
    acceptor_store_close(s);
    assert_int_equal(load_code(&error), 0);

    /* The tag of the value in slot 13: node 1, boot 1, sequence 13. */
    static const uint8_t tag[] = {0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 13};
    struct bytes pattern = {.data = tag, .size = sizeof(tag)};
    assert_true(fixture_flip(fixture_dir, "acceptor", pattern, 19) > 0);
    assert_int_equal(load_code(&error), ERR_CORRUPT);
    fixture_assert_says(&error, "the record votes/13 is corrupt");

    s = fixture_open(fixture_dir);
    struct fixture_chosen c = {.next = 1, .fail_after = -1};
    struct acceptor_store_slot slot;
    assert_int_equal(acceptor_store_read_chosen(s, 13, 20, 9999, fixture_see_chosen, &c, &error),
                     ERR_CORRUPT);
    fixture_assert_says(&error, "the record votes/13 is corrupt");
    assert_int_equal(acceptor_store_read_slot(s, 13, &slot, &error), ERR_CORRUPT);
    acceptor_store_close(s);
}

static void test_a_flipped_bit_in_meta(void **state)
{
    (void)state;
    struct store_error error;
    acceptor_store_close(fixture_open(fixture_dir));
    assert_true(fixture_flip(fixture_dir, "acceptor", bytes_of("dkv"), 1) > 0);
    assert_int_equal(fixture_try_open(fixture_dir, &error), ERR_CORRUPT);
    fixture_assert_says(&error, "the record meta/identity is corrupt");
}

static void test_a_flipped_bit_in_a_key(void **state)
{
    (void)state;
    struct store_error error;
    acceptor_store_close(fixture_open(fixture_dir));
    assert_true(fixture_flip(fixture_dir, "acceptor", bytes_of("boot"), 0) > 0); /* "foot" */
    assert_int_equal(fixture_try_open(fixture_dir, &error), ERR_CORRUPT);
    fixture_assert_says(&error, "the record meta/\"foot\" is corrupt");
}

static void test_a_truncated_file(void **state)
{
    (void)state;
    struct store_error error;
    struct acceptor_store *s = fixture_open(fixture_dir);
    fixture_fill(s, 50, 5000);
    struct store_usage usage;
    acceptor_store_get_usage(s, &usage);
    acceptor_store_close(s);

    /* Exactly what its pages need is enough; a byte less is not. */
    fixture_truncate(fixture_dir, "acceptor", (long)usage.used_bytes);
    assert_int_equal(load_code(&error), 0);
    const long sizes[] = {
        (long)usage.used_bytes - 1, (long)usage.used_bytes / 2, 8192, 8191, 5000, 4096, 100, 1};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        fixture_truncate(fixture_dir, "acceptor", sizes[i]);
        assert_int_equal(fixture_try_open(fixture_dir, &error), ERR_CORRUPT);
        fixture_assert_says(&error, "truncated");
        fixture_assert_says(&error, fixture_dir);
    }
}

static void test_no_data_file_at_all(void **state)
{
    (void)state;
    struct store_error error;
    acceptor_store_close(fixture_open(fixture_dir));
    char path[TEMP_PATH_MAX + 32];
    (void)snprintf(path, sizeof(path), "%s/acceptor/data.mdb", fixture_dir);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    for (int i = 0; i < 3000; i++)
        assert_true(fputs("this is not a database\n", f) >= 0);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(fixture_try_open(fixture_dir, &error), ERR_CORRUPT);
}

/* ---- A full disk ------------------------------------------------------------------------ */

/* Commit values of 100,000 bytes until it fails; then the store must refuse for ever. */
static uint64_t commit_until_full(struct acceptor_store *s, uint64_t from)
{
    struct store_error error;
    for (uint64_t slot = from; slot < from + 1000; slot++) {
        struct durable records[] = {fixture_vote(slot, fixture_batch(slot, 100000)),
                                    fixture_chosen_to(slot)};
        int err = fixture_commit(s, records, 2, &error);
        if (err == 0)
            continue;
        assert_int_equal(err, ERR_FULL);
        fixture_assert_says(&error, "the disk or the map is full");
        fixture_assert_says(&error, "--map-size");
        fixture_assert_says(&error, fixture_dir);
        struct durable small[] = {fixture_vote(slot, NULL)};
        assert_int_equal(fixture_commit(s, small, 1, &error), ERR_IO);
        fixture_assert_says(&error, "an earlier write failed");
        assert_int_equal(acceptor_store_chosen_to(s), slot - 1);
        return slot; /* It was committed; it could not be merged. */
    }
    fail_msg("it never got full");
    return 0;
}

static void test_a_full_map(void **state)
{
    (void)state;
    struct store_error error;
    struct acceptor_store_options options = fixture_options(fixture_dir);
    struct acceptor_store *s;
    options.map_size_bytes = 1 << 20;
    assert_int_equal(acceptor_store_open(&options, &s, &error), 0);
    uint64_t last = commit_until_full(s, 1);
    assert_true(last > 3);
    acceptor_store_close(s);

    s = fixture_open(fixture_dir); /* With a larger map. */
    assert_int_equal(acceptor_store_chosen_to(s), last);
    struct durable records[] = {fixture_vote(last + 1, fixture_batch(last + 1, 100000))};
    assert_int_equal(fixture_commit(s, records, 1, &error), 0);
    acceptor_store_close(s);
}

static void test_a_full_disk(void **state)
{
    (void)state;
    if (mount("tmpfs", fixture_dir, "tmpfs", 0, "size=10m") != 0)
        skip(); /* Needs a right that not everybody has. */
    struct store_error error;
    struct acceptor_store *s = fixture_open(fixture_dir);
    uint64_t last = commit_until_full(s, 1);
    assert_true(last > 3);
    acceptor_store_close(s);

    assert_int_equal(mount("tmpfs", fixture_dir, "tmpfs", MS_REMOUNT, "size=14m"), 0);
    s = fixture_open(fixture_dir);
    assert_int_equal(acceptor_store_chosen_to(s), last);
    struct durable records[] = {fixture_vote(last + 1, fixture_batch(last + 1, 100000))};
    assert_int_equal(fixture_commit(s, records, 1, &error), 0);
    acceptor_store_close(s);
    assert_int_equal(umount(fixture_dir), 0);
}

#define DISK_TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        DISK_TEST(test_a_flipped_bit_in_a_vote),
        DISK_TEST(test_a_flipped_bit_in_meta),
        DISK_TEST(test_a_flipped_bit_in_a_key),
        DISK_TEST(test_a_truncated_file),
        DISK_TEST(test_no_data_file_at_all),
        DISK_TEST(test_a_full_map),
        DISK_TEST(test_a_full_disk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
