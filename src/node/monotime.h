/*
 * monotime.h -- the only clock.
 *
 * Everything below gets its time as an argument; everything above asks here. Any thread.
 */
#ifndef DKV_NODE_MONOTIME_H
#define DKV_NODE_MONOTIME_H

#include <stdint.h>

#define MONOTIME_MS UINT64_C(1000000) /* In nanoseconds. */
#define MONOTIME_S UINT64_C(1000000000)

/* CLOCK_MONOTONIC: never goes back, and means nothing to another machine. > 0. */
uint64_t monotime_ns(void);

/* Processor time that this process has used, user and system, in nanoseconds. */
uint64_t monotime_cpu_ns(void);

#endif
