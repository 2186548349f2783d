/*
 * cpu.h -- how much processor time other processes have used.
 */
#ifndef DKV_CLI_BENCH_CPU_H
#define DKV_CLI_BENCH_CPU_H

#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

#define CPU_PIDS_MAX 64
#define CPU_PID_MAX (4 * 1024 * 1024) /* As far as Linux counts. */

/* Processes; all zero is none. */
struct cpu_pids {
    uint32_t count;
    pid_t pids[CPU_PIDS_MAX];
};

/* "1,2,3". ERR_INVALID. */
int cpu_pids_parse(const char *text, struct cpu_pids *out) MUST_CHECK;

/*
 * User and system time of all of them, of every thread that they have or had, to the ns.
 * ERR_NOT_FOUND: *out_missing is not there.
 */
int cpu_read_ns(const struct cpu_pids *p, uint64_t *out_ns, pid_t *out_missing) MUST_CHECK;

/* The same of this process. */
uint64_t cpu_own_ns(void);

#endif
