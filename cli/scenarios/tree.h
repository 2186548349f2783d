/*
 * tree.h -- directories with all that is in them, and the ends of files.
 */
#ifndef DKV_CLI_SCENARIOS_TREE_H
#define DKV_CLI_SCENARIOS_TREE_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/err.h"

/* Make an empty directory dkv-cluster-XXXXXX, readable by its owner only, in $TMPDIR or /tmp.
 * ERR_IO: errno says why. */
int tree_make(char *out_path, size_t size) MUST_CHECK;

/* Remove path and all below it; links are removed, not followed. ERR_IO: something is left. */
int tree_remove(const char *path) MUST_CHECK;

/* The last `lines` lines (of the last 64 KiB) of a file, each behind `prefix`. What cannot be read
 * prints nothing. */
void tree_print_tail(const char *path, const char *prefix, uint32_t lines, FILE *out);

#endif
