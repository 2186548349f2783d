/*
 * golden.h -- bytes that must never change, as hexadecimal digits.
 */
#ifndef DKV_UNIT_GOLDEN_H
#define DKV_UNIT_GOLDEN_H

#include "unit.h"

#include <stdio.h>

#include "base/bytes.h"

/* These very bytes, as hexadecimal digits. */
static inline void assert_golden(struct bytes b, const char *hex)
{
    char text[1024];
    assert_true(2 * b.size < sizeof(text));
    text[0] = '\0';
    for (size_t i = 0; i < b.size; i++)
        (void)snprintf(text + 2 * i, 3, "%02x", b.data[i]);
    assert_string_equal(text, hex);
}

#endif
