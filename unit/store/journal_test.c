/* journal_test.c -- what is left of commits when the power goes, or the disk forgets. */
#define _GNU_SOURCE
#include "fixture.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "store/journal.h"

static char path[TEMP_PATH_MAX + 32];
static const uint8_t disk[DISK_ID_SIZE] = {1, 2, 3};

static int setup(void **state)
{
    assert_int_equal(fixture_setup(state), 0);
    (void)snprintf(path, sizeof(path), "%s/journal", fixture_dir);
    return 0;
}

/* ---- A journal by itself ---------------------------------------------------------------- */

static void create(struct journal *j)
{
    struct store_error error;
    assert_int_equal(journal_create(path, JOURNAL_SIZE_MIN, &error), 0);
    assert_int_equal(journal_open(j, path, disk, false, &error), 0);
    journal_begin(j, 0);
}

/* A frame of one record: `number` under a key, and `size` bytes. Not synced. */
static void write_frame(struct journal *j, uint32_t number, size_t size)
{
    static uint8_t value[JOURNAL_FRAME_MAX];
    struct store_error error;
    uint8_t key[4] = {(uint8_t)(number >> 24), (uint8_t)(number >> 16), (uint8_t)(number >> 8),
                      (uint8_t)number};
    memset(value, (int)number, size);
    assert_true(journal_add(j, RECORD_TABLE_VOTES, (struct bytes){.data = key, .size = 4},
                            (struct bytes){.data = value, .size = size}));
    assert_int_equal(journal_flush(j, &error), 0);
}

static void sync_frames(struct journal *j)
{
    struct store_error error;
    assert_int_equal(journal_sync(j, &error), 0);
}

/* Open anew from `position`: the numbers of the frames that are found must count from..to. */
static int recover(struct journal *j, uint64_t position, uint32_t from, uint32_t to)
{
    struct store_error error;
    journal_close(j);
    assert_int_equal(journal_open(j, path, disk, false, &error), 0);
    int err = journal_recover(j, position, &error);
    if (err != 0) {
        fixture_assert_says(&error, "is corrupt");
        return err;
    }
    struct journal_frame frame;
    uint64_t at = position;
    while (at < atomic_load(&j->synced)) {
        enum record_table table;
        struct bytes key;
        struct bytes value;
        assert_true(journal_read(j, at, &frame));
        assert_int_equal(journal_take(&frame.records, &table, &key, &value), 0);
        assert_int_equal(table, RECORD_TABLE_VOTES);
        assert_int_equal(key.data[3] | key.data[2] << 8, from);
        assert_true(value.size == 0 || value.data[value.size - 1] == (uint8_t)from);
        assert_int_equal(journal_take(&frame.records, &table, &key, &value), ERR_NOT_FOUND);
        from++;
        at = frame.end;
    }
    assert_int_equal(from, to + 1);
    return 0;
}

/* The block at this place is what it was before it was written, or has a bit flipped. */
static void damage(uint64_t place, bool lost)
{
    uint8_t block[JOURNAL_BLOCK] = {0};
    int fd = open(path, O_RDWR);
    assert_true(fd >= 0);
    if (!lost) {
        assert_int_equal(pread(fd, block, sizeof(block), (off_t)place), sizeof(block));
        block[100] ^= 1;
    }
    assert_int_equal(pwrite(fd, block, sizeof(block), (off_t)place), sizeof(block));
    assert_int_equal(close(fd), 0);
}

static void test_what_is_written_is_found(void **state)
{
    (void)state;
    struct journal j;
    create(&j);
    assert_int_equal(recover(&j, 0, 1, 0), 0);
    for (uint32_t n = 1; n <= 20; n++) {
        write_frame(&j, n, n * 1000);
        sync_frames(&j);
    }
    assert_int_equal(recover(&j, 0, 1, 20), 0);
    journal_close(&j);

    /* Another disk's journal has nothing to say. */
    struct store_error error;
    const uint8_t other[DISK_ID_SIZE] = {9};
    struct journal_frame frame;
    assert_int_equal(journal_open(&j, path, other, true, &error), 0);
    assert_false(journal_read(&j, 0, &frame));
    journal_close(&j);
}

