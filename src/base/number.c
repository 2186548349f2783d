/* number.c -- see number.h. */
#include "base/number.h"

#include <string.h>

int number_parse_until(const char *text, const char *end, uint64_t *out)
{
    if (text == end)
        return ERR_INVALID;
    uint64_t number = 0;
    for (; text != end; text++) {
        if (*text < '0' || *text > '9')
            return ERR_INVALID;
        uint64_t digit = (uint64_t)(*text - '0');
        if (number > (UINT64_MAX - digit) / 10)
            return ERR_INVALID;
        number = number * 10 + digit;
    }
    *out = number;
    return 0;
}

int number_parse(const char *text, uint64_t *out)
{
    return number_parse_until(text, text + strlen(text), out);
}
