/*
 * report.h -- the figures of a measurement, for people and for programs.
 */
#ifndef DKV_CLI_BENCH_REPORT_H
#define DKV_CLI_BENCH_REPORT_H

#include <jansson.h>
#include <stdio.h>

#include "cli/bench/generator.h"

/* "put", "get", or puts and gets in a hundred, "50/50". */
#define REPORT_MODE_SIZE_MAX 32
void report_mode(const struct generator_options *options, char out[REPORT_MODE_SIZE_MAX]);

/* "linearizable" and so on; static. */
const char *report_consistency(enum target_consistency consistency);

/*
 * One object: target, mode, clients, seconds, ops, errors, ops_per_s, p50_ms, p95_ms, p99_ms,
 * p999_ms, max_ms, gap_ms and server_cpu_us_per_op (null without --pids), and then what else there
 * is to say. NULL: no memory. docs/performance.md explains the fields.
 */
json_t *report_json(const struct generator_options *options, const struct generator_result *result);

/* The same for a person. */
void report_print(FILE *out, const struct generator_options *options,
                  const struct generator_result *result);

/* A line of names, and a line for each second. */
void report_csv(FILE *out, const struct generator_result *result);

#endif
