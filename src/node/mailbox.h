/*
 * mailbox.h -- how everybody talks to a thread: a list that many push to and one takes whole.
 *
 * Pushing is one compare-and-swap, taking everything is one exchange; the owner is woken only
 * when it sleeps. The head of the list says so itself: it is a mark of its own while the
 * owner sleeps, so "it sleeps" and "there is mail" are one atomic word and no wake-up is lost.
 *
 * A mail is a few bytes inside something of its sender's, with a function that the owner runs. What
 * is behind it belongs to that function from the push on.
 *
 * Nothing here is bounded: each sender has its own bound, and says which.
 */
#ifndef DKV_NODE_MAILBOX_H
#define DKV_NODE_MAILBOX_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct mail {
    struct mail *next;
    /* Runs on the owner's thread; owner is what the owner gives, e.g. its struct node. */
    void (*run)(struct mail *mail, void *owner);
    bool posted; /* It is in a mailbox: pushed twice, the list would have no end. False at first. */
};

struct mailbox {
    _Atomic(struct mail *) head; /* Newest first; NULL, or the mark of a sleeper. */
    int event_fd;                /* -1: wake is set. */
    void (*wake)(void *context); /* How an owner with a sleep of its own is woken. */
    void *context;
};

/* ERR_IO: no eventfd. The mailbox must not move afterwards. */
int mailbox_init(struct mailbox *m) MUST_CHECK;

/*
 * The same for an owner that sleeps in its own way, between mailbox_doze and mailbox_rouse. wake
 * is called by who pushes, on any thread, and ends that sleep, also if it has not quite begun.
 */
void mailbox_init_with(struct mailbox *m, void (*wake)(void *context), void *context);

/* There is no mail in it any more, and nobody pushes. */
void mailbox_fini(struct mailbox *m);

/* Any thread. mail is in no mailbox and has its `run`. All that was done before is seen by it. */
void mailbox_push(struct mailbox *m, struct mail *mail);

/* Everything there is, oldest first, linked by next; NULL when there is nothing. Owner only. */
struct mail *mailbox_take(struct mailbox *m);

/*
 * Take and run everything there is. A mail may push others, which are left for the next time.
 * Owner only. True if there was any.
 */
bool mailbox_run(struct mailbox *m, void *owner);

/* Sleep until there is mail. Returns at once when there is. Owner only; not after
 * mailbox_init_with. */
void mailbox_sleep(struct mailbox *m);

/* The owner is about to sleep in its own way. False: there is mail, so it shall not. Owner only. */
bool mailbox_doze(struct mailbox *m);

/* It is awake again, after a mailbox_doze that was true. Owner only. */
void mailbox_rouse(struct mailbox *m);

#endif
