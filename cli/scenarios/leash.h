/*
 * leash.h -- a process that does not outlive the one that started it, however that one ends.
 *
 * The kernel can send a process a signal when its parent is gone (prctl(2), PR_SET_PDEATHSIG), but
 * only the process itself can ask for that, and after a library has begun threads there must be no
 * fork(2) in which to ask. So the program starts itself again through posix_spawn(3), with
 * LEASH_ARGUMENT as first argument; that second self asks, and becomes what was wanted by execv(3).
 */
#ifndef DKV_CLI_SCENARIOS_LEASH_H
#define DKV_CLI_SCENARIOS_LEASH_H

#include <stdbool.h>

/* argv of the second self: PROGRAM LEASH_ARGUMENT PARENT-PID BINARY ARGUMENT... */
#define LEASH_ARGUMENT "--on-leash"
#define LEASH_ARGUMENTS 3 /* Of them, those before BINARY. */

/* Is this program such a second self? main asks before it does anything else. */
bool leash_is_asked(int argc, char *const *argv);

/* Become BINARY, to be killed (SIGKILL) when PARENT-PID's calling thread ends. Returns 127, the
 * exit code, with a line on stderr, when that cannot be. */
int leash_exec(int argc, char **argv);

#endif
