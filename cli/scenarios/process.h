/*
 * process.h -- start a program on a leash (leash.h), with its output in a file; and how it ended.
 */
#ifndef DKV_CLI_SCENARIOS_PROCESS_H
#define DKV_CLI_SCENARIOS_PROCESS_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"

#define PROCESS_ARGUMENTS_MAX 24

/*
 * arguments[0] is the program's path; NULL ends them. What it prints is added to log_path. It gets
 * no other open file, no variable DKV_..., default signals, and a process group of its own. The
 * leash is held by the calling thread. ERR_IO: errno says why; a program that cannot be started
 * ends with code 127, and a line in its log.
 */
int process_start(const char *const *arguments, const char *log_path, pid_t *out_pid) MUST_CHECK;

/* Has it ended? Then it is reaped, and *out_status is as waitpid(2) gives it. */
bool process_has_ended(pid_t pid, int *out_status);

/* Wait for it to end: for ever, or false after timeout_ms >= 0. */
bool process_wait(pid_t pid, int timeout_ms, int *out_status);

#endif
