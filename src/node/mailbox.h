/*
 * mailbox.h -- how everybody talks to a thread: a list that many push to and one takes whole.
 *
 * Pushing is one compare-and-swap, taking everything is one exchange; the eventfd is written only
 * when the owner sleeps. The head of the list says so itself: it is a mark of its own while the
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
    int event_fd;
};

/* ERR_IO: no eventfd. The mailbox must not move afterwards. */
int mailbox_init(struct mailbox *m) MUST_CHECK;

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

/*
 * Sleep until there is mail, or until until_ns (monotime_ns; UINT64_MAX: for ever), or until
 * other_fd can be read (-1: none). Returns at once when there is mail. Owner only. True: other_fd
 * can be read.
 */
bool mailbox_sleep(struct mailbox *m, uint64_t until_ns, int other_fd);

#endif
