/*
 * mail.h -- messages on their way: to this node itself, and to peers once the disk has caught up.
 *
 * A first-in first-out queue. What a message must wait for is the number of a write; as writes
 * become durable in their order, and messages are posted in order of what they wait for, the
 * queue's head tells whether any may go.
 */
#ifndef DKV_REPLICA_MAIL_H
#define DKV_REPLICA_MAIL_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "paxos/message.h"

struct letter {
    uint64_t wait_for; /* Number of the write that must be durable first. */
    uint32_t to;       /* Index of the member. */
    struct message message;
};

/* All zero is an empty one. */
struct mail {
    struct letter *letters;
    size_t head;
    size_t count; /* Behind head. */
    size_t capacity;
};

/* The references of the letter move into m. ERR_NO_MEMORY: they stay the caller's. */
int mail_push(struct mail *m, const struct letter *letter) MUST_CHECK;

/* The first letter, or NULL. Good until the next mail_push. */
const struct letter *mail_first(const struct mail *m);

/* Take the first letter, of which there is one; its references are the caller's. */
struct letter mail_pop(struct mail *m);

void mail_fini(struct mail *m);

#endif
