/*
 * internal.h -- what the files of node/ share: the node itself. Nobody else includes it but tests.
 *
 * All of it is the loop's, unless it says otherwise.
 */
#ifndef DKV_NODE_INTERNAL_H
#define DKV_NODE_INTERNAL_H

#include <stdatomic.h>

#include "node/checkpointer.h"
#include "node/committer.h"
#include "node/later.h"
#include "node/metrics.h"
#include "node/node.h"
#include "node/worker.h"
#include "rpc/client.h"

/* More readers of the log than that at once are turned away. */
#define READS_MAX 64

enum node_phase {
    NODE_LOADING = 0,
    NODE_SERVING,
    NODE_STOPPING,
    NODE_STOPPED, /* The loop has ended. */
};

enum peer_state {
    PEER_IDLE = 0, /* Waits for dial_at_ns. */
    PEER_DIALLING,
    PEER_UP,
};

/* Whether a write is under way on a peer's stream, and who is to know when it has left. */
enum writing {
    WRITING_NOTHING = 0,
    WRITING,
    WRITING_AWAITED, /* The loop has more: push written_mail. */
    WRITING_TOLD,    /* Left; written_mail was pushed, or is about to be. */
};

/* The stream that this node dials, to one member. */
struct peer {
    struct node *node;
    struct rpc_channel *channel;
    struct rpc_stream *stream; /* NULL when idle. */
    uint64_t dial_at_ns;
    uint64_t up_since_ns;
    uint64_t backoff_ns;
    uint64_t heard_ns; /* When its last message came; 0: never. */
    uint64_t sent;
    uint64_t dropped;         /* Messages that its full queue cost. */
    struct wire_list pending; /* What goes into the next envelope, or envelopes: */
    bool has_large;           /* what is large goes alone. */
    struct buf part;          /* Room for one of them. */
    uint64_t write_began_ns;  /* Of the last write. */
    bool is_behind;           /* As the replica was told last. */
    /* The last Hello for it: a stream begins with one, and FetchChosen needs one. */
    struct hello hello;
    enum peer_state state;
    uint32_t index;
    enum refusal we_refuse; /* Our last word about its Hello. */
    bool hello_known;
    bool hello_sent;        /* On this stream. */
    bool complained;        /* It was logged that it cannot be reached. */
    char refused_text[256]; /* For a status, while it is encoded. */
    /* Shared with the node's poller. */
    struct mail up_mail;
    struct mail written_mail;
    struct mail down_mail;
    _Atomic int writing;          /* enum writing */
    enum rpc_status close_status; /* Set before down_mail is pushed, as close_text. */
    char close_text[RPC_TEXT_SIZE_MAX + 1];
};

struct node {
    struct config config;
    uint32_t self;    /* Index of this node. */
    atomic_int phase; /* enum node_phase; any thread reads it. */
    struct mailbox mailbox;
    struct rpc_poller *poller; /* The loop does its own I/O: it is this poller's thread. */
    int signal_fd;
    uint64_t look_ns; /* When to look for a signal next. */
    struct acceptor_store *acceptor;
    struct state_store *state;
    struct replica *replica;
    struct effects effects;
    struct committer committer;
    struct commit *spare_commits; /* By `next`: as many as were ever under way at once. */
    struct checkpointer checkpointer;
    struct worker reader; /* Reads the log on disk for whoever asks. Its owner is the node. */
    atomic_uint reads;    /* Handed to it and not answered: at most READS_MAX. Any thread. */
    struct rpc_client *client;
    struct peer peers[MEMBERS_MAX];     /* By index; the own one is unused. */
    struct list links;                  /* Of struct link: incoming streams. */
    atomic_uint links_count;            /* Any thread. */
    atomic_ullong links_made;           /* Any thread. */
    atomic_ullong links_warns_paid_ns;  /* Each that is logged costs a second. Any thread. */
    atomic_ullong links_warns_left_out; /* Any thread. */
    struct list ops;                    /* Of struct node_op: given to the replica, not answered. */
    struct list turn_ends;              /* Of struct turn_end. */
    struct list soon;                   /* Of struct node_soon: the first is due first. */
    struct later later;                 /* What fault rules delay. */
    struct faults faults;
    struct metrics metrics;
    uint64_t now_ns; /* Of this turn. */
    uint64_t started_ns;
    uint64_t stop_by_ns;  /* Stopping: when to wait no longer. */
    uint64_t die_at_ns;   /* UINT64_MAX: not to die. */
    uint64_t complain_ns; /* When it was last said who is awaited. */
    /* Operations pushed and not yet given to the replica. Any thread. */
    atomic_ullong queued_ops;
    atomic_ullong queued_bytes;
    _Atomic size_t unread; /* Bytes of answers, of the services. Any thread. */
    atomic_ullong applied; /* As of the last turn. Any thread. */
    struct mail stop_mail;
    atomic_bool stop_pushed; /* Any thread. */
};

