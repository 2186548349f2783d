/* err.c -- see err.h. */
#include "base/err.h"

const char *err_text(int err)
{
    switch ((enum err)err) {
    case ERR_OK:
        return "ok";
    case ERR_NO_MEMORY:
        return "out of memory";
    case ERR_INVALID:
        return "invalid";
    case ERR_CORRUPT:
        return "corrupt";
    case ERR_NOT_FOUND:
        return "not found";
    case ERR_EXISTS:
        return "exists already";
    case ERR_BUSY:
        return "in use";
    case ERR_FULL:
        return "full";
    case ERR_MISMATCH:
        return "belongs to another";
    case ERR_IO:
        return "input/output error";
    case ERR_CLOSED:
        return "closed";
    case ERR_TIMEOUT:
        return "timed out";
    }
    return "unknown error";
}