static void test_round_and_round(void **state)
{
    (void)state;
    struct journal j;
    create(&j);
    uint64_t merged = 0;
    uint32_t first = 1;
    uint32_t next = 1;
    for (int round = 0; round < 300; round++) {
        size_t size = (size_t)(round * 7919 % 9) * 150000;
        struct journal_frame frame;
        for (;;) {
            /* Would it fit? As acceptor_store does: what is gathered first asks for room. */
            uint64_t need = JOURNAL_FRAME_MAX + size;
            if (j.end + need - merged <= j.size_bytes)
                break;
            assert_true(journal_read(&j, merged, &frame));
            merged = frame.end;
            journal_set_merged(&j, merged);
            first++;
        }
        write_frame(&j, next++, size);
        sync_frames(&j);
        assert_true(j.end - merged <= j.size_bytes);
        if (round % 10 == 0)
            assert_int_equal(recover(&j, merged, first, next - 1), 0);
    }
    assert_true(j.end > 10 * j.size_bytes);
    journal_close(&j);
}

static void test_no_room(void **state)
{
    (void)state;
    struct journal j;
    struct journal_frame frame;
    create(&j);
    static const uint8_t value[1 << 20];
    struct bytes key = bytes_of("key");
    struct bytes mib = {.data = value, .size = sizeof(value)};
    for (uint32_t n = 1; n <= 8; n++)
        write_frame(&j, n, 1000000);
    sync_frames(&j);
    assert_true(journal_add(&j, RECORD_TABLE_VOTES, key, mib));
    /* Two make room: what is left before the file's end is too short for it. */
    uint64_t merged = 0;
    for (int i = 0; i < 2; i++) {
        assert_false(journal_has_room(&j));
        assert_true(journal_read(&j, merged, &frame));
        merged = frame.end;
        journal_set_merged(&j, merged);
    }
    assert_true(journal_has_room(&j));
    /* And none in the frame, for a second one. */
    assert_false(journal_add(&j, RECORD_TABLE_VOTES, key, mib));
    journal_close(&j);
}

/* A power loss takes what was not synced: the last, or any of the last. */
static void test_what_was_not_synced_may_be_lost(void **state)
{
    (void)state;
    for (unsigned lost = 0; lost < 8; lost++) {
        struct journal j;
        create(&j);
        write_frame(&j, 1, 100);
        write_frame(&j, 2, 100);
        sync_frames(&j);
        for (uint32_t n = 3; n <= 5; n++)
            write_frame(&j, n, 100);
        uint32_t last = 5;
        for (uint32_t n = 5; n >= 3; n--) {
            if ((lost & 1U << (n - 3)) == 0)
                continue;
            damage((n - 1) * JOURNAL_BLOCK, true);
            last = n - 1;
        }
        assert_int_equal(recover(&j, 0, 1, last), 0);

        /* What is left behind the gap is never taken for something newer. */
        uint64_t start = journal_next_start(&j);
        journal_begin(&j, start);
        assert_int_equal(recover(&j, start, 1, 0), 0);
        write_frame(&j, 6, 100);
        write_frame(&j, 7, 100);
        assert_int_equal(recover(&j, start, 6, 7), 0);
        journal_close(&j);
        assert_int_equal(unlink(path), 0);
    }
}

static void test_what_was_synced_must_be_there(void **state)
{
    (void)state;
    for (int lost = 0; lost < 2; lost++) {
        struct journal j;
        create(&j);
        for (uint32_t n = 1; n <= 10; n++) {
            write_frame(&j, n, 5000);
            sync_frames(&j);
        }
        /* Either block of any frame but the last, which none vouches for. */
        for (uint64_t block = 0; block < 18; block++) {
            damage(block * JOURNAL_BLOCK, lost != 0);
            assert_int_equal(recover(&j, 0, 1, 0), ERR_CORRUPT);
            for (uint64_t n = block / 2 + 1; n <= 10; n++) {
                /* Put it back: frames are written anew from there on. */
                journal_begin(&j, (n - 1) * 2 * JOURNAL_BLOCK);
                write_frame(&j, (uint32_t)n, 5000);
                sync_frames(&j);
            }
            assert_int_equal(recover(&j, 0, 1, 10), 0);
        }
        damage(19 * JOURNAL_BLOCK, lost != 0);
        assert_int_equal(recover(&j, 0, 1, 9), 0);
        journal_close(&j);
        assert_int_equal(unlink(path), 0);
    }
}

