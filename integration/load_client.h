/*
 * load_client.h -- one client of history-load: a session, and operations one after another.
 */
#ifndef DKV_INTEGRATION_LOAD_CLIENT_H
#define DKV_INTEGRATION_LOAD_CLIENT_H

#include "base/prng.h"
#include "load.h"

struct load_client {
    struct load *load;
    uint32_t id;
    pthread_t thread;
    struct dkv_client *dkv;
    struct prng prng;
    uint64_t tokens; /* Values written so far. */
};

/* Opened, with the endpoint of number id before the others; dkv_close(c->dkv) ends it. */
void load_client_init(struct load_client *c, struct load *load, uint32_t id);

/* For a thread of its own: operations until the load is over. context is the client. */
void *load_client_run(void *context);

/* Do op, and write down how it went. The answer is the caller's to finish. */
void load_client_do(struct load_client *c, const struct dkv_op *op, struct dkv_answer *answer);

#endif
