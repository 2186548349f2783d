/*
 * worker.h -- a thread that does what its mailbox says, so that the loop need not.
 */
#ifndef DKV_NODE_WORKER_H
#define DKV_NODE_WORKER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "base/err.h"
#include "node/mailbox.h"

struct worker {
    struct mailbox mailbox;
    pthread_t thread;
    void *owner;
    void (*after)(void *owner); /* After each lot of mail that was taken and run; may be NULL. */
    struct mail stop_mail;
    bool stopping; /* The thread's. */
    bool started;
};

/*
 * Start a thread of that name (at most 15 bytes). Mail runs on it with this owner. The worker must
 * not move. ERR_IO: no thread or no descriptor is to be had.
 */
int worker_init(struct worker *w, const char *name, void *owner,
                void (*after)(void *owner)) MUST_CHECK;

/* Run what was pushed so far, and end the thread. All zero is fine. Nobody pushes any more. */
void worker_fini(struct worker *w);

/* Any thread. */
void worker_push(struct worker *w, struct mail *mail);

#endif