static void test_no_journal(void **state)
{
    (void)state;
    struct journal j;
    struct store_error error;
    assert_int_equal(journal_open(&j, path, disk, false, &error), ERR_CORRUPT);
    fixture_assert_says(&error, "the journal is missing");
    create(&j);
    journal_close(&j);
    assert_int_equal(truncate(path, JOURNAL_SIZE_MIN - 1), 0);
    assert_int_equal(journal_open(&j, path, disk, false, &error), ERR_CORRUPT);
    fixture_assert_says(&error, "truncated");
    assert_int_equal(truncate(path, 0), 0);
    assert_int_equal(journal_open(&j, path, disk, true, &error), ERR_CORRUPT);
}

/* ---- In its place ----------------------------------------------------------------------- */

static int see(void *context, const struct durable *d)
{
    uint64_t *votes = context;
    if (d->kind == DURABLE_VOTE) {
        (*votes)++;
        assert_int_equal(d->slot, *votes);
        assert_int_equal(d->value->tag.sequence, 1000 + d->slot);
    }
    return 0;
}

static void assert_votes(struct acceptor_store *s, uint64_t count)
{
    struct store_error error;
    uint64_t votes = 0;
    assert_int_equal(acceptor_store_load(s, 0, see, &votes, &error), 0);
    assert_int_equal(votes, count);
}

static void commit_vote(struct acceptor_store *s, uint64_t slot, size_t size)
{
    struct store_error error;
    /* The earlier one of a key gives way to the later, also within a commit. */
    struct durable records[] = {fixture_vote(slot, fixture_batch(slot, size)),
                                fixture_vote(slot, fixture_batch(1000 + slot, size)),
                                fixture_chosen_to(slot)};
    assert_int_equal(fixture_commit_only(s, records, 3, &error), 0);
}

static void test_a_start_finds_what_was_not_merged(void **state)
{
    (void)state;
    struct store_error error;
    struct acceptor_store *s = fixture_open(fixture_dir);
    for (uint64_t slot = 1; slot <= 60; slot++) {
        commit_vote(s, slot, 300);
        /* Sometimes a part is merged; it is seen then, and not before. */
        if (slot % 7 == 0) {
            uint64_t merged = acceptor_store_chosen_to(s);
            assert_true(merged < slot);
            assert_int_equal(acceptor_store_merge(s, 5000, &error), 0);
            assert_true(acceptor_store_chosen_to(s) > merged);
        }
        if (slot % 20 == 0) {
            assert_true(acceptor_store_unmerged(s) > 0);
            acceptor_store_close(s);
            s = fixture_open(fixture_dir);
            assert_int_equal(acceptor_store_unmerged(s), 0);
            assert_int_equal(acceptor_store_chosen_to(s), slot);
            assert_votes(s, slot);
        }
    }
    acceptor_store_close(s);
}

/* A journal that is full is merged by whoever commits. */
static void test_more_than_the_journal_holds(void **state)
{
    (void)state;
    struct acceptor_store *s = fixture_open(fixture_dir);
    for (uint64_t slot = 1; slot <= 20; slot++)
        commit_vote(s, slot, 700000);
    assert_true(acceptor_store_chosen_to(s) > 5);
    acceptor_store_close(s);
    s = fixture_open(fixture_dir);
    assert_votes(s, 20);
    acceptor_store_close(s);
}

struct merging {
    struct acceptor_store *store;
    atomic_bool done;
    int err;
};

static void *merge_along(void *context)
{
    struct merging *m = context;
    struct store_error error;
    while (m->err == 0 && !atomic_load(&m->done))
        m->err = acceptor_store_merge(m->store, 300000, &error);
    return NULL;
}

