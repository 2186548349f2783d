/*
 * fixture.h -- what the tests of the stores share: a directory, records, and damage.
 */
#ifndef DKV_UNIT_STORE_FIXTURE_H
#define DKV_UNIT_STORE_FIXTURE_H

#include "../temp.h"
#include "../unit.h"

#include "store/acceptor_store.h"
#include "store/state_store.h"

/*
 * The directory of the test at hand, empty after fixture_setup. fixture_teardown ends the test when
 * anything is left allocated.
 */
extern const char *const fixture_dir;
int fixture_setup(void **state);
int fixture_teardown(void **state);
#define FIXTURE_TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

/* Node 1 of {1, 2, 3}, cluster "dkv". */
extern const struct identity fixture_identity;

/* Options for dir, with a map of 64 MiB and a journal of the least size. */
struct acceptor_store_options fixture_options(const char *dir);

/* Open, or end the test. */
struct acceptor_store *fixture_open(const char *dir);

/* Open and close: what failed. */
int fixture_try_open(const char *dir, struct store_error *error);

/* A batch of one put of `size` bytes; its tag's sequence is `sequence`. One reference. */
struct value *fixture_batch(uint64_t sequence, size_t size);

/* Records that own a reference to v, or to nothing. */
struct durable fixture_vote(uint64_t slot, struct value *v);
struct durable fixture_learnt(uint64_t slot, struct value *v);
struct durable fixture_chosen_to(uint64_t slot);

/* Commit, drop the references, and merge. Returns what failed. */
int fixture_commit(struct acceptor_store *s, struct durable *records, size_t count,
                   struct store_error *error);

/* Commit and drop the references: what is committed stays in the journal. */
int fixture_commit_only(struct acceptor_store *s, struct durable *records, size_t count,
                        struct store_error *error);

/* Votes for slots 1..count of `size` bytes each, chosen up to `count`, committed one by one. */
void fixture_fill(struct acceptor_store *s, uint64_t count, size_t size);

/* What acceptor_store_load showed, counted; a learnt value has the sequence 500 + slot. */
struct fixture_seen {
    int votes;
    int learnt;
    int peers;
    int admitted;
    uint64_t chosen_to;
    uint64_t slot_min;
    uint64_t slot_last;
    int fail_after; /* -1: never. */
};

int fixture_see(void *context, const struct durable *d);

/* What acceptor_store_read_chosen showed: slot by slot, every tenth learnt, the others votes. */
struct fixture_chosen {
    uint64_t next;
    uint64_t count;
    int fail_after;
};

int fixture_see_chosen(void *context, uint64_t slot, struct value *v);

/* The state next to it, in the same directory. */
struct state_store *fixture_open_state(const struct acceptor_store *s);

/* Write a checkpoint, in one part if it is a small one. */
int fixture_write(struct state_store *s, struct checkpoint *c, struct store_error *error);

/* Flip one bit in every place of dir/name/data.mdb where `pattern` is found; how many were. */
int fixture_flip(const char *dir, const char *name, struct bytes pattern, size_t offset);

/* Cut dir/name/data.mdb to `size` bytes. */
void fixture_truncate(const char *dir, const char *name, long size);

/* The words contain `part`. */
void fixture_assert_says(const struct store_error *error, const char *part);

#endif
