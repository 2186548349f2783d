/*
 * stage_setup.h -- put up what stage.h describes, and take it down.
 */
#ifndef DKV_CLI_SCENARIOS_STAGE_SETUP_H
#define DKV_CLI_SCENARIOS_STAGE_SETUP_H

#include "cli/scenarios/scenario.h"

/*
 * Fill *s, which is all zero, for the scenario: CLI_OK, or another code (scenario_run) after saying
 * on stderr what is wrong. From then on Ctrl-C cleans up and ends the process. In both cases
 * stage_close.
 */
enum cli_exit stage_open(struct stage *s, const struct scenario *scenario,
                         const struct scenario_options *options);

/* No operation may be under way. Returns how many nodes of a throwaway cluster ended with an
 * error when they were stopped; the end of their logs is then on stderr. */
uint32_t stage_close(struct stage *s);

#endif
