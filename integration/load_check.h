/*
 * load_check.h -- when all is over: every key is read once more, and the history is judged.
 *
 * A check returns 0, or the exit code that it calls for, with the reason on stderr.
 */
#ifndef DKV_INTEGRATION_LOAD_CHECK_H
#define DKV_INTEGRATION_LOAD_CHECK_H

#include "load_client.h"

/* Every key can be read, and each append took effect once. */
int load_check_keys(struct load_client *reader);

/* The history is linearizable, and its revisions hold together. */
int load_check_history(struct load *load);

#endif
