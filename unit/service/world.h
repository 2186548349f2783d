/*
 * world.h -- nodes with all their services in one process, for tests that call them as clients do.
 */
#ifndef DKV_UNIT_SERVICE_WORLD_H
#define DKV_UNIT_SERVICE_WORLD_H

#include "../unit.h"

#include <pthread.h>

#include "kv/command.h"
#include "node/node.h"
#include "rpc/client.h"
#include "wire/kv_wire.h"

#define WORLD_NODES_MAX 3

struct world_node {
    struct config config;
    struct node *node; /* NULL: it does not run. */
    struct rpc_server *server;
    struct rpc_channel *channel;
    pthread_t loop;
};

struct world {
    uint32_t count;
    char dir[64];
    struct rpc_client *client;
    struct world_node nodes[WORLD_NODES_MAX];
};

/* What a test program does first: only errors are logged, and signals are no business of ours. */
void world_begin(void);

/* The mode that the program's first argument names; without one, coordinated. */
enum mode world_mode(int argc, char **argv);

/* The cluster of a whole program: fixtures of cmocka for one of a single node. */
extern struct world world;
int world_setup_alone(void **state);
int world_teardown(void **state);

/*
 * Start `count` nodes on free ports, with empty directories, and wait until all are ready. In
 * coordinated mode, or in the one given.
 */
void world_open(struct world *w, uint32_t count, bool faults_enabled);
void world_open_mode(struct world *w, enum mode mode, uint32_t count, bool faults_enabled);

/* Stop what runs, and remove the directories. */
void world_close(struct world *w);

/* Stop a node as SIGTERM does, and start it again; index from 0. */
void world_stop(struct world *w, uint32_t index);
void world_start(struct world *w, uint32_t index);

/* Wait until Admin.Health says ready, or fail the test after 10 s. */
void world_wait_ready(struct world *w, uint32_t index);

/* Call a method; the request's memory moves (NULL: empty). The body is the caller's to free. */
struct rpc_result world_call(struct world *w, uint32_t index, const char *method,
                             struct buf *request, uint64_t timeout_ns);

/* Write, and give the status; out_result may be NULL. */
enum rpc_status world_write(struct world *w, uint32_t index, const struct command *c,
                            uint64_t timeout_ns, struct rpc_result *out_result);
enum rpc_status world_put(struct world *w, uint32_t index, const char *key, const char *value);

/* Read into a NUL-terminated text of at most size - 1 bytes; "" if it is not there. */
enum rpc_status world_get(struct world *w, uint32_t index, const char *key,
                          enum wire_consistency consistency, uint64_t timeout_ns, char *out_value,
                          size_t size);

/* Drop everything between a node and all others, or end that. */
void world_cut(struct world *w, uint32_t index, bool cut);

#endif
