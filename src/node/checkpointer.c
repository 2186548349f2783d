#include "node/checkpointer.h"

#include <assert.h>
#include <stddef.h>

#include "node/die.h"
#include "node/monotime.h"

static void checkpointer_on_mail(struct mail *mail, void *owner)
{
    (void)mail;
    struct checkpointer *c = owner;
    struct store_error error;
    uint64_t began_ns = monotime_ns();
    int err = state_store_write(c->store, c->checkpoint, &error);
    if (err != 0)
        die("%s", error.text);
    histogram_record(c->latency, monotime_ns() - began_ns);
    checkpoint_free(c->checkpoint);
    c->checkpoint = NULL;
    c->mail.run = c->on_written;
    mailbox_push(c->answers, &c->mail);
}

int checkpointer_init(struct checkpointer *c)
{
    assert(c->store != NULL && c->answers != NULL && c->on_written != NULL);
    return worker_init(&c->worker, "dkv-checkpoint", c, NULL);
}

void checkpointer_fini(struct checkpointer *c)
{
    worker_fini(&c->worker);
}

void checkpointer_submit(struct checkpointer *c, struct checkpoint *checkpoint)
{
    assert(c->checkpoint == NULL);
    c->checkpoint = checkpoint;
    c->slot = checkpoint->head.applied;
    c->mail.run = checkpointer_on_mail;
    worker_push(&c->worker, &c->mail);
}
