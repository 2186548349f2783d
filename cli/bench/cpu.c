/*
 * cpu.c -- see cpu.h.
 *
 * A process has a clock of its time on a processor that others may read (clock_getcpuclockid(3)):
 * exact, where the ticks of its stat file are 10 ms.
 */
#define _GNU_SOURCE
#include "cli/bench/cpu.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

#define SECOND_NS UINT64_C(1000000000)

int cpu_pids_parse(const char *text, struct cpu_pids *out)
{
    struct cpu_pids pids = {0};
    for (;;) {
        char *end = NULL;
        errno = 0;
        long pid = strtol(text, &end, 10);
        bool is_pid = *text >= '0' && *text <= '9' && errno == 0 && pid >= 1 && pid <= CPU_PID_MAX;
        if (!is_pid || pids.count == CPU_PIDS_MAX || (*end != ',' && *end != '\0'))
            return ERR_INVALID;
        pids.pids[pids.count] = (pid_t)pid;
        pids.count++;
        if (*end == '\0')
            break;
        text = end + 1;
    }
    *out = pids;
    return 0;
}

static uint64_t clock_read_ns(clockid_t clock, bool *out_ok)
{
    struct timespec t;
    *out_ok = clock_gettime(clock, &t) == 0;
    return *out_ok ? (uint64_t)t.tv_sec * SECOND_NS + (uint64_t)t.tv_nsec : 0;
}

int cpu_read_ns(const struct cpu_pids *p, uint64_t *out_ns, pid_t *out_missing)
{
    uint64_t sum_ns = 0;
    for (uint32_t i = 0; i < p->count; i++) {
        clockid_t clock;
        bool ok = clock_getcpuclockid(p->pids[i], &clock) == 0;
        if (ok)
            sum_ns += clock_read_ns(clock, &ok);
        if (!ok) {
            *out_missing = p->pids[i];
            return ERR_NOT_FOUND;
        }
    }
    *out_ns = sum_ns;
    return 0;
}

uint64_t cpu_own_ns(void)
{
    bool ok = false;
    uint64_t ns = clock_read_ns(CLOCK_PROCESS_CPUTIME_ID, &ok);
    assert(ok);
    return ns;
}