/* One thread commits, another merges; round the file several times. */
static void test_merging_while_committing(void **state)
{
    (void)state;
    struct merging m = {.store = fixture_open(fixture_dir)};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, merge_along, &m), 0);
    for (uint64_t slot = 1; slot <= 150; slot++)
        commit_vote(m.store, slot, slot % 10 == 0 ? 500000 : 20000);
    atomic_store(&m.done, true);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(m.err, 0);
    acceptor_store_close(m.store);
    struct acceptor_store *s = fixture_open(fixture_dir);
    assert_votes(s, 150);
    acceptor_store_close(s);
}

/* The last commit was cut short: its node had not answered for it. Any other is missed. */
static void test_cut_short_and_damaged(void **state)
{
    (void)state;
    struct store_error error;
    struct acceptor_store *s = fixture_open(fixture_dir);
    struct acceptor_store_options options = fixture_options(fixture_dir);
    for (uint64_t slot = 1; slot <= 5; slot++)
        commit_vote(s, slot, 50);
    acceptor_store_close(s);
    (void)snprintf(path, sizeof(path), "%s/acceptor/journal", fixture_dir);
    damage(4 * JOURNAL_BLOCK, true);
    s = fixture_open(fixture_dir);
    assert_votes(s, 4);

    for (uint64_t slot = 5; slot <= 9; slot++)
        commit_vote(s, slot, 50);
    acceptor_store_close(s);
    damage(3 * JOURNAL_BLOCK, false);
    for (int again = 0; again < 2; again++) {
        s = NULL;
        assert_int_equal(acceptor_store_open(&options, &s, &error), ERR_CORRUPT);
        fixture_assert_says(&error, "acceptor/journal: what was committed at");
        fixture_assert_says(&error, "--verify");
    }
    assert_int_equal(unlink(path), 0);
    assert_int_equal(acceptor_store_open(&options, &s, &error), ERR_CORRUPT);
    fixture_assert_says(&error, "the journal is missing");
}

static void test_a_commit_allocates_nothing(void **state)
{
    (void)state;
    struct store_error error;
    struct acceptor_store *s = fixture_open(fixture_dir);
    struct value *v = fixture_batch(1001, 3000);
    struct durable vote = fixture_vote(1, v);
    assert_int_equal(acceptor_store_commit(s, &vote, 1, &error), 0);
    unsigned long before = mem_allocations();
    for (vote.slot = 2; vote.slot <= 200; vote.slot++)
        assert_int_equal(acceptor_store_commit(s, &vote, 1, &error), 0);
    assert_int_equal(mem_allocations(), before);
    value_unref(v);
    acceptor_store_close(s);
}

static void test_a_start_without_memory(void **state)
{
    (void)state;
    struct store_error error;
    struct acceptor_store_options options = fixture_options(fixture_dir);
    struct acceptor_store *s = fixture_open(fixture_dir);
    for (uint64_t slot = 1; slot <= 5; slot++)
        commit_vote(s, slot, 50);
    acceptor_store_close(s);
    int err = ERR_NO_MEMORY;
    long fail = 0;
    for (; err != 0; fail++) {
        s = NULL;
        mem_fail_after(fail);
        err = acceptor_store_open(&options, &s, &error);
        mem_fail_after(-1);
        assert_true(err == 0 || err == ERR_NO_MEMORY);
        assert_true(err == 0 || mem_outstanding() == 0);
    }
    assert_true(fail > 5);
    assert_votes(s, 5);
    acceptor_store_close(s);
}

#define JOURNAL_TEST(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        JOURNAL_TEST(test_what_is_written_is_found),
        JOURNAL_TEST(test_round_and_round),
        JOURNAL_TEST(test_no_room),
        JOURNAL_TEST(test_what_was_not_synced_may_be_lost),
        JOURNAL_TEST(test_what_was_synced_must_be_there),
        JOURNAL_TEST(test_no_journal),
        JOURNAL_TEST(test_a_start_finds_what_was_not_merged),
        JOURNAL_TEST(test_more_than_the_journal_holds),
        JOURNAL_TEST(test_merging_while_committing),
        JOURNAL_TEST(test_cut_short_and_damaged),
        JOURNAL_TEST(test_a_commit_allocates_nothing),
        JOURNAL_TEST(test_a_start_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
