#define _GNU_SOURCE
#include "node/monotime.h"

#include <assert.h>
#include <stddef.h>
#include <time.h>

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec t;
    int err = clock_gettime(clock, &t);
    assert(err == 0); /* Both clocks exist on every Linux. */
    (void)err;
    return (uint64_t)t.tv_sec * MONOTIME_S + (uint64_t)t.tv_nsec;
}

uint64_t monotime_ns(void)
{
    return clock_ns(CLOCK_MONOTONIC);
}

uint64_t monotime_cpu_ns(void)
{
    return clock_ns(CLOCK_PROCESS_CPUTIME_ID);
}
