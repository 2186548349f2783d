/*
 * pulse.h -- one client that writes and reads without a pause, all the time that something else
 * happens to the cluster; and how long it had to wait at worst.
 */
#ifndef DKV_CLI_SCENARIOS_PULSE_H
#define DKV_CLI_SCENARIOS_PULSE_H

#include <stdint.h>

#include "cli/scenarios/stage.h"

struct pulse;

struct pulse_result {
    uint64_t done; /* Answered with OK. */
    uint64_t failed;
    uint64_t longest_gap_ns; /* Between two answers with OK, one after the other. */
    char error[256];         /* What the first that failed was told. */
};

/*
 * Begin: a put of a new value, a linearizable read, and so on, one at a time, at `node` while it
 * answers, else at the others. What it sees goes into the stage's journal. False: it has said so
 * with report_break.
 */
bool pulse_start(struct stage *s, uint32_t node, struct pulse **out_pulse);

/* Answers with OK so far. */
uint64_t pulse_done(struct pulse *p);

/* End it, after the operation that is under way. */
void pulse_stop(struct pulse *p, struct pulse_result *out_result);

#endif
