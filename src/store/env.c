/* env.c -- see env.h. */
#define _GNU_SOURCE
#include "store/env.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define TABLES_MAX RECORD_TABLES
#define READERS_MAX 254
#define FILE_STEP ((uint64_t)16 << 20) /* The file grows in these. */
#define FILE_SLACK ((uint64_t)1 << 20) /* Pages that any transaction may touch. */
#define PAGES_PER_RECORD 4             /* Its leaf and its branch, and one to split either. */

#define DISK_FULL_BELOW ((uint64_t)1 << 20)

/* ---- Words ------------------------------------------------------------------------------ */

/*
 * LMDB reports a write that was cut short as EIO, and what cuts a write short is most often the
 * end of the disk: ask the file system.
 */
static bool env_disk_is_full(struct env *env)
{
    struct statvfs fs;
    mdb_filehandle_t fd;
    if (mdb_env_get_fd(env->mdb, &fd) != 0 || fstatvfs(fd, &fs) != 0)
        return false;
    return (uint64_t)fs.f_bavail * fs.f_frsize < DISK_FULL_BELOW;
}

static int env_error(struct env *env, const char *what, int rc, struct store_error *error)
{
    struct store_usage usage = {0};
    if (rc == EIO && env_disk_is_full(env))
        rc = ENOSPC;
    switch (rc) {
    case MDB_MAP_FULL:
    case ENOSPC:
    case EDQUOT:
        env_get_usage(env, &usage);
        return store_error_set(error, ERR_FULL,
                               "%s: the disk or the map is full: %llu bytes are used, --map-size "
                               "is %llu: make room on the disk, or give a larger --map-size, and "
                               "start again",
                               env->path, (unsigned long long)usage.used_bytes,
                               (unsigned long long)usage.map_size_bytes);
    case ENOMEM:
        return store_error_set(error, ERR_NO_MEMORY, "%s: out of memory to %s", env->path, what);
    case MDB_VERSION_MISMATCH:
        return store_error_set(error, ERR_MISMATCH,
                               "%s: the data file was written by another version of LMDB",
                               env->path);
    case MDB_INVALID:
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
        return store_error_set(error, ERR_CORRUPT,
                               "%s: the data file is truncated or damaged: %s: this node cannot "
                               "go on with this disk",
                               env->path, mdb_strerror(rc));
    default:
        return store_error_set(error, ERR_IO, "%s: cannot %s: %s", env->path, what,
                               mdb_strerror(rc));
    }
}

/* The name of a record, cut to size; NUL-terminated. */
static void env_record_name(enum record_table table, struct bytes key, char out[200])
{
    struct buf name = {0};
    size_t size = 0;
    if (record_print_key(table, key, &name) == 0) {
        size = name.size < 199 ? name.size : 199;
        memcpy(out, name.data, size);
    }
    out[size] = '\0';
    buf_fini(&name);
}

int env_record_error(const struct env *env, enum record_table table, struct bytes key, int err,
                     struct store_error *error)
{
    char name[200];
    env_record_name(table, key, name);
    if (err == ERR_CORRUPT)
        return store_error_set(error, err,
                               "%s: the record %s is corrupt: its bytes are not those that were "
                               "written; `dkv-node --verify` lists all that are damaged",
                               env->path, name);
    if (err == ERR_MISMATCH)
        return store_error_set(error, err,
                               "%s: the record %s was written by another version of dkv: start "
                               "that version",
                               env->path, name);
    return store_error_set(error, err, "%s: the record %s: %s", env->path, name, err_text(err));
}

int env_record_refused(const struct env *env, enum record_table table, struct bytes key, int err,
                       struct store_error *error)
{
    char name[200];
    env_record_name(table, key, name);
    return store_error_set(error, err, "%s: the record %s does not fit the others: %s", env->path,
                           name, err_text(err));
}

static int env_members_differ(const struct env *env, struct store_error *error)
{
    return store_error_set(error, ERR_MISMATCH,
                           "%s: this directory was made for another list of members: give the ids "
                           "that it was made with, or another directory",
                           env->path);
}

