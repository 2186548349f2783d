/* acceptor_store_test.c -- promises and votes on a disk, on good days and on bad ones. */
#define _GNU_SOURCE
#include "fixture.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"

static struct temp temp;

static int setup(void **state)
{
    (void)state;
    temp_init(&temp);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    (void)umount2(temp.path, MNT_DETACH); /* Of test_a_full_disk, when it failed. */
    temp_fini(&temp);
    assert_int_equal(mem_outstanding(), 0);
    return 0;
}

/* ---- Good days -------------------------------------------------------------------------- */

static void test_a_new_directory(void **state)
{
    (void)state;
    struct acceptor_store *s = fixture_open(temp.path);
    uint8_t zero[DISK_ID_SIZE] = {0};
    uint8_t disk_id[DISK_ID_SIZE];
    memcpy(disk_id, acceptor_store_identity(s)->disk_id, DISK_ID_SIZE);
    assert_memory_not_equal(disk_id, zero, DISK_ID_SIZE);
    assert_int_equal(acceptor_store_boot(s), 1);
    assert_false(acceptor_store_admitted(s));
    assert_int_equal(acceptor_store_chosen_to(s), 0);
    acceptor_store_close(s);

    for (uint64_t boot = 2; boot < 5; boot++) {
        s = fixture_open(temp.path);
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
    (void)snprintf(path, sizeof(path), "%s/a//b/c/", temp.path);
    acceptor_store_close(fixture_open(path));
    struct stat st;
    (void)snprintf(path, sizeof(path), "%s/a/b/c", temp.path);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
}

struct seen {
    int votes;
    int learnt;
    int peers;
    int admitted;
    uint64_t chosen_to;
    uint64_t slot_min;
    uint64_t slot_last;
    int fail_after; /* -1: never. */
};

static int see(void *context, const struct durable *d)
{
    struct seen *seen = context;
    if (seen->fail_after >= 0 && seen->fail_after-- == 0)
        return ERR_CORRUPT;
    switch (d->kind) {
    case DURABLE_VOTE:
        assert_true(seen->votes == 0 || d->slot > seen->slot_last);
        seen->slot_last = d->slot;
        seen->slot_min = seen->votes++ == 0 ? d->slot : seen->slot_min;
        return 0;
    case DURABLE_LEARNT:
        seen->learnt++;
        assert_int_equal(d->value->tag.sequence, 500 + d->slot);
        return 0;
    case DURABLE_CHOSEN_TO:
        seen->chosen_to = d->slot;
        return 0;
    case DURABLE_PEER:
        seen->peers++;
        assert_int_equal(d->disk_id[0], d->peer);
        return 0;
    case DURABLE_ADMITTED:
        seen->admitted++;
        return 0;
    case DURABLE_RESERVED:
    case DURABLE_PROMISED_RANGE:
    case DURABLE_VOTED_NOOP:
    case DURABLE_LEARNT_NOOP:
        break;
    }
    return ERR_INVALID;
}

/* Slots 250..300: votes, every tenth learnt with another value; two peers; admitted. */
static void fill_mixed(struct acceptor_store *s)
{
    struct store_error error;
    struct durable records[120];
    size_t n = 0;
    for (uint64_t slot = 250; slot <= 300; slot++) {
        records[n++] = fixture_vote(slot, fixture_batch(slot, 20));
        if (slot % 10 == 0)
            records[n++] = fixture_learnt(slot, fixture_batch(500 + slot, 10));
    }
    records[n++] = (struct durable){.kind = DURABLE_PEER, .peer = 2, .disk_id = {2}};
    records[n++] = (struct durable){.kind = DURABLE_PEER, .peer = 3, .disk_id = {3}};
    records[n++] = (struct durable){.kind = DURABLE_ADMITTED};
    records[n++] = fixture_chosen_to(290);
    assert_int_equal(fixture_commit(s, records, n, &error), 0);
}

static void test_what_was_committed_is_loaded(void **state)
{
    (void)state;
    struct store_error error;
    struct acceptor_store *s = fixture_open(temp.path);
    fill_mixed(s);
    acceptor_store_close(s);

    s = fixture_open(temp.path);
    assert_true(acceptor_store_admitted(s));
    assert_int_equal(acceptor_store_chosen_to(s), 290);
    struct seen seen = {.fail_after = -1};
    assert_int_equal(acceptor_store_load(s, 0, see, &seen, &error), 0);
    assert_int_equal(seen.votes, 51);
    assert_int_equal(seen.learnt, 6);
    assert_int_equal(seen.peers, 2);
    assert_int_equal(seen.admitted, 1);
    assert_int_equal(seen.chosen_to, 290);
    seen = (struct seen){.fail_after = -1};
    assert_int_equal(acceptor_store_load(s, 255, see, &seen, &error), 0);
    assert_int_equal(seen.votes, 45);
    assert_int_equal(seen.slot_min, 256);
    assert_int_equal(seen.learnt, 5);
    for (int i = 0; i < 61; i++) {
        seen = (struct seen){.fail_after = i};
        int err = acceptor_store_load(s, 0, see, &seen, &error);
        assert_int_equal(err, ERR_CORRUPT);
        fixture_assert_says(&error, "does not fit the others");
    }
    acceptor_store_close(s);
}

struct chosen {
    uint64_t next;
    uint64_t count;
    int fail_after;
};

static int see_value(void *context, uint64_t slot, struct value *v)
{
    struct chosen *c = context;
    if (c->fail_after >= 0 && c->fail_after-- == 0)
        return ERR_CLOSED;
    assert_int_equal(slot, c->next++);
    assert_int_equal(v->tag.sequence, slot % 10 == 0 ? 500 + slot : slot);
    c->count++;
    return 0;
}

static uint64_t read_count(struct acceptor_store *s, uint64_t from, uint64_t to, uint64_t bytes_max)
{
    struct store_error error;
    struct chosen c = {.next = from, .fail_after = -1};
    assert_int_equal(acceptor_store_read_chosen(s, from, to, bytes_max, see_value, &c, &error), 0);
    return c.count;
}

static void test_chosen_values_are_read(void **state)
{
    (void)state;
    struct store_error error;
    struct acceptor_store *s = fixture_open(temp.path);
    fill_mixed(s);
    assert_int_equal(read_count(s, 250, 290, UINT64_MAX), 41);
    assert_int_equal(read_count(s, 250, 300, UINT64_MAX), 41); /* Chosen up to 290 only. */
    assert_int_equal(read_count(s, 255, 257, UINT64_MAX), 3);
    assert_int_equal(read_count(s, 257, 255, UINT64_MAX), 0);
    assert_int_equal(read_count(s, 291, 300, UINT64_MAX), 0);
    assert_int_equal(read_count(s, 250, 290, 0), 1); /* The first one always comes. */
    assert_true(read_count(s, 250, 290, 300) < 10);

    struct chosen c = {.next = 250, .fail_after = 3};
    assert_int_equal(acceptor_store_read_chosen(s, 250, 290, 9999, see_value, &c, &error),
                     ERR_CLOSED);
    c = (struct chosen){.next = 249, .fail_after = -1};
    assert_int_equal(acceptor_store_read_chosen(s, 249, 290, 9999, see_value, &c, &error),
                     ERR_CORRUPT);
    fixture_assert_says(&error, "slot 249 is chosen, but its value is missing");

    /* A promise is no vote. */
    struct durable records[] = {fixture_vote(301, NULL), fixture_chosen_to(301)};
    assert_int_equal(fixture_commit(s, records, 2, &error), 0);
    c = (struct chosen){.next = 301, .fail_after = -1};
    assert_int_equal(acceptor_store_read_chosen(s, 301, 301, 9999, see_value, &c, &error),
                     ERR_CORRUPT);
    acceptor_store_close(s);
}

static void test_one_slot_is_read(void **state)
{
    (void)state;
    struct store_error error;
    struct acceptor_store *s = fixture_open(temp.path);
    fill_mixed(s);
    struct acceptor_store_slot slot;
    assert_int_equal(acceptor_store_read_slot(s, 280, &slot, &error), 0);
    assert_true(slot.has_vote && slot.has_learnt && slot.is_chosen);
    assert_int_equal(slot.vote.value->tag.sequence, 280);
    assert_int_equal(slot.learnt.value->tag.sequence, 780);
    acceptor_store_slot_fini(&slot);
    assert_int_equal(acceptor_store_read_slot(s, 291, &slot, &error), 0);
    assert_true(slot.has_vote && !slot.has_learnt && !slot.is_chosen);
    acceptor_store_slot_fini(&slot);
    assert_int_equal(acceptor_store_read_slot(s, 9999, &slot, &error), 0);
    assert_false(slot.has_vote || slot.has_learnt || slot.is_chosen);
    acceptor_store_slot_fini(&slot);
    acceptor_store_close(s);
}

static void test_a_later_record_replaces_an_earlier_one(void **state)
{
    (void)state;
    struct store_error error;
    struct acceptor_store *s = fixture_open(temp.path);
    /* Large values in one transaction: LMDB takes pages and gives them back. */
    for (int round = 0; round < 5; round++) {
        struct durable records[] = {
            fixture_vote(7, fixture_batch(1, 1000000)), fixture_vote(7, fixture_batch(2, 100)),
            fixture_vote(7, fixture_batch(3, 900000)), fixture_vote(7, NULL)};
        assert_int_equal(fixture_commit(s, records, 4, &error), 0);
        struct acceptor_store_slot slot;
        assert_int_equal(acceptor_store_read_slot(s, 7, &slot, &error), 0);
        assert_true(slot.has_vote);
        assert_null(slot.vote.value);
        acceptor_store_slot_fini(&slot);
        acceptor_store_close(s);
        s = fixture_open(temp.path); /* The file is never found too short. */
    }
    struct store_usage usage;
    acceptor_store_get_usage(s, &usage);
    assert_true(usage.used_bytes > 0 && usage.used_bytes < UINT64_C(8) << 20);
    assert_int_equal(usage.map_size_bytes, UINT64_C(64) << 20);
    acceptor_store_close(s);
}

struct reading {
    struct acceptor_store *store;
    uint64_t last;
    uint64_t rounds;
};

static int see_any(void *context, uint64_t slot, struct value *v)
{
    (void)context;
    return v->tag.sequence == slot ? 0 : ERR_INVALID;
}

/* Everything up to chosen_to can be read as soon as chosen_to says so. NULL: all was well. */
static void *read_along(void *context)
{
    struct reading *r = context;
    struct store_error error;
    uint64_t chosen_to = 0;
    while (chosen_to < r->last) {
        chosen_to = acceptor_store_chosen_to(r->store);
        uint64_t from = chosen_to > 20 ? chosen_to - 20 : 1;
        if (acceptor_store_read_chosen(r->store, from, chosen_to, UINT64_MAX, see_any, NULL,
                                       &error) != 0)
            return r;
        r->rounds++;
    }
    return NULL;
}

static void test_others_read_while_one_commits(void **state)
{
    (void)state;
    struct acceptor_store *s = fixture_open(temp.path);
    struct reading readings[2];
    pthread_t threads[2];
    for (int i = 0; i < 2; i++) {
        readings[i] = (struct reading){.store = s, .last = 300};
        assert_int_equal(pthread_create(&threads[i], NULL, read_along, &readings[i]), 0);
    }
    fixture_fill(s, 300, 200);
    for (int i = 0; i < 2; i++) {
        void *failed;
        assert_int_equal(pthread_join(threads[i], &failed), 0);
        assert_null(failed);
        assert_true(readings[i].rounds > 0);
    }
    acceptor_store_close(s);
}

/* ---- The wrong directory ---------------------------------------------------------------- */

static void assert_refused(const struct identity *identity, const char *part)
{
    struct acceptor_store_options options = fixture_options(temp.path);
    struct acceptor_store *s = NULL;
    struct store_error error;
    options.identity = *identity;
    assert_int_equal(acceptor_store_open(&options, &s, &error), ERR_MISMATCH);
    assert_null(s);
    fixture_assert_says(&error, temp.path);
    fixture_assert_says(&error, part);
}

static void test_another_identity_is_refused(void **state)
{
    (void)state;
    acceptor_store_close(fixture_open(temp.path));

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
    struct acceptor_store *s = fixture_open(temp.path);
    assert_int_equal(acceptor_store_boot(s), 2);
    acceptor_store_close(s);
}

static int open_code(const char *dir, struct store_error *error)
{
    struct acceptor_store_options options = fixture_options(dir);
    struct acceptor_store *s = NULL;
    int err = acceptor_store_open(&options, &s, error);
    acceptor_store_close(s);
    return err;
}

static void test_a_directory_in_use(void **state)
{
    (void)state;
    struct store_error error;
    struct acceptor_store *s = fixture_open(temp.path);
    char by[64];
    (void)snprintf(by, sizeof(by), "in use by process %ld", (long)getpid());
    assert_int_equal(open_code(temp.path, &error), ERR_BUSY);
    fixture_assert_says(&error, by);

    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        int err = open_code(temp.path, &error);
        _exit(err == ERR_BUSY && strstr(error.text, by) != NULL ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);

    acceptor_store_close(s);
    assert_int_equal(open_code(temp.path, &error), 0);
}

static void test_paths_that_are_none(void **state)
{
    (void)state;
    struct store_error error;
    char path[600];
    assert_int_equal(open_code("", &error), ERR_INVALID);
    memset(path, 'x', sizeof(path));
    path[sizeof(path) - 1] = '\0';
    assert_int_equal(open_code(path, &error), ERR_INVALID);
    (void)snprintf(path, sizeof(path), "%s/file", temp.path);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(open_code(path, &error), ERR_IO);
    fixture_assert_says(&error, "Not a directory");
}

static void test_a_state_without_its_acceptor(void **state)
{
    (void)state;
    struct store_error error;
    struct acceptor_store *s = fixture_open(temp.path);
    struct state_store *t;
    assert_int_equal(state_store_open(temp.path, acceptor_store_identity(s), 1 << 24, &t, &error),
                     0);
    state_store_close(t);
    acceptor_store_close(s);
    char path[TEMP_PATH_MAX + 32];
    (void)snprintf(path, sizeof(path), "%s/acceptor/data.mdb", temp.path);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(open_code(temp.path, &error), ERR_MISMATCH);
    fixture_assert_says(&error, "promises and votes are lost");
}

/* ---- A bad disk ------------------------------------------------------------------------- */

static int load_code(struct store_error *error)
{
    struct acceptor_store *s = fixture_open(temp.path);
    struct seen seen = {.fail_after = -1};
    int err = acceptor_store_load(s, 0, see, &seen, error);
    acceptor_store_close(s);
    return err;
}

static void test_a_flipped_bit_in_a_vote(void **state)
{
    (void)state;
    struct store_error error;
    struct acceptor_store *s = fixture_open(temp.path);
    fixture_fill(s, 20, 40);
    acceptor_store_close(s);
    assert_int_equal(load_code(&error), 0);

    /* The tag of the value in slot 13: node 1, boot 1, sequence 13. */
    static const uint8_t tag[] = {0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 13};
    struct bytes pattern = {.data = tag, .size = sizeof(tag)};
    assert_true(fixture_flip(temp.path, "acceptor", pattern, 19) > 0);
    assert_int_equal(load_code(&error), ERR_CORRUPT);
    fixture_assert_says(&error, "the record votes/13 is corrupt");

    s = fixture_open(temp.path);
    struct chosen c = {.next = 1, .fail_after = -1};
    struct acceptor_store_slot slot;
    assert_int_equal(acceptor_store_read_chosen(s, 13, 20, 9999, see_value, &c, &error),
                     ERR_CORRUPT);
    fixture_assert_says(&error, "the record votes/13 is corrupt");
    assert_int_equal(acceptor_store_read_slot(s, 13, &slot, &error), ERR_CORRUPT);
    acceptor_store_close(s);
}

static void test_a_flipped_bit_in_meta(void **state)
{
    (void)state;
    struct store_error error;
    acceptor_store_close(fixture_open(temp.path));
    assert_true(fixture_flip(temp.path, "acceptor", bytes_of("dkv"), 1) > 0);
    assert_int_equal(open_code(temp.path, &error), ERR_CORRUPT);
    fixture_assert_says(&error, "the record meta/identity is corrupt");
}

static void test_a_flipped_bit_in_a_key(void **state)
{
    (void)state;
    struct store_error error;
    acceptor_store_close(fixture_open(temp.path));
    assert_true(fixture_flip(temp.path, "acceptor", bytes_of("boot"), 0) > 0); /* "foot" */
    assert_int_equal(open_code(temp.path, &error), ERR_CORRUPT);
    fixture_assert_says(&error, "the record meta/\"foot\" is corrupt");
}

static void test_a_truncated_file(void **state)
{
    (void)state;
    struct store_error error;
    struct acceptor_store *s = fixture_open(temp.path);
    fixture_fill(s, 50, 5000);
    struct store_usage usage;
    acceptor_store_get_usage(s, &usage);
    acceptor_store_close(s);

    /* Exactly what its pages need is enough; a byte less is not. */
    fixture_truncate(temp.path, "acceptor", (long)usage.used_bytes);
    assert_int_equal(load_code(&error), 0);
    const long sizes[] = {
        (long)usage.used_bytes - 1, (long)usage.used_bytes / 2, 8192, 8191, 5000, 4096, 100, 1};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        fixture_truncate(temp.path, "acceptor", sizes[i]);
        assert_int_equal(open_code(temp.path, &error), ERR_CORRUPT);
        fixture_assert_says(&error, "truncated");
        fixture_assert_says(&error, temp.path);
    }
}

