/*
 * input.h -- values that come from a file or the standard input.
 */
#ifndef DKV_CLI_INPUT_H
#define DKV_CLI_INPUT_H

#include "base/bytes.h"
#include "base/err.h"

/*
 * All bytes of a file, "-" being the standard input; out is empty before. ERR_FULL: it has more
 * than size_max; ERR_IO: errno says why; ERR_NO_MEMORY.
 */
int input_read(const char *path, size_t size_max, struct buf *out) MUST_CHECK;

#endif
