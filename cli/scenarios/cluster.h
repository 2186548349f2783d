/*
 * cluster.h -- a throwaway cluster: real dkv-node processes on free ports of this machine, with
 * their data and their logs in a new directory, all gone when it is closed.
 *
 * The nodes are started through leash.h, so that they end with this process even if that is killed
 * with -9. They form process groups of their own: a Ctrl-C at the terminal does not reach them.
 * Variables DKV_... of the environment are kept from them.
 *
 * Nodes are counted from 0 here; node i has the id i + 1.
 *
 * Threads. Open and start nodes from one thread that lives as long as the cluster (the leash is
 * held by the thread); the rest from any.
 */
#ifndef DKV_CLI_SCENARIOS_CLUSTER_H
#define DKV_CLI_SCENARIOS_CLUSTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "base/err.h"

#define CLUSTER_NODES_MAX 9
#define CLUSTER_ADDRESS_SIZE_MAX 32
#define CLUSTER_TEXT_SIZE_MAX 1024

struct cluster;

struct cluster_options {
    uint32_t nodes;          /* 1 to CLUSTER_NODES_MAX */
    const char *node_binary; /* NULL: looked for, see cluster_find_binary. */
    uint32_t ready_timeout_ms;
    bool keep; /* Leave the directory behind at the end, and say on stderr where it is. */
    /* Is the node at this address ready to serve? Asked now and then, while one waits for it. */
    bool (*is_ready)(void *context, const char *address);
    void *context;
};

/* A cluster that has not been started: nothing to clean up but its memory. ERR_NO_MEMORY. */
int cluster_new(const struct cluster_options *options, struct cluster **out_cluster) MUST_CHECK;

/*
 * Start the nodes, once, and wait until all are ready. Nodes that find their port taken are given
 * other ones. On an error no process and no directory is left, and out_text says what happened,
 * with the end of the log of the node that did not start. ERR_NOT_FOUND: there is no such program;
 * ERR_IO, ERR_TIMEOUT, ERR_FULL (no free ports), ERR_NO_MEMORY.
 */
int cluster_start(struct cluster *c, char out_text[CLUSTER_TEXT_SIZE_MAX]) MUST_CHECK;

/*
 * Stop all nodes that are running with SIGTERM (who does not end within 10 s, with SIGKILL).
 * Returns how many of them did not end with exit code 0; their logs are still there.
 */
uint32_t cluster_stop(struct cluster *c);

/* Kill what is still running, remove the directory (or keep it), free. NULL is fine. */
void cluster_close(struct cluster *c);

/*
 * For whoever ends the process now: as cluster_close, but for the memory. No node can be
 * started afterwards: who tries waits for ever.
 */
void cluster_wreck(struct cluster *c);

uint32_t cluster_nodes(const struct cluster *c);

/* "127.0.0.1:PORT"; lives as long as the cluster. */
const char *cluster_address(const struct cluster *c, uint32_t node);

/* Where data and logs are; lives as long as the cluster. */
const char *cluster_directory(const struct cluster *c);

/* 0: it is not running. */
pid_t cluster_pid(struct cluster *c, uint32_t node);

/* SIGKILL, and wait until it is gone. */
void cluster_kill(struct cluster *c, uint32_t node);

/* SIGSTOP and SIGCONT to a running node. */
void cluster_pause(struct cluster *c, uint32_t node);
void cluster_resume(struct cluster *c, uint32_t node);

/*
 * Start a node that is not running, on its old port and with its old data, and wait until it is
 * ready. Errors and out_text as for cluster_start; the node is not running then.
 */
int cluster_restart(struct cluster *c, uint32_t node,
                    char out_text[CLUSTER_TEXT_SIZE_MAX]) MUST_CHECK;

/* The last lines of each node's log. */
void cluster_print_logs(struct cluster *c, FILE *out, uint32_t lines);

/*
 * Where dkv-node is: `given`, else the variable DKV_NODE, else ../src/dkv-node or dkv-node, seen
 * from this program's own folder. ERR_NOT_FOUND with out_text.
 */
int cluster_find_binary(const char *given, char *out_path, size_t size,
                        char out_text[CLUSTER_TEXT_SIZE_MAX]) MUST_CHECK;

#endif
