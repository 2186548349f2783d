/*
 * moment.h -- the clock that scenarios measure by: CLOCK_MONOTONIC, in nanoseconds.
 */
#ifndef DKV_CLI_SCENARIOS_MOMENT_H
#define DKV_CLI_SCENARIOS_MOMENT_H

#include <stdint.h>

#define MOMENT_MS UINT64_C(1000000)
#define MOMENT_S UINT64_C(1000000000)

uint64_t moment_now_ns(void);

/* Not at all, if at_ns is past. */
void moment_sleep_until_ns(uint64_t at_ns);
void moment_sleep_ms(uint64_t ms);

#endif