int env_identity_check(const struct env *env, const struct identity *found,
                       const struct identity *wanted, bool strict, struct store_error *error)
{
    if (strcmp(found->cluster, wanted->cluster) != 0)
        return store_error_set(error, ERR_MISMATCH,
                               "%s: this directory belongs to cluster \"%s\", not \"%s\": give "
                               "--cluster %s, or another directory",
                               env->path, found->cluster, wanted->cluster, found->cluster);
    if (found->id != wanted->id)
        return store_error_set(error, ERR_MISMATCH,
                               "%s: this directory belongs to node %u, not to node %u: give --id "
                               "%u, or the directory of node %u",
                               env->path, found->id, wanted->id, found->id, wanted->id);
    if (found->mode != wanted->mode)
        return store_error_set(error, ERR_MISMATCH,
                               "%s: this directory was made for mode %s, and keeps it: drop "
                               "--mode, give --mode %s, or give another directory",
                               env->path, mode_name(found->mode), mode_name(found->mode));
    if (found->members.count != wanted->members.count)
        return env_members_differ(env, error);
    for (uint32_t i = 0; i < found->members.count; i++) {
        if (found->members.ids[i] != wanted->members.ids[i])
            return env_members_differ(env, error);
    }
    if (strict && memcmp(found->disk_id, wanted->disk_id, DISK_ID_SIZE) != 0)
        return store_error_set(error, ERR_MISMATCH,
                               "%s: this state was written next to another acceptor: the two "
                               "directories belong together; put back the one that was replaced",
                               env->path);
    return 0;
}

/* ---- Opening ---------------------------------------------------------------------------- */

static int env_used(struct env *env, uint64_t *out_used, struct store_error *error)
{
    MDB_envinfo info;
    int rc = mdb_env_info(env->mdb, &info);
    if (rc != 0)
        return env_error(env, "look at the data file", rc, error);
    *out_used = ((uint64_t)info.me_last_pgno + 1) * env->page_size;
    return 0;
}

/* Is the file as long as its pages? Only then may a page be looked at. */
static int env_check_size(struct env *env, struct store_error *error)
{
    MDB_stat stat;
    struct stat st;
    mdb_filehandle_t fd;
    uint64_t used = 0;
    int rc = mdb_env_stat(env->mdb, &stat);
    if (rc == 0)
        rc = mdb_env_get_fd(env->mdb, &fd);
    if (rc == 0 && fstat(fd, &st) != 0)
        rc = errno;
    if (rc != 0)
        return env_error(env, "look at the data file", rc, error);
    env->page_size = stat.ms_psize;
    env->file_size = (uint64_t)st.st_size;
    TRY(env_used(env, &used, error));
    if (env->file_size < used)
        return store_error_set(error, ERR_CORRUPT,
                               "%s: the data file is truncated: it has %llu bytes and needs %llu: "
                               "this node cannot go on with this disk",
                               env->path, (unsigned long long)env->file_size,
                               (unsigned long long)used);
    return 0;
}

static int env_open_mdb(struct env *env, uint64_t map_size_bytes, struct store_error *error)
{
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    uint64_t size = (map_size_bytes + page - 1) / page * page;
    unsigned flags = MDB_NOTLS | (env->read_only ? MDB_RDONLY | MDB_NOLOCK : 0U);
    int rc = mdb_env_create(&env->mdb);
    if (rc == 0)
        rc = mdb_env_set_mapsize(env->mdb, size);
    if (rc == 0)
        rc = mdb_env_set_maxdbs(env->mdb, TABLES_MAX);
    if (rc == 0)
        rc = mdb_env_set_maxreaders(env->mdb, READERS_MAX);
    if (rc == 0)
        rc = mdb_env_open(env->mdb, env->path, flags, 0600);
    if (rc == ENOENT)
        return store_error_set(error, ERR_NOT_FOUND, "%s: there is nothing here", env->path);
    if (rc != 0)
        return env_error(env, "open the data file", rc, error);
    TRY(env_check_size(env, error));
    /* A process that died while it read would pin its pages for ever. */
    int dead;
    rc = env->read_only ? 0 : mdb_reader_check(env->mdb, &dead);
    return rc == 0 ? 0 : env_error(env, "check its readers", rc, error);
}

int env_open(struct env *env, const char *dir, const char *name, uint64_t map_size_bytes,
             bool read_only, struct store_error *error)
{
    assert(map_size_bytes > 0);
    *env = (struct env){.read_only = read_only};
    TRY(directory_join(dir, name, env->path, error));
    if (!read_only)
        TRY(directory_create(env->path, error));
    int err = env_open_mdb(env, map_size_bytes, error);
    if (err != 0)
        env_close(env);
    else if (!read_only)
        err = directory_sync(env->path, error);
    return err;
}

