/*
 * net.h -- streams and messages between the nodes.
 *
 * Each node dials each other node and sends only on the stream it dialled; whoever dialled it is
 * told when it breaks. A stream has a number that no other stream of the run has. Messages are
 * delayed, lost, repeated and reordered one by one; a stream may also be up and lose everything.
 */
#ifndef DKV_SIM_NET_H
#define DKV_SIM_NET_H

#include <stdbool.h>
#include <stdint.h>

#include "paxos/members.h"
#include "paxos/message.h"
#include "replica/replica.h"

struct world;
struct task;

/* Something on its way to a node: one event of the replica. Pooled. */
struct letter {
    struct letter *next; /* In the pool, or in the node's inbox. */
    enum event_kind kind;
    uint32_t from; /* Of a MESSAGE, PEER_UP, PEER_DOWN. */
    uint32_t to;
    uint64_t life; /* Of the receiver; in another life the letter is dropped. */
    uint64_t link;
    uint64_t number;        /* DURABLE: sequence. CHECKPOINTED: slot. */
    struct message message; /* With references; hello is the letter's. */
    struct replica_op op;   /* Its bytes are in `bytes`. */
    struct buf bytes;       /* Kept when the letter goes back to the pool. */
};

struct stream {
    bool up;
    bool dialling;         /* A TASK_DIAL is under way. */
    bool refused;          /* Closed by the receiver: wait longer. */
    uint64_t link;         /* Of the present or last stream. */
    uint64_t last_due_ns;  /* When the last message arrives, for streams that keep order. */
    uint32_t blocked;      /* So many faults lose what goes this way. */
    uint64_t jammed_to_ns; /* Nothing arrives before then. */
    uint64_t narrow_to_ns; /* Values take mix.narrow_ns_per_byte until then, one after the other. */
    uint64_t carries_to_ns; /* When the last of those is there. */
};

struct net {
    struct stream streams[MEMBERS_MAX][MEMBERS_MAX]; /* [from][to] */
    uint64_t links;                                  /* Numbers given out. */
    struct letter *pool;
    bool quiet;               /* No more than heartbeats may be sent. */
    uint64_t value_bytes_max; /* Of the largest value sent so far. */
    uint64_t sent;
    uint64_t delivered;
};

struct letter *net_letter(struct world *w, enum event_kind kind, uint32_t to);

/* Drop its references, back into the pool. */
void net_letter_free(struct world *w, struct letter *l);

/* Send what m says from one node to another. The references of *m move; it is empty after. */
void net_send(struct world *w, uint32_t from, uint32_t to, struct message *m);

/* TASK_DELIVER, TASK_DIAL and TASK_BREAK. */
void net_on_deliver(struct world *w, struct letter *l);
void net_on_dial(struct world *w, const struct task *t);
void net_on_break(struct world *w, const struct task *t);

/* Dial everybody, and be dialled by everybody: the node has started. */
void net_on_start(struct world *w, uint32_t node);

/* The process has ended: its streams, both ways. */
void net_on_end(struct world *w, uint32_t node);

/* Break the stream from -> to; who dialled it notices after delay_ns, and dials again. */
void net_break(struct world *w, uint32_t from, uint32_t to, uint64_t delay_ns);

/* The receiver closes the stream numbered link, because it refuses whoever dialled it. */
void net_refuse(struct world *w, uint32_t from, uint32_t to, uint64_t link);

/* Lose, or stop losing, what goes from -> to. Counted, so that faults may overlap. */
void net_block(struct world *w, uint32_t from, uint32_t to, bool is_blocked);

/* What goes from -> to on this stream arrives after length_ns at the earliest; 0: as ever. */
void net_jam(struct world *w, uint32_t from, uint32_t to, uint64_t length_ns);

/* For so long values take mix.narrow_ns_per_byte from -> to; 0: what waits is there soon. */
void net_narrow(struct world *w, uint32_t from, uint32_t to, uint64_t length_ns);

/* When the last of what was held up by a jam, or by values that take long, is there. */
uint64_t net_all_there_at(const struct world *w);

/* As from would be told. */
bool net_is_jammed(const struct world *w, uint32_t from, uint32_t to);

/* Bytes of the values that it carries. */
uint64_t net_value_bytes(const struct message *m);

void net_fini(struct world *w);

#endif
