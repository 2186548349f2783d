/*
 * config.h -- what a node is told at its start, and whether that can be.
 */
#ifndef DKV_NODE_CONFIG_H
#define DKV_NODE_CONFIG_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/err.h"
#include "base/log.h"
#include "node/address.h"
#include "node/settings.h"
#include "paxos/members.h"
#include "paxos/message.h"

#define CONFIG_PATH_SIZE_MAX 1024 /* With the NUL. The store may allow less. */

enum config_action {
    CONFIG_RUN = 0,
    CONFIG_HELP,
    CONFIG_VERSION,
    CONFIG_VERIFY, /* Check the data directory data_dir; nothing else is set. */
};

struct config {
    enum config_action action;
    struct members members; /* This node and its peers. */
    uint32_t id;
    /* "host:port" of each member, by index; one's own is where to listen. */
    char addresses[MEMBERS_MAX][ADDRESS_SIZE_MAX];
    char data_dir[CONFIG_PATH_SIZE_MAX];
    char cluster[CLUSTER_NAME_SIZE_MAX + 1];
    enum mode mode;  /* Of a new directory; once a node has started, that of its directory. */
    bool mode_given; /* Else an existing directory's is taken. */
    bool faults_enabled;
    enum log_format log_format;
    enum log_level log_level;
    uint64_t map_size;    /* Of each LMDB environment, in bytes; 0: the default of the store. */
    uint64_t state_max;   /* Of keys and values, in bytes. */
    uint64_t queue_bytes; /* Of clients' operations under way, in bytes. */
    uint32_t queue_ops;   /* The same, how many. */
    uint32_t pipeline;    /* Own slots unresolved at once. */
    uint64_t checkpoint_slots;
    /* One line each for the log, or "": what a person should know, though it is allowed. */
    char warning[SETTINGS_MESSAGE_SIZE_MAX];
};

/*
 * Read flags, environment and file. lookup is getenv(3), or a test's own. ERR_INVALID: a usage
 * error, message is one line that says what is wrong and what to do. ERR_NO_MEMORY.
 */
int config_load(int argc, char *const *argv, const char *(*lookup)(const char *name),
                struct config *out_config, char message[SETTINGS_MESSAGE_SIZE_MAX]) MUST_CHECK;

/* What --help prints. */
void config_print_help(FILE *out);

#endif
