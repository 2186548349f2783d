/* moment.c -- see moment.h. */
#define _GNU_SOURCE
#include "cli/scenarios/moment.h"

#include <errno.h>
#include <time.h>

uint64_t moment_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * MOMENT_S + (uint64_t)now.tv_nsec;
}

void moment_sleep_until_ns(uint64_t at_ns)
{
    const struct timespec at = {.tv_sec = (time_t)(at_ns / MOMENT_S),
                                .tv_nsec = (long)(at_ns % MOMENT_S)};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) == EINTR)
        continue;
}

void moment_sleep_ms(uint64_t ms)
{
    moment_sleep_until_ns(moment_now_ns() + ms * MOMENT_MS);
}
