#define _GNU_SOURCE
#include "node/worker.h"

#include <assert.h>
#include <signal.h>
#include <stddef.h>

#include "base/list.h"
#include "base/pool.h"

static void *worker_main(void *arg)
{
    struct worker *w = arg;
    while (!w->stopping) {
        mailbox_sleep(&w->mailbox);
        if (mailbox_run(&w->mailbox, w->owner) && w->after != NULL)
            w->after(w->owner);
        pool_give_back(); /* What it has freed is what the loop needs next. */
    }
    return NULL;
}

static void worker_on_stop(struct mail *mail, void *owner)
{
    (void)owner;
    LIST_ENTRY(mail, struct worker, stop_mail)->stopping = true;
}

int worker_init(struct worker *w, const char *name, void *owner, void (*after)(void *owner))
{
    *w = (struct worker){.owner = owner, .after = after, .stop_mail = {.run = worker_on_stop}};
    TRY(mailbox_init(&w->mailbox));
    /* Signals are for the thread that waits for them. */
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int err = pthread_create(&w->thread, NULL, worker_main, w);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (err != 0) {
        mailbox_fini(&w->mailbox);
        return ERR_IO;
    }
    pthread_setname_np(w->thread, name);
    w->started = true;
    return 0;
}

void worker_fini(struct worker *w)
{
    if (!w->started)
        return;
    mailbox_push(&w->mailbox, &w->stop_mail);
    int err = pthread_join(w->thread, NULL);
    assert(err == 0);
    (void)err;
    mailbox_fini(&w->mailbox);
    w->started = false;
}

void worker_push(struct worker *w, struct mail *mail)
{
    assert(w->started);
    mailbox_push(&w->mailbox, mail);
}
