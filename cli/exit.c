/* exit.c -- see exit.h. */
#include "cli/exit.h"

enum cli_exit exit_of_status(enum dkv_status status)
{
    switch (status) {
    case DKV_OK:
        return CLI_OK;
    case DKV_INVALID:
        return CLI_USAGE;
    case DKV_UNAVAILABLE:
    case DKV_BUSY:
        return CLI_UNAVAILABLE;
    case DKV_UNKNOWN:
        return CLI_UNKNOWN;
    case DKV_DENIED:
        return CLI_DENIED;
    case DKV_STALE:
    case DKV_EXPIRED:
    case DKV_MISMATCH:
    case DKV_TOO_LARGE:
    case DKV_UNSUPPORTED:
    case DKV_FAILED:
    case DKV_NO_MEMORY:
        break;
    }
    return CLI_ERROR;
}
