/* number.h -- numbers that people write. Pure. Any thread. */
#ifndef DKV_BASE_NUMBER_H
#define DKV_BASE_NUMBER_H

#include <stdint.h>

#include "base/err.h"

/* Decimal digits and nothing else. ERR_INVALID: it is none, or passes 64 bits. */
int number_parse(const char *text, uint64_t *out) MUST_CHECK;

/* The same, of the characters before end. */
int number_parse_until(const char *text, const char *end, uint64_t *out) MUST_CHECK;

#endif
