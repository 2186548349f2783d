/*
 * clients.h -- who uses the cluster, and what they saw.
 *
 * Each client keeps a few operations under way, on keys that all of them fight for. What is not
 * answered is sent again, the same (client_id, op_id) with the same born, to another node; some
 * send one operation to several nodes at once, some repeat long after the answer, some have no
 * client_id and never retry. What each of them saw goes into a history.
 */
#ifndef DKV_SIM_CLIENTS_H
#define DKV_SIM_CLIENTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "history/history.h"
#include "kv/command.h"
#include "reads.h"
#include "replica/replica.h"

struct world;
struct task;

#define CLIENTS_MAX 32
#define CLIENT_PIPELINE_MAX 8
#define SIM_CLIENT_ID_SIZE 8
#define SIM_ATTEMPTS_MAX 60
#define CLIENT_KEYS_MAX 16

/* One operation, over all its attempts. Kept until the end of the run. */
struct sim_op {
    uint64_t number;        /* From 1 on; handles are number * 64 + attempt. */
    uint64_t min_slot;      /* Of a sequential read: what its session had seen. */
    uint64_t min_revision;  /* Of any read: the same. */
    struct bytes client_id; /* Borrowed from client_id_bytes; empty: none. */
    uint64_t op_id;
    uint64_t born;
    struct command meant; /* What to encode for an attempt; borrows from text. */
    struct buf text;      /* Key, value and expected value. */
    struct buf command;   /* As encoded for the last attempt. */
    uint64_t timeout_ns;
    uint64_t due_ns;    /* Of a probe: it must be answered by then. */
    uint64_t answered;  /* By the nodes: bit of each attempt. */
    uint64_t timer;     /* The timer that counts. */
    uint64_t done_slot; /* Where a node said it was executed; 0: nobody did. */
    uint64_t done_revision;
    size_t history_index;
    uint8_t client_id_bytes[SIM_CLIENT_ID_SIZE];
    uint32_t client; /* Index. */
    uint32_t key_index;
    uint32_t attempts; /* Made so far, */
    uint32_t waiting;  /* and those neither answered nor given up. */
    uint32_t probe_node;
    enum consistency consistency;
    bool is_open;  /* The client waits for it. */
    bool is_probe; /* At probe_node: it must succeed, by due_ns. */
    bool is_read;
    bool has_id;
    bool has_history;
    bool in_doubt; /* Some attempt may have taken effect, and its answer is not known. */
};

struct client {
    bool has_id;
    bool idle;
    uint8_t id[SIM_CLIENT_ID_SIZE];
    uint64_t op_id;    /* Of the last operation begun. */
    uint64_t slot;     /* The highest seen in an answer. */
    uint64_t revision; /* The store's, with it. */
    uint32_t home;     /* Node it talks to first. */
    bool pinned;       /* It never talks to another. */
    bool waits;        /* Its pipeline is full. */
    struct sim_op *open[CLIENT_PIPELINE_MAX];
    uint32_t open_count;
};

/* An answer on its way to the client. */
struct reply {
    struct sim_op *op;
    uint32_t attempt;
    uint32_t node;
    struct answer answer; /* With references. */
};

struct clients {
    struct client clients[CLIENTS_MAX + 1]; /* The last one probes. */
    struct sim_op **ops;
    size_t ops_count;
    size_t ops_capacity;
    size_t open;
    uint64_t ok;
    uint64_t ids;                        /* Given out. */
    uint64_t keys;                       /* Operations on the present generation of keys, */
    uint64_t epoch;                      /* and its number. */
    struct buf guesses[CLIENT_KEYS_MAX]; /* What each key was last seen to hold. */
    bool guess_found[CLIENT_KEYS_MAX];
    uint64_t silent_to_ns; /* Nobody begins anything before then. */
    struct reads reads;
    bool stopped;
    bool undecided; /* The history was too hard to check. */
    struct history history;
};

void clients_init(struct world *w);
void clients_fini(struct world *w);

/* No new operations; what is under way comes to its end. */
void clients_stop(struct world *w);

/* One write and one read at this node, which must be answered within limit_ns. */
void clients_probe(struct world *w, uint32_t node, uint64_t limit_ns);

/* TASK_CLIENT, TASK_TIMER, TASK_REPLY. */
void clients_on_task(struct world *w, const struct task *t);

/* The node gives this answer; references move. */
void clients_on_answer(struct world *w, uint32_t node, struct answer *a);

void reply_free(struct reply *r);

/* operations.c: make up the next operation of a client; it is not sent yet. */
struct sim_op *operation_new(struct world *w, uint32_t client);
struct sim_op *operation_new_probe(struct world *w, bool is_read);

/* Encode what op means, with the floor that its client has now. */
void operation_encode(struct world *w, struct sim_op *op);

/* Close the operation's line in the history. a: NULL when there was no answer. */
void operation_record(struct world *w, struct sim_op *op, enum history_outcome outcome,
                      const struct reply *r);

/* check.c: linearizable, exactly once, revisions in order. A fault is the world's failure. */
void clients_check(struct world *w);

#endif