static void test_no_data_file_at_all(void **state)
{
    (void)state;
    struct store_error error;
    acceptor_store_close(fixture_open(temp.path));
    char path[TEMP_PATH_MAX + 32];
    (void)snprintf(path, sizeof(path), "%s/acceptor/data.mdb", temp.path);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    for (int i = 0; i < 3000; i++)
        assert_true(fputs("this is not a database\n", f) >= 0);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(open_code(temp.path, &error), ERR_CORRUPT);
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
        fixture_assert_says(&error, temp.path);
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
    struct acceptor_store_options options = fixture_options(temp.path);
    struct acceptor_store *s;
    options.map_size_bytes = 1 << 20;
    assert_int_equal(acceptor_store_open(&options, &s, &error), 0);
    uint64_t last = commit_until_full(s, 1);
    assert_true(last > 3);
    acceptor_store_close(s);

    s = fixture_open(temp.path); /* With a larger map. */
    assert_int_equal(acceptor_store_chosen_to(s), last);
    struct durable records[] = {fixture_vote(last + 1, fixture_batch(last + 1, 100000))};
    assert_int_equal(fixture_commit(s, records, 1, &error), 0);
    acceptor_store_close(s);
}

static void test_a_full_disk(void **state)
{
    (void)state;
    if (mount("tmpfs", temp.path, "tmpfs", 0, "size=10m") != 0)
        skip(); /* Needs a right that not everybody has. */
    struct store_error error;
    struct acceptor_store *s = fixture_open(temp.path);
    uint64_t last = commit_until_full(s, 1);
    assert_true(last > 3);
    acceptor_store_close(s);

    assert_int_equal(mount("tmpfs", temp.path, "tmpfs", MS_REMOUNT, "size=14m"), 0);
    s = fixture_open(temp.path);
    assert_int_equal(acceptor_store_chosen_to(s), last);
    struct durable records[] = {fixture_vote(last + 1, fixture_batch(last + 1, 100000))};
    assert_int_equal(fixture_commit(s, records, 1, &error), 0);
    acceptor_store_close(s);
    assert_int_equal(umount(temp.path), 0);
}

