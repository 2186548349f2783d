#define _GNU_SOURCE
#include "node/checkpointer.h"

#include <assert.h>
#include <stddef.h>
#include <time.h>

#include "node/die.h"
#include "node/monotime.h"

#define REST_MAX_NS (20 * MONOTIME_MS)

/* Between two parts: rest for as long as it took, so that commits have half of the disk. */
static bool checkpointer_on_part(void *context)
{
    struct checkpointer *c = context;
    uint64_t took_ns = monotime_ns() - c->rested_ns;
    struct timespec rest = {.tv_nsec = (long)(took_ns < REST_MAX_NS ? took_ns : REST_MAX_NS)};
    (void)clock_nanosleep(CLOCK_MONOTONIC, 0, &rest, NULL); /* Shorter does no harm. */
    c->rested_ns = monotime_ns();
    return true;
}

static void checkpointer_on_mail(struct mail *mail, void *owner)
{
    (void)mail;
    struct checkpointer *c = owner;
    struct store_error error;
    uint64_t began_ns = monotime_ns();
    bool written;
    c->rested_ns = began_ns;
    const struct state_store_pacing pacing = {STORE_PART_MAX, checkpointer_on_part, c};
    int err = state_store_write(c->store, c->checkpoint, &pacing, &written, &error);
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
