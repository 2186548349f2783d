/* store_error.c -- see store_error.h. */
#include "store/store_error.h"

#include <stdarg.h>
#include <stdio.h>

int store_error_set(struct store_error *e, int err, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(e->text, sizeof(e->text), format, arguments);
    va_end(arguments);
    return err;
}
