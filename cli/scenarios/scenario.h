/*
 * scenario.h -- a story about a cluster, played on real processes, whose claims are checked.
 *
 * scenario_run sets the stage (stage.h), plays one of the scenarios of scenario_table, has the
 * checkers read what the clients saw, and cleans up: also after Ctrl-C, and when a check fails.
 */
#ifndef DKV_CLI_SCENARIOS_SCENARIO_H
#define DKV_CLI_SCENARIOS_SCENARIO_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "cli/exit.h"
#include "cli/scenarios/stage.h"

struct scenario {
    const char *name;
    const char *summary; /* For the help: one line. */
    uint32_t nodes_min;
    bool kills;  /* It kills and starts nodes. */
    bool faults; /* It sets fault rules. */
    void (*play)(struct stage *s);
};

/* All there are; a NULL name ends them. */
extern const struct scenario scenario_table[];

/* NULL: there is none of that name. */
const struct scenario *scenario_find(const char *name);

struct scenario_options {
    const char *endpoints;   /* "host:port,…", one for each node; NULL: a throwaway cluster. */
    const char *node_binary; /* Of the throwaway cluster; NULL: see cluster_find_binary. */
    const char *history;     /* Write what clients saw to this file; NULL: do not. */
    uint32_t timeout_ms;     /* Of an operation; 0: 10 s. */
    bool interactive;
    bool quick;
    bool keep;    /* Leave the throwaway cluster's directory behind, and say where it is. */
    bool is_json; /* One JSON object instead of text. */
    FILE *out;
};

/*
 * Play it. CLI_OK: all checks passed; CLI_CHECK: one failed; CLI_USAGE: it cannot be played with
 * these options; CLI_UNAVAILABLE: the given cluster does not answer; CLI_DENIED: it does not allow
 * faults; CLI_ERROR. What is no check's result is said on stderr. Once in a process at a time, from
 * its first thread, before there are others.
 */
enum cli_exit scenario_run(const struct scenario *scenario, const struct scenario_options *options);

/* The six. */
void basic_play(struct stage *s);
void duplicates_play(struct stage *s);
void failover_play(struct stage *s);
void recovery_play(struct stage *s);
void partition_play(struct stage *s);
void loadtest_play(struct stage *s);

#endif
