/*
 * commands.h -- every command there is, for the table.
 */
#ifndef DKV_CLI_COMMANDS_H
#define DKV_CLI_COMMANDS_H

#include "cli/table.h"

extern const struct command_entry command_put;
extern const struct command_entry command_get;
extern const struct command_entry command_append;
extern const struct command_entry command_delete;
extern const struct command_entry command_cas;
extern const struct command_entry command_load;
extern const struct command_entry command_bench;
extern const struct command_entry command_health;
extern const struct command_entry command_status;
extern const struct command_entry command_metrics;
extern const struct command_entry command_fetch_log;
extern const struct command_entry command_drop_rules;
extern const struct command_entry command_faults;
extern const struct command_entry command_die;
extern const struct command_entry command_scenario;

#endif
