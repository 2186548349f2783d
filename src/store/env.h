/*
 * env.h -- one LMDB environment, with the traps of LMDB taken care of.
 *
 * Private to store/. What this layer adds to LMDB:
 *
 * - A data file shorter than its pages is refused before a page is touched: reading beyond the end
 *   of a mapped file is a SIGBUS. LMDB itself may leave the file a little short (pages taken and
 *   given back in one transaction are counted, yet never written), so env_write_begin makes the
 *   file long enough beforehand, and the transaction's own sync makes that length durable with it.
 * - Failures are final. A commit that failed says nothing about what is on the disk, and the next
 *   one may report success all the same: after the first failure every write is refused.
 * - Errors come with a line of words.
 *
 * Sync is LMDB's default: what env_write_end returned 0 for is on the disk.
 *
 * One thread writes. Reads come from any thread, each in a transaction of its own (MDB_NOTLS);
 * an open one pins the pages it may see, so keep it short.
 */
#ifndef DKV_STORE_ENV_H
#define DKV_STORE_ENV_H

#include <lmdb.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "record/record.h"
#include "store/directory.h"
#include "store/store_error.h"
#include "store/usage.h"

struct env {
    MDB_env *mdb;
    char path[STORE_PATH_MAX];
    bool read_only;
    bool failed;     /* The writing thread's. Never falls back to false. */
    bool has_tables; /* env_tables was called. */
    bool is_new;     /* No table existed then. */
    uint64_t page_size;
    uint64_t file_size;                /* The writing thread's. */
    MDB_dbi tables[RECORD_TABLES + 1]; /* By enum record_table. */
};

/*
 * Open dir/name. Unless read_only, dir/name is made when missing, and tables are made when there
 * are none yet, by the first write. read_only takes no lock: the caller holds that of dir.
 * ERR_CORRUPT: not a data file, or a truncated one, or without one of the tables.
 */
int env_open(struct env *env, const char *dir, const char *name, uint64_t map_size_bytes,
             bool read_only, struct store_error *error) MUST_CHECK;

/* Harmless on what env_open failed on, or on all zero. */
void env_close(struct env *env);

/*
 * Begin to write about `records` records of `bytes` bytes together. Ends with env_write_end, which
 * commits when err is 0, and drops everything otherwise; it returns err or what went wrong then.
 */
int env_write_begin(struct env *env, uint64_t records, uint64_t bytes, MDB_txn **out_txn,
                    struct store_error *error) MUST_CHECK;
int env_write_end(struct env *env, MDB_txn *txn, int err, struct store_error *error) MUST_CHECK;

/* End it without a trace; env_write_begin may come again. */
void env_write_drop(struct env *env, MDB_txn *txn);

/*
 * In a write, or read-only: make or find these tables; again, to add more of them. They are made if
 * there was none at the first call. ERR_CORRUPT: some are there and some are not.
 */
int env_tables(struct env *env, MDB_txn *txn, const enum record_table *tables, size_t count,
               struct store_error *error) MUST_CHECK;

int env_put(struct env *env, MDB_txn *txn, enum record_table table, struct bytes key,
            struct bytes value, struct store_error *error) MUST_CHECK;

/* As env_put, for a key that is most likely the last of its table: its pages are filled whole. */
int env_append(struct env *env, MDB_txn *txn, enum record_table table, struct bytes key,
               struct bytes value, struct store_error *error) MUST_CHECK;

/* Drop all records of a table. */
int env_clear(struct env *env, MDB_txn *txn, enum record_table table,
              struct store_error *error) MUST_CHECK;

/* Harmless when there is no such key. */
int env_delete(struct env *env, MDB_txn *txn, enum record_table table, struct bytes key,
               struct store_error *error) MUST_CHECK;

/* Ends with env_read_end. */
int env_read_begin(struct env *env, MDB_txn **out_txn, struct store_error *error) MUST_CHECK;
void env_read_end(MDB_txn *txn);

/* out_value is borrowed until txn ends or next writes. ERR_NOT_FOUND (without words). */
int env_get(struct env *env, MDB_txn *txn, enum record_table table, struct bytes key,
            struct bytes *out_value, struct store_error *error) MUST_CHECK;

/*
 * Every record of a table with a key >= from (empty: all), in order. Key and value are borrowed for
 * the call. An error of on_record ends the walk and is returned; the words are on_record's then.
 */
int env_each(struct env *env, MDB_txn *txn, enum record_table table, struct bytes from,
             int (*on_record)(void *context, struct bytes key, struct bytes value), void *context,
             struct store_error *error) MUST_CHECK;

/* Pages that hold the records of a table, not counting the values that have pages of their own. */
int env_count_leaves(struct env *env, MDB_txn *txn, enum record_table table, uint64_t *out_count,
                     struct store_error *error) MUST_CHECK;

int env_count(struct env *env, MDB_txn *txn, enum record_table table, uint64_t *out_count,
              struct store_error *error) MUST_CHECK;

/* Words for a record that does not decode; returns err. */
int env_record_error(const struct env *env, enum record_table table, struct bytes key, int err,
                     struct store_error *error);

/* Words for a good record that whoever loads it refused with err; returns err. */
int env_record_refused(const struct env *env, enum record_table table, struct bytes key, int err,
                       struct store_error *error);

/* Words for two identities that differ, or 0. `strict`: disk_id must be equal too. */
int env_identity_check(const struct env *env, const struct identity *found,
                       const struct identity *wanted, bool strict,
                       struct store_error *error) MUST_CHECK;

void env_get_usage(struct env *env, struct store_usage *out_usage);

#endif
