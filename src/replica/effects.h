/*
 * effects.h -- adding to what the driver is to do.
 *
 * Each of these returns ERR_NO_MEMORY, and takes what references it needs of its own.
 */
#ifndef DKV_REPLICA_EFFECTS_H
#define DKV_REPLICA_EFFECTS_H

#include "replica/replica.h"

/* d->value is referenced. */
int effects_add_write(struct effects *e, const struct durable *d) MUST_CHECK;

/* The references of m (value, hello) move into e. */
int effects_add_send(struct effects *e, uint32_t peer, const struct message *m) MUST_CHECK;

/* The references of a (result, entry) move into e. */
int effects_add_answer(struct effects *e, const struct answer *a) MUST_CHECK;

int effects_add_notice(struct effects *e, const struct notice *n) MUST_CHECK;

#endif