/* ---- node.c -------------------------------------------------------------------------------- */

/* Give the replica an event; its time is this turn's. Ends the process when that fails. */
void node_step(struct node *n, struct event event);

/* By node_stop, or by a signal since the last look, which the log is told of. */
bool node_is_told_to_stop(struct node *n);

/* ---- peers.c ------------------------------------------------------------------------------- */

/* ERR_NO_MEMORY, ERR_IO: no thread. */
int peers_open(struct node *n) MUST_CHECK;

/* No callback of a peer's stream or call comes after this. */
void peers_close(struct node *n);

/* Free what is left of them: after the last mail was run. */
void peers_fini(struct node *n);

/* Dial who is due. */
void peers_dial(struct node *n);

/* It lives: whoever is to be dialled some time is dialled now. */
void peers_on_sign(struct node *n, uint32_t index);

/* Carry out a send of the replica's, fault rules included. m keeps its references. */
void peers_send(struct node *n, uint32_t index, const struct message *m);

/* Tell the replica whose stream does not take what it is given, or does again. */
void peers_tell_behind(struct node *n);

/* Hand what is pending to the transport, where no write is under way. */
void peers_flush(struct node *n);

/* When the next one is to be dialled; UINT64_MAX: none. */
uint64_t peers_next_ns(const struct node *n);

/* ---- links.c ------------------------------------------------------------------------------- */

/* End an incoming stream, and say why to the other side and in the log. Harmless when it is gone.
 */
void links_refuse(struct node *n, uint64_t number, const char *text);

/* End the streams that did not begin with a Hello in time: they take the room of peers. */
void links_expire(struct node *n);

/* A peer's message has passed the network: throw the coins of `in`, then to the replica. */
void links_receive(struct node *n, uint32_t index, uint64_t number, const struct message *m);

/* ---- serving.c ----------------------------------------------------------------------------- */

/* Room for one more read? Then reads_end follows, from any thread. */
bool reads_begin(struct node *n);
void reads_end(struct node *n);

/* ---- fetching.c ---------------------------------------------------------------------------- */

/* Ask a peer for what was chosen in [m->slot, m->to]. What comes goes to the replica. */
void fetching_ask(struct node *n, uint32_t index, const struct message *m);

/* ---- delayed.c ----------------------------------------------------------------------------- */

/* Deliver a message later, to the replica (in) or to the peer (out). m keeps its references. */
void delayed_message(struct node *n, enum fault_direction direction, uint32_t index, uint64_t link,
                     const struct message *m, uint64_t delay_ns);

/* Without fault rules, from here on. */
void peers_send_now(struct node *n, uint32_t index, const struct message *m);
void links_receive_now(struct node *n, uint32_t index, uint64_t link, const struct message *m);

/* ---- notices.c ----------------------------------------------------------------------------- */

/* What a refusal means and what to do about it, for a person. Static. */
const char *refusal_text(enum refusal refusal);

/* Tell the log, and close what is refused. */
void notices_carry_out(struct node *n, const struct notice *notice);

/* Now and then, while this node may not vote: say who is awaited. */
void notices_remind(struct node *n);

#endif
