/*
 * exit.h -- what dkv-cli tells a script by its exit code.
 */
#ifndef DKV_CLI_EXIT_H
#define DKV_CLI_EXIT_H

#include "dkv/dkv.h"

enum cli_exit {
    CLI_OK = 0,            /* Also a delete of nothing. */
    CLI_ERROR = 1,         /* Anything that has no number of its own. */
    CLI_USAGE = 2,         /* The command line, or a key or value beyond its limit. */
    CLI_NOT_FOUND = 3,     /* There is no such key. */
    CLI_UNAVAILABLE = 4,   /* No node did it in time; a write was certainly not applied. */
    CLI_UNKNOWN = 5,       /* Time is up, and the write may have been applied. */
    CLI_COMPARISON = 6,    /* A compare-and-set found something else. */
    CLI_DENIED = 7,        /* The node does not allow it. */
    CLI_CHECK = 8,         /* A scenario saw what must not be. */
    CLI_INTERRUPTED = 130, /* Ctrl-C. */
};

/* The code for an operation that ended with this status. */
enum cli_exit exit_of_status(enum dkv_status status);

#endif
