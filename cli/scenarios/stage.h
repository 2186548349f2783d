/*
 * stage.h -- where a scenario plays: a cluster, a client for each of its nodes, what they saw, and
 * what is told about it.
 *
 * The cluster is either a throwaway one (cluster.h) or one that is there already, given by its
 * endpoints. Nodes of the latter are stopped and started by the person at the keyboard, who is
 * asked to.
 *
 * Nodes are counted from 0. A scenario that meets a failure which leaves it no way on says so with
 * report_break and returns; functions here that return bool have done the former when they return
 * false.
 *
 * Threads: the scenario's own, but for what is said otherwise.
 */
#ifndef DKV_CLI_SCENARIOS_STAGE_H
#define DKV_CLI_SCENARIOS_STAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli/scenarios/cluster.h"
#include "cli/scenarios/journal.h"
#include "cli/scenarios/report.h"
#include "client/admin.h"
#include "dkv/dkv.h"

#define STAGE_NODES_MAX CLUSTER_NODES_MAX
#define STAGE_KEY_SIZE_MAX 64

struct stage_node {
    char address[256];
    uint32_t id;
    struct dkv_client *client; /* Of this node alone. */
    struct admin *admin;
};

struct stage {
    struct report report;
    struct journal journal;
    struct dkv_io *io;
    struct cluster *cluster; /* NULL: the endpoints were given. */
    bool interactive;        /* The person stops and starts nodes of given endpoints. */
    bool quick;              /* Small and short, for tests: figures are printed, not judged. */
    uint32_t timeout_ms;     /* Of an operation; 0: the client's default. */
    uint32_t nodes_count;
    struct stage_node nodes[STAGE_NODES_MAX];
    char prefix[STAGE_KEY_SIZE_MAX]; /* What the keys of this run begin with. */
};

/* ---- Operations through one node: told, and kept in the journal ---------------------------- */

/* The key of this run that is called name; out_key is a string. */
void stage_key(const struct stage *s, const char *name, char out_key[STAGE_KEY_SIZE_MAX]);

/* Execute op at the node; neither told nor judged. dkv_answer_fini. */
void stage_execute(struct stage *s, uint32_t node, const struct dkv_op *op,
                   struct dkv_answer *out_answer);

/* Put, append, delete: tell it, and check that it is answered with OK. */
bool stage_put(struct stage *s, uint32_t node, const char *name, const char *value);
bool stage_append(struct stage *s, uint32_t node, const char *name, const char *value);
bool stage_delete(struct stage *s, uint32_t node, const char *name);

/* A linearizable read: check that it gives `value`, or that there is no such key (NULL). */
bool stage_expect(struct stage *s, uint32_t node, const char *name, const char *value);

/* ---- Looking in ---------------------------------------------------------------------------- */

/* *out_value is the sum over all labels. Break: the node does not answer, or has no such metric. */
bool stage_metric(struct stage *s, uint32_t node, const char *name, double *out_value);

/* Check that all nodes come to the same applied slot and state hash, within the time of an
 * operation. */
bool stage_converge(struct stage *s);

/* Would the node at this address serve a linearizable read now? Any thread. */
bool stage_is_ready(void *stage, const char *address);

/* ---- Breaking things ----------------------------------------------------------------------- */

/* kill -9, and start again: by ourselves or by the person. */
bool stage_kill(struct stage *s, uint32_t node);
bool stage_restart(struct stage *s, uint32_t node);

#endif
