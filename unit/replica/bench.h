/*
 * bench.h -- a few replicas on a table: no time, no disk and no network but what the test says.
 *
 * Time stands still until bench_run. Messages wait in a queue until delivered; a filter may drop
 * them, and large ones may take their time. A node's writes are durable when bench_sync says so;
 * bench_run syncs at once the nodes whose `stalled` is not set. A fetch is answered from what is
 * durable. Checkpoints are lost, or with `checkpoints` said to be written at the next sync, which
 * makes a node forget slots; a restart replays from the first. For more than that there is the
 * simulator.
 */
#ifndef DKV_UNIT_REPLICA_BENCH_H
#define DKV_UNIT_REPLICA_BENCH_H

#include <stdbool.h>
#include <stdint.h>

#include "replica/replica.h"

#define BENCH_ANSWERS 4096
#define MS UINT64_C(1000000)

struct bench_letter {
    uint32_t from;
    uint32_t to;
    uint64_t due_ns; /* When it is there. */
    struct message message;
};

struct bench_answer {
    bool given;
    enum answer_status status;
    enum result_code code;
    bool applied;
    bool duplicate;
    bool found;
    uint64_t slot;
    uint64_t revision;
    char value[64]; /* Of a read, or an append's output; empty when there is none. */
};

/* What a node has asked its disk for, in that order; the first `synced` of them are on it. */
struct bench_disk {
    struct durable *records;
    size_t count;
    size_t capacity;
    size_t synced;
};

struct bench {
    uint32_t count;
    uint64_t now_ns;
    bool admitted;
    enum mode mode;
    struct replica_tuning tuning;
    uint64_t boots[MEMBERS_MAX];
    uint64_t lives[MEMBERS_MAX];
    uint8_t wipes[MEMBERS_MAX];
    struct bench_disk disks[MEMBERS_MAX];
    struct replica *nodes[MEMBERS_MAX];
    struct effects effects[MEMBERS_MAX];
    uint64_t to_sync[MEMBERS_MAX];
    bool stalled[MEMBERS_MAX];  /* Its disk does not sync in bench_run. */
    bool dead[MEMBERS_MAX];     /* Neither steps nor gets messages. */
    int ends_with[MEMBERS_MAX]; /* It may end with that error, and is dead then; 0: it may not. */
    bool no_disk;               /* Nothing is kept of what is written: no restart, no fetch. */
    unsigned long allocations;  /* Made by the replicas' steps. */
    bool checkpoints;
    uint64_t checkpoint_slot[MEMBERS_MAX]; /* To be said to be written; 0: none is. */
    uint64_t frozen_slot[MEMBERS_MAX];     /* Of the last checkpoint that was handed out. */
    /* Of this node's allocations so many succeed; one fails, and it dies of it. < 0: none fails. */
    uint32_t short_of_memory;
    long memory;
    struct bench_letter *queue;
    size_t queue_count;
    size_t queue_capacity;
    /* Returns true for what is lost. NULL: nothing is. */
    bool (*lose)(const struct bench *b, const struct bench_letter *letter);
    uint64_t link_ns; /* How long each message is on its way. */
    /* How long a link takes for each byte of a value; 0: no time. What comes next waits behind. */
    uint64_t link_ns_per_byte;
    bool links_hide; /* Senders are not told that something is still on its way. */
    uint64_t link_free_ns[MEMBERS_MAX][MEMBERS_MAX];
    struct bench_answer answers[BENCH_ANSWERS]; /* By handle. */
    uint64_t sent[MESSAGE_COMING + 1];          /* Messages by kind since the start. */
    struct notice notice;                       /* The last one of any node, */
    uint64_t notices;                           /* and how many there were. */
};

/* `count` nodes with ids 1.., all connected to each other: in classic mode, admitted or not. */
struct bench *bench_open(uint32_t count, bool admitted);
/* In coordinated mode, admitted. */
struct bench *bench_open_coordinated(uint32_t count);
/* Admitted. */
struct bench *bench_open_tuned(uint32_t count, const struct replica_tuning *tuning, enum mode mode);
/* Ends the test when anything is left allocated. */
void bench_close(struct bench *b);

/* One event to one node, with its effects carried out. */
void bench_step(struct bench *b, uint32_t node, struct event event);
void bench_tick(struct bench *b, uint32_t node);
void bench_sync(struct bench *b, uint32_t node);

/* The last record of a kind for a slot (or peer) that is on a node's disk, or NULL. */
const struct durable *bench_on_disk(const struct bench *b, uint32_t node, enum durable_kind kind,
                                    uint64_t slot);

/* Lose power, and start again from what was synced: next boot, streams up, nothing said yet. */
void bench_restart(struct bench *b, uint32_t node);

/* The same with an empty disk, which is another disk. */
void bench_wipe(struct bench *b, uint32_t node);

/* Lose power, and start again, in the same boot, from an older copy of the same disk, which had so
   many records. */
void bench_rewind(struct bench *b, uint32_t node, size_t records);

/* A message as if `from` had sent it. */
void bench_say(struct bench *b, uint32_t from, uint32_t to, struct message m);

/* A `lose`: of three nodes, the last one hears nothing, and is not heard. */
bool bench_lose_all_of_node_2(const struct bench *b, const struct bench_letter *letter);

/* Deliver all that is queued and due, with what follows, until nothing is. */
void bench_deliver(struct bench *b);

/* Let time go by in steps of 1 ms, delivering, syncing and ticking. */
void bench_run(struct bench *b, uint64_t ms);

/* Operations; handle < BENCH_ANSWERS, the deadline 10 s ahead. They wait for a tick. */
void bench_write(struct bench *b, uint32_t node, uint64_t handle, const struct command *c);
void bench_put(struct bench *b, uint32_t node, uint64_t handle, const char *key, const char *value);
void bench_append(struct bench *b, uint32_t node, uint64_t handle, const char *key,
                  const char *value, const char *client_id, uint64_t op_id);
void bench_get(struct bench *b, uint32_t node, uint64_t handle, const char *key);
void bench_get_as(struct bench *b, uint32_t node, uint64_t handle, const char *key,
                  enum consistency consistency);

/* All nodes that live have applied the same slot with the same hash. */
bool bench_is_converged(const struct bench *b);

#endif
