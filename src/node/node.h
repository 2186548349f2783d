/*
 * node.h -- one dkv-node: the loop that owns the replica, and everything that feeds it.
 *
 * Life: node_open (no disk is touched), then the services may listen, then node_start (opens the
 * data directory, restores the state), node_run (the loop, on the calling thread, until SIGTERM,
 * SIGINT or node_stop), then the services close, then node_close.
 *
 * Threads. "The loop" is the thread in node_run. Functions say who may call them; what is to look
 * at the replica from another thread posts a mail, which runs on the loop. "The poller" is whoever
 * does the node's I/O and runs its callbacks: a thread of its own while the node starts, from
 * node_run on the loop itself. So a callback posts mails too, and shares what it shares with the
 * loop as with another thread.
 *
 * Bounds. Operations between the transport and the replica count against --queue-ops and
 * --queue-bytes; incoming streams are at most NODE_LINKS_MAX, and as many that were just opened or
 * ended, with one envelope each in memory; each peer has at most one envelope outstanding, of 3
 * MiB, and 12 MiB pending.
 */
#ifndef DKV_NODE_NODE_H
#define DKV_NODE_NODE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "node/config.h"
#include "node/faults.h"
#include "node/mailbox.h"
#include "replica/replica.h"
#include "rpc/server.h"
#include "wire/admin_wire.h"
#include "wire/log_wire.h"
#include "wire/paxos_wire.h"

#define NODE_VERSION "0.1.0"
#define NODE_LINKS_MAX (4 * MEMBERS_MAX)
#define NODE_MESSAGE_SIZE_MAX 600 /* Of a line that says why a node does not start. */

struct node;

/* Block what node_run waits for (SIGTERM, SIGINT), and ignore SIGPIPE. Before any other thread. */
void node_block_signals(void);

/* config is copied. ERR_NO_MEMORY, ERR_IO: no descriptors. */
int node_open(const struct config *config, struct node **out_node) MUST_CHECK;

/*
 * Open the stores, restore what they hold, and start the threads. On an error message is one line
 * that says what is wrong and what to do: the errors of acceptor_store_open, state_store_open and
 * of loading. ERR_CLOSED: it was told to stop before it served.
 */
int node_start(struct node *n, char message[NODE_MESSAGE_SIZE_MAX]) MUST_CHECK;

/*
 * The loop. When told to stop it takes no more operations, gives those under way a second, answers
 * the rest, and returns.
 */
void node_run(struct node *n);

/* As SIGTERM. Any thread. */
void node_stop(struct node *n);

/* The services are closed: no callback of theirs comes any more. NULL is fine. */
void node_close(struct node *n);

/* ---- Any thread ---------------------------------------------------------------------------- */

const struct config *node_config(const struct node *n);

/* False while the state is being loaded, and after node_stop. */
bool node_is_serving(const struct node *n);

/* Highest slot applied, as of the last turn. */
uint64_t node_applied(const struct node *n);

/* For the services' server, which is opened on it before node_start. */
struct rpc_poller *node_poller(struct node *n);

/* Bytes of answers that wait for their readers: the services keep it. */
_Atomic size_t *node_unread(struct node *n);

/* Run a mail on the loop, with the node as its owner; at the latest in node_close. */
void node_post(struct node *n, struct mail *mail);

/*
 * When the node is to answer a call that its client gives up at client_deadline_ns (RPC_FOREVER_NS:
 * never): 10 % of the time left earlier, at least 5 and at most 100 ms; 10 s from now without one.
 * At most 60 s from now, whatever the client would wait.
 */
uint64_t node_deadline_ns(uint64_t now_ns, uint64_t client_deadline_ns);

/* By what the latency histograms tell operations apart. */
enum node_op_kind {
    NODE_OP_GET = 0,
    NODE_OP_PUT,
    NODE_OP_APPEND,
    NODE_OP_DELETE,
    NODE_OP_CAS,
    NODE_OP_KINDS,
};

enum node_op_end {
    NODE_OP_ANSWERED, /* `answer` says how. */
    NODE_OP_REFUSED,  /* Too much is under way: never given to the replica. */
    NODE_OP_LOADING,  /* The node does not serve yet: never given to the replica. */
    NODE_OP_STOPPING, /* The node stops: never given to the replica. */
    NODE_OP_ABANDONED /* The node stops: a write may have been, or be yet, applied. */
};

/* A client's operation, inside something of the service's. */
struct node_op {
    enum node_op_kind kind;
    struct replica_op op; /* All but handle. What it points at stays until on_end. */
    uint64_t size;        /* Of its bytes, for the bound. */
    /*
     * Comes exactly once, on the loop, or on the calling thread within node_submit; op is the
     * callback's from then on. answer is borrowed, and NULL unless end is ANSWERED.
     */
    void (*on_end)(struct node *n, struct node_op *op, enum node_op_end end,
                   const struct answer *answer);
    /* The node's own. */
    struct mail mail;
    struct list link;
    uint64_t began_ns;
    bool refused; /* Came with others, when there was no room for it. */
};

void node_submit(struct node *n, struct node_op *op);

/* Operations that came together. */
struct node_ops {
    struct list ops; /* Of struct node_op, by link. May be empty. */
    /* Comes once, on the loop, before any of them ends; the struct is the node's until that turn's
     * end. */
    void (*on_taken)(struct node *n, struct node_ops *ops);
    struct mail mail; /* The node's own. */
};

/* The same for all of them at once, in one mail. Each on_end comes on the loop. */
void node_submit_all(struct node *n, struct node_ops *ops);

/* The incoming streams of peers; the context is the node. For rpc_method. */
extern const struct rpc_stream_events node_link_events;

/* Answer a peer's FetchChosen. The call is the node's from here on. */
void node_serve_chosen(struct node *n, const struct wire_fetch *fetch, struct rpc_call *call);

/* Answer Admin.FetchLog. Likewise. */
void node_serve_log(struct node *n, const struct wire_log_request *request, struct rpc_call *call);

/* ---- On the loop --------------------------------------------------------------------------- */

/* Something to do at the end of a turn, when all its answers were given. */
struct turn_end {
    struct list link; /* Initialised by its owner, who may also take it out. */
    void (*run)(struct node *n, struct turn_end *t);
};

/* Run it once, at the end of this turn. Harmless when it waits for that already. */
void node_at_turn_end(struct node *n, struct turn_end *t);

/* Something to do in a while, unless its owner takes it out before. */
struct node_soon {
    struct list link; /* Initialised by its owner. */
    uint64_t due_ns;  /* The node's own. */
    void (*run)(struct node *n, struct node_soon *soon);
};

/* Run it once, NODE_SOON_NS from now. Harmless when it waits for that already. */
#define NODE_SOON_NS (UINT64_C(50) * 1000000)
void node_do_soon(struct node *n, struct node_soon *soon);

/* Texts are borrowed until the next turn. */
void node_get_status(struct node *n, struct wire_status *out_status);

/* Would a linearizable read be served now? *out_why is static, "" if it would. */
bool node_is_ready(struct node *n, const char **out_why);

/* Append the encoded answer of Admin.Metrics. ERR_NO_MEMORY. */
int node_encode_metrics(struct node *n, struct buf *out) MUST_CHECK;

struct faults *node_faults(struct node *n);

/* End the process as kill -9 does, once the answer to this call had 20 ms to leave. */
void node_die_soon(struct node *n);

#endif
