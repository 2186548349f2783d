/*
 * cleanup.h -- Ctrl-C, SIGTERM and SIGHUP end the process, after it has cleaned up.
 *
 * A thread of its own takes the signals, so that what it does is not bound to what a signal handler
 * may do, and so that it does not matter what the other threads wait for.
 */
#ifndef DKV_CLI_SCENARIOS_CLEANUP_H
#define DKV_CLI_SCENARIOS_CLEANUP_H

#include "base/err.h"

#define CLEANUP_EXIT_CODE 130

/*
 * From here on those signals run clean_up(context) on a thread of its own, and then end the process
 * with CLEANUP_EXIT_CODE. Call it once, before there are other threads: they
 * inherit that the signals are not for them. SIGPIPE is ignored. ERR_NO_MEMORY.
 */
int cleanup_begin(void (*clean_up)(void *context), void *context) MUST_CHECK;

/* Back to how it was. After it returned clean_up is not called; if it is running, this never
 * returns. */
void cleanup_end(void);

#endif
