/*
 * operation.h -- one operation's way through attempts to its answer (private to this room).
 */
#ifndef DKV_CLIENT_OPERATION_H
#define DKV_CLIENT_OPERATION_H

#include "base/list.h"

/* Those that pause between attempts make the next one now. Under the client's lock. */
void operation_hurry_all(struct list *operations);

#endif