void env_close(struct env *env)
{
    if (env->mdb != NULL)
        mdb_env_close(env->mdb);
    env->mdb = NULL;
}

int env_tables(struct env *env, MDB_txn *txn, const enum record_table *tables, size_t count,
               struct store_error *error)
{
    /* The tables are the records of the unnamed one. */
    MDB_dbi unnamed;
    MDB_stat stat;
    int rc = mdb_dbi_open(txn, NULL, 0, &unnamed);
    if (rc == 0)
        rc = mdb_stat(txn, unnamed, &stat);
    if (rc != 0)
        return env_error(env, "open its tables", rc, error);
    if (!env->has_tables)
        env->is_new = stat.ms_entries == 0;
    env->has_tables = true;
    unsigned flags = env->is_new && !env->read_only ? MDB_CREATE : 0U;
    for (size_t i = 0; i < count; i++) {
        rc = mdb_dbi_open(txn, record_table_name(tables[i]), flags, &env->tables[tables[i]]);
        if (rc == MDB_NOTFOUND)
            return store_error_set(error, ERR_CORRUPT, "%s: the table `%s` is missing", env->path,
                                   record_table_name(tables[i]));
        if (rc != 0)
            return env_error(env, "open its tables", rc, error);
    }
    return 0;
}

/* ---- Writing ---------------------------------------------------------------------------- */

/* The file is to hold `bytes` more than it does. */
static int env_extend(struct env *env, uint64_t bytes, struct store_error *error)
{
    MDB_envinfo info;
    mdb_filehandle_t fd;
    int rc = mdb_env_info(env->mdb, &info);
    if (rc == 0)
        rc = mdb_env_get_fd(env->mdb, &fd);
    if (rc != 0)
        return env_error(env, "look at the data file", rc, error);
    uint64_t used = ((uint64_t)info.me_last_pgno + 1) * env->page_size;
    if (used + bytes <= env->file_size)
        return 0;
    uint64_t wanted = (used + bytes + FILE_STEP - 1) / FILE_STEP * FILE_STEP;
    if (wanted > info.me_mapsize)
        wanted = info.me_mapsize; /* No page lies beyond the map. */
    if (wanted <= env->file_size)
        return 0;
    if (ftruncate(fd, (off_t)wanted) != 0)
        return env_error(env, "extend the data file", errno, error);
    env->file_size = wanted;
    return 0;
}

int env_write_begin(struct env *env, uint64_t records, uint64_t bytes, MDB_txn **out_txn,
                    struct store_error *error)
{
    assert(!env->read_only);
    if (env->failed)
        return store_error_set(error, ERR_IO,
                               "%s: an earlier write failed: what is on the disk is not known "
                               "before a new start",
                               env->path);
    int err =
        env_extend(env, bytes + records * PAGES_PER_RECORD * env->page_size + FILE_SLACK, error);
    if (err == 0) {
        int rc = mdb_txn_begin(env->mdb, NULL, 0, out_txn);
        err = rc == 0 ? 0 : env_error(env, "begin to write", rc, error);
    }
    env->failed = err != 0;
    return err;
}

void env_write_drop(struct env *env, MDB_txn *txn)
{
    assert(!env->failed);
    mdb_txn_abort(txn);
}

int env_write_end(struct env *env, MDB_txn *txn, int err, struct store_error *error)
{
    if (err != 0) {
        mdb_txn_abort(txn);
    } else {
        int rc = mdb_txn_commit(txn);
        if (rc != 0)
            err = env_error(env, "commit", rc, error);
    }
    env->failed = err != 0;
    return err;
}

/* LMDB's type is not const, though it does not write there. */
static MDB_val env_val(struct bytes b)
{
    MDB_val v = {.mv_size = b.size};
    memcpy(&v.mv_data, &b.data, sizeof(v.mv_data));
    return v;
}

int env_put(struct env *env, MDB_txn *txn, enum record_table table, struct bytes key,
            struct bytes value, struct store_error *error)
{
    MDB_val k = env_val(key);
    MDB_val v = env_val(value);
    int rc = mdb_put(txn, env->tables[table], &k, &v, 0);
    return rc == 0 ? 0 : env_error(env, "write", rc, error);
}

