#define _GNU_SOURCE
#include "node/checkpointer.h"

#include <assert.h>
#include <stddef.h>
#include <time.h>

#include "base/list.h"
#include "node/die.h"
#include "node/monotime.h"

#define REST_MAX_NS (20 * MONOTIME_MS)
#define HURRY_FROM (STORE_JOURNAL_SIZE_DEFAULT / 2)
#define MERGES_MAX 4 /* Between two parts of a checkpoint. */

/* ---- Resting -------------------------------------------------------------------------------- */

static void checkpointer_begin(struct checkpointer *c)
{
    c->rested_ns = monotime_ns();
}

/* A part is on the disk. */
static void checkpointer_rest(struct checkpointer *c)
{
    uint64_t took_ns = monotime_ns() - c->rested_ns;
    uint64_t rest_ns = took_ns < REST_MAX_NS ? took_ns : REST_MAX_NS;
    bool hurries = acceptor_store_unmerged(c->acceptor) >= HURRY_FROM || atomic_load(&c->pressed) ||
                   atomic_load(&c->stopping);
    struct timespec rest = {.tv_nsec = (long)rest_ns};
    if (!hurries)
        (void)clock_nanosleep(CLOCK_MONOTONIC, 0, &rest, NULL); /* Shorter does no harm. */
    checkpointer_begin(c);
}

/* ---- Merging -------------------------------------------------------------------------------- */

static void checkpointer_merge_part(struct checkpointer *c)
{
    struct store_error error;
    if (acceptor_store_merge(c->acceptor, STORE_PART_MAX, &error) != 0)
        die("%s", error.text);
}

/* One part. What came meanwhile, a checkpoint above all, is done before the next. */
static void checkpointer_on_merge(struct mail *mail, void *owner)
{
    (void)mail;
    struct checkpointer *c = owner;
    atomic_store(&c->merging, false);
    checkpointer_begin(c);
    checkpointer_merge_part(c);
    checkpointer_rest(c);
    if (!atomic_load(&c->stopping))
        checkpointer_on_committed(c);
}

void checkpointer_on_committed(struct checkpointer *c)
{
    if (acceptor_store_unmerged(c->acceptor) >= STORE_PART_MAX &&
        !atomic_exchange(&c->merging, true))
        worker_push(&c->worker, &c->merge_mail);
}

/* ---- Checkpoints ---------------------------------------------------------------------------- */

/*
 * Between two parts of a checkpoint: commits go on meanwhile, and the journal must not fill. A part
 * of each in turn, or some more while it is half full, but not all: with commits as fast as merges
 * there is always more to merge, and the checkpoint would never end.
 */
static bool checkpointer_on_part(void *context)
{
    struct checkpointer *c = context;
    uint64_t enough = STORE_PART_MAX;
    checkpointer_rest(c);
    for (int i = 0; i < MERGES_MAX && acceptor_store_unmerged(c->acceptor) >= enough; i++) {
        checkpointer_merge_part(c);
        checkpointer_rest(c);
        enough = HURRY_FROM;
    }
    return !atomic_load(&c->stopping);
}

static void checkpointer_on_mail(struct mail *mail, void *owner)
{
    (void)mail;
    struct checkpointer *c = owner;
    struct store_error error;
    bool written;
    uint64_t began_ns = monotime_ns();
    checkpointer_begin(c);
    while (acceptor_store_chosen_to(c->acceptor) < c->slot) {
        assert(acceptor_store_unmerged(c->acceptor) > 0); /* It is durable, so it is in there. */
        checkpointer_merge_part(c);
        checkpointer_rest(c);
    }
    const struct state_store_pacing pacing = {STORE_PART_MAX, checkpointer_on_part, c};
    int err = state_store_write(c->store, c->checkpoint, &pacing, &written, &error);
    if (err != 0)
        die("%s", error.text);
    checkpoint_free(c->checkpoint);
    c->checkpoint = NULL;
    if (!written)
        return;
    histogram_record(c->latency, monotime_ns() - began_ns);
    c->mail.run = c->on_written;
    mailbox_push(c->answers, &c->mail);
}

void checkpointer_submit(struct checkpointer *c, struct checkpoint *checkpoint)
{
    assert(c->checkpoint == NULL);
    c->checkpoint = checkpoint;
    c->slot = checkpoint->head.applied;
    c->mail.run = checkpointer_on_mail;
    worker_push(&c->worker, &c->mail);
}

void checkpointer_press(struct checkpointer *c, bool pressed)
{
    atomic_store_explicit(&c->pressed, pressed, memory_order_relaxed);
}

/* ---- Life ----------------------------------------------------------------------------------- */

int checkpointer_init(struct checkpointer *c)
{
    assert(c->acceptor != NULL && c->store != NULL && c->answers != NULL && c->on_written != NULL);
    c->merge_mail.run = checkpointer_on_merge;
    return worker_init(&c->worker, "dkv-checkpoint", c, NULL);
}

void checkpointer_fini(struct checkpointer *c)
{
    if (!c->worker.started)
        return;
    atomic_store(&c->stopping, true);
    worker_fini(&c->worker);
    while (acceptor_store_unmerged(c->acceptor) > 0)
        checkpointer_merge_part(c);
}
