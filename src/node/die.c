#define _GNU_SOURCE
#include "node/die.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "base/log.h"

void die(const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    log_error("%s", text);
    _exit(1);
}

void die_no_memory(const char *what)
{
    die("no memory for %s: give the machine more or lower --state-max, and start again", what);
}