int env_append(struct env *env, MDB_txn *txn, enum record_table table, struct bytes key,
               struct bytes value, struct store_error *error)
{
    MDB_val k = env_val(key);
    MDB_val v = env_val(value);
    int rc = mdb_put(txn, env->tables[table], &k, &v, MDB_APPEND);
    if (rc == MDB_KEYEXIST) /* It is not the last. */
        rc = mdb_put(txn, env->tables[table], &k, &v, 0);
    return rc == 0 ? 0 : env_error(env, "write", rc, error);
}

int env_clear(struct env *env, MDB_txn *txn, enum record_table table, struct store_error *error)
{
    int rc = mdb_drop(txn, env->tables[table], 0);
    return rc == 0 ? 0 : env_error(env, "delete", rc, error);
}

int env_delete(struct env *env, MDB_txn *txn, enum record_table table, struct bytes key,
               struct store_error *error)
{
    MDB_val k = env_val(key);
    int rc = mdb_del(txn, env->tables[table], &k, NULL);
    return rc == 0 || rc == MDB_NOTFOUND ? 0 : env_error(env, "delete", rc, error);
}

/* ---- Reading ---------------------------------------------------------------------------- */

static struct bytes env_bytes(MDB_val v)
{
    return (struct bytes){.data = v.mv_data, .size = v.mv_size};
}

int env_read_begin(struct env *env, MDB_txn **out_txn, struct store_error *error)
{
    int rc = mdb_txn_begin(env->mdb, NULL, MDB_RDONLY, out_txn);
    if (rc == MDB_READERS_FULL)
        return store_error_set(error, ERR_BUSY, "%s: %d threads are reading already", env->path,
                               READERS_MAX);
    return rc == 0 ? 0 : env_error(env, "begin to read", rc, error);
}

void env_read_end(MDB_txn *txn)
{
    mdb_txn_abort(txn);
}

int env_get(struct env *env, MDB_txn *txn, enum record_table table, struct bytes key,
            struct bytes *out_value, struct store_error *error)
{
    MDB_val k = env_val(key);
    MDB_val v;
    int rc = mdb_get(txn, env->tables[table], &k, &v);
    if (rc == MDB_NOTFOUND)
        return ERR_NOT_FOUND;
    if (rc != 0)
        return env_error(env, "read", rc, error);
    *out_value = env_bytes(v);
    return 0;
}

int env_each(struct env *env, MDB_txn *txn, enum record_table table, struct bytes from,
             int (*on_record)(void *context, struct bytes key, struct bytes value), void *context,
             struct store_error *error)
{
    MDB_cursor *cursor;
    int rc = mdb_cursor_open(txn, env->tables[table], &cursor);
    if (rc != 0)
        return env_error(env, "read", rc, error);
    MDB_val k = env_val(from);
    MDB_val v;
    int err = 0;
    rc = mdb_cursor_get(cursor, &k, &v, from.size == 0 ? MDB_FIRST : MDB_SET_RANGE);
    while (rc == 0 && err == 0) {
        err = on_record(context, env_bytes(k), env_bytes(v));
        if (err == 0)
            rc = mdb_cursor_get(cursor, &k, &v, MDB_NEXT);
    }
    mdb_cursor_close(cursor);
    if (rc != 0 && rc != MDB_NOTFOUND)
        err = env_error(env, "read", rc, error);
    return err;
}

int env_count(struct env *env, MDB_txn *txn, enum record_table table, uint64_t *out_count,
              struct store_error *error)
{
    MDB_stat stat;
    int rc = mdb_stat(txn, env->tables[table], &stat);
    if (rc != 0)
        return env_error(env, "read", rc, error);
    *out_count = stat.ms_entries;
    return 0;
}

int env_count_leaves(struct env *env, MDB_txn *txn, enum record_table table, uint64_t *out_count,
                     struct store_error *error)
{
    MDB_stat stat;
    int rc = mdb_stat(txn, env->tables[table], &stat);
    if (rc != 0)
        return env_error(env, "read", rc, error);
    *out_count = stat.ms_leaf_pages;
    return 0;
}

void env_get_usage(struct env *env, struct store_usage *out_usage)
{
    MDB_envinfo info;
    if (env->mdb == NULL || mdb_env_info(env->mdb, &info) != 0) {
        *out_usage = (struct store_usage){0};
        return;
    }
    *out_usage = (struct store_usage){
        .used_bytes = ((uint64_t)info.me_last_pgno + 1) * env->page_size,
        .map_size_bytes = info.me_mapsize,
    };
}
