/*
 * disk.h -- a node's disk: sorted tables of encoded records, commits that take time, and what is
 * left of them when the process or the power goes.
 *
 * What store/ does with LMDB, without a disk: everything queued goes into one commit; a commit is
 * there as a whole for whoever reads, and after a crash a prefix of the turns that it and the ones
 * behind it carried may be there. Nothing is ever there without what was written before it.
 */
#ifndef DKV_SIM_DISK_H
#define DKV_SIM_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "kv/machine.h"
#include "paxos/durable.h"
#include "record/record.h"
#include "replica/replica.h"

struct world;
struct task;

struct disk_row {
    size_t key_size;
    size_t value_size;
    uint8_t data[]; /* The key, then the value. */
};

/* Sorted by memcmp of the keys, a prefix first. */
struct disk_table {
    struct disk_row **rows;
    size_t count;
    size_t capacity;
};

/* A write that is not on the disk yet. */
struct disk_write {
    struct durable record; /* Its reference is the write's. */
    uint64_t sequence;     /* Number of its turn's last write: what EVENT_DURABLE is to say. */
};

/* All zero is a new, empty disk. */
struct disk {
    struct disk_table tables[RECORD_TABLES + 1]; /* By enum record_table. */
    struct disk_write *pending;
    size_t pending_count;
    size_t pending_capacity;
    size_t committing;      /* The first ones of pending are in the commit under way; 0: none is. */
    uint64_t commit_end_ns; /* When that commit, or the last one, ends. */
    bool commit_fails;      /* That commit is going to fail. */
    bool fail_next;         /* The next one is. */
    struct checkpoint *checkpoint; /* Being written, or NULL. */
    uint64_t checkpoint_end_ns;    /* When it will be there, */
    uint64_t checkpoint_number;    /* and of how many attempts to say so the last counts. */
    bool ends_node;                /* The process ends just after that commit, or the next. */
    uint64_t slow_to_ns;           /* Commits are slow until then. */
    uint64_t stalled_to_ns;        /* No commit ends before then. */
    uint64_t epoch;                /* Tasks of an earlier one are void. */
    uint64_t chosen_to;            /* As committed. */
    bool admitted;                 /* As committed. */
    struct buf key;                /* Scratch. */
    struct buf value;
};

/* Put value under key, in place of what was there. */
void disk_put(struct disk *d, enum record_table table, struct bytes key, struct bytes value);

/* The value under key, borrowed until the next change; false: there is none. */
bool disk_get(const struct disk *d, enum record_table table, struct bytes key,
              struct bytes *out_value);

/* Index of the first row whose key is >= key. */
size_t disk_seek(const struct disk *d, enum record_table table, struct bytes key);

struct bytes disk_row_key(const struct disk_row *row);
struct bytes disk_row_value(const struct disk_row *row);

/* Queue the turn's writes; their references move, and effects has none left. */
void disk_write(struct world *w, uint32_t node, struct effects *effects);

/* Begin to write a checkpoint, which moves here. */
void disk_write_checkpoint(struct world *w, uint32_t node, struct checkpoint *c);

/* TASK_COMMIT, TASK_CHECKPOINT. */
void disk_on_commit(struct world *w, const struct task *t);
void disk_on_checkpoint(struct world *w, const struct task *t);

/* No commit ends for so long from now on. */
void disk_stall(struct world *w, uint32_t node, uint64_t length_ns);

/* The bad times are over: commits are quick, and what is left of a checkpoint is written quickly.
 */
void disk_recover(struct world *w, uint32_t node);

/* The process is gone. What was not synced is lost, up to chance. */
void disk_on_crash(struct world *w, uint32_t node);

/* Start with nothing. */
void disk_wipe(struct disk *d);

void disk_fini(struct disk *d);

#endif