/* ---- Without memory --------------------------------------------------------------------- */

static int everything(void)
{
    struct acceptor_store_options options = fixture_options(temp.path);
    struct store_error error;
    struct acceptor_store *s = NULL;
    struct durable vote = fixture_vote(9, value_noop());
    struct seen seen = {.fail_after = -1};
    struct acceptor_store_slot slot;
    int err = acceptor_store_open(&options, &s, &error);
    if (err == 0)
        err = acceptor_store_commit(s, &vote, 1, &error);
    if (err == 0)
        err = acceptor_store_merge(s, UINT64_MAX, &error);
    if (err == 0)
        err = acceptor_store_load(s, 0, see, &seen, &error);
    if (err == 0) {
        err = acceptor_store_read_slot(s, 1, &slot, &error);
        if (err == 0)
            acceptor_store_slot_fini(&slot);
    }
    acceptor_store_close(s);
    return err;
}

static void test_every_allocation_fails_once(void **state)
{
    (void)state;
    struct acceptor_store *s = fixture_open(temp.path);
    fixture_fill(s, 3, 30);
    acceptor_store_close(s);
    int err = ERR_NO_MEMORY;
    long fail = 0;
    for (; err != 0; fail++) {
        mem_fail_after(fail);
        err = everything();
        mem_fail_after(-1);
        assert_true(err == 0 || err == ERR_NO_MEMORY);
        assert_int_equal(mem_outstanding(), 0);
    }
    assert_true(fail > 5);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_new_directory),
        TEST(test_directories_are_made),
        TEST(test_what_was_committed_is_loaded),
        TEST(test_chosen_values_are_read),
        TEST(test_one_slot_is_read),
        TEST(test_a_later_record_replaces_an_earlier_one),
        TEST(test_others_read_while_one_commits),
        TEST(test_another_identity_is_refused),
        TEST(test_a_directory_in_use),
        TEST(test_paths_that_are_none),
        TEST(test_a_state_without_its_acceptor),
        TEST(test_a_flipped_bit_in_a_vote),
        TEST(test_a_flipped_bit_in_meta),
        TEST(test_a_flipped_bit_in_a_key),
        TEST(test_a_truncated_file),
        TEST(test_no_data_file_at_all),
        TEST(test_a_full_map),
        TEST(test_a_full_disk),
        TEST(test_every_allocation_fails_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
