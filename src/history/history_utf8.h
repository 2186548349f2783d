/*
 * history_utf8.h -- which bytes are text.
 */
#ifndef DKV_HISTORY_HISTORY_UTF8_H
#define DKV_HISTORY_HISTORY_UTF8_H

#include <stdbool.h>
#include <stddef.h>

#include "base/bytes.h"

/*
 * Well-formed UTF-8 after the Unicode Standard, table 3-7: no overlong forms, no surrogates,
 * nothing above U+10FFFF. NUL is a character like others.
 */
static inline bool history_utf8_is_valid(struct bytes b)
{
    size_t i = 0;
    while (i < b.size) {
        uint8_t lead = b.data[i];
        if (lead < 0x80) {
            i++;
            continue;
        }
        if (lead < 0xc2 || lead > 0xf4)
            return false;
        size_t more = lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : 3;
        if (b.size - i <= more)
            return false;
        /* Only the second byte's range depends on the first. */
        uint8_t low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
        uint8_t high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
        if (b.data[i + 1] < low || b.data[i + 1] > high)
            return false;
        for (size_t k = 2; k <= more; k++) {
            if ((b.data[i + k] & 0xc0) != 0x80)
                return false;
        }
        i += more + 1;
    }
    return true;
}

#endif
