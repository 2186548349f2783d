/*
 * peers.c -- the streams that this node dials, one to each peer, and sends on.
 *
 * Per peer one write is under way, and one envelope pending that later turns of the loop merge
 * into; what does not fit is dropped and counted. Large messages leave in envelopes of their own,
 * so that what is said before one, above all that it comes, is there before it. Whether a stream is
 * broken is the word of the one who dialled it: the transport pings a silent peer, and gives up
 * after a second.
 */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "node/die.h"
#include "node/internal.h"
#include "node/monotime.h"

#define BACKOFF_MIN_NS (100 * MONOTIME_MS)
#define BACKOFF_MAX_NS MONOTIME_S
#define BACKOFF_REFUSED_NS (5 * MONOTIME_S)

/* A stream that ends sooner was never one: that node is starting, or refuses us. */
#define UP_AFTER_NS (500 * MONOTIME_MS)

/* An Accept with a full batch is no longer than that. */
#define ALONE_SIZE ((size_t)68 << 10)

/* All that a node may have under way as a proposer (8 MiB), and half as much again. */
#define PENDING_SIZE_MAX ((size_t)12 << 20)

/* A write that takes longer waits for the peer, or for the network. */
#define BEHIND_AFTER_NS MONOTIME_MS

/* Together a second, after which a silent peer's stream is broken. */
#define PING_AFTER_MS 500
#define PING_TIMEOUT_MS 500

/* ---- On the node's poller ------------------------------------------------------------------ */

static void peer_on_open(void *context, struct rpc_stream *stream)
{
    struct peer *p = context;
    (void)stream;
    mailbox_push(&p->node->mailbox, &p->up_mail);
}

static void peer_on_written(void *context, struct rpc_stream *stream)
{
    struct peer *p = context;
    (void)stream;
    int unawaited = WRITING;
    if (atomic_compare_exchange_strong(&p->writing, &unawaited, WRITING_NOTHING))
        return;
    /* Nothing is written before the loop has had this mail: it must not be pushed twice. */
    atomic_store(&p->writing, WRITING_TOLD);
    mailbox_push(&p->node->mailbox, &p->written_mail);
}

static void peer_on_close(void *context, struct rpc_stream *stream, enum rpc_status status,
                          const char *text)
{
    struct peer *p = context;
    (void)stream;
    p->close_status = status;
    snprintf(p->close_text, sizeof(p->close_text), "%s", text);
    mailbox_push(&p->node->mailbox, &p->down_mail);
}

static const struct rpc_stream_events peer_events = {
    .on_open = peer_on_open,
    .on_written = peer_on_written,
    .on_close = peer_on_close,
};

/* ---- Up and down --------------------------------------------------------------------------- */

static struct log_field peer_id(const struct peer *p)
{
    return log_u64("peer", p->node->config.members.ids[p->index]);
}

static struct log_field peer_address(const struct peer *p)
{
    return log_text("addr", p->node->config.addresses[p->index]);
}

/* What was to be sent. */
static void peer_forget(struct peer *p)
{
    wire_list_clear(&p->pending);
    p->has_large = false;
}

static void peer_on_up(struct mail *mail, void *owner)
{
    struct node *n = owner;
    struct peer *p = LIST_ENTRY(mail, struct peer, up_mail);
    if (atomic_load(&n->phase) == NODE_STOPPED)
        return;
    assert(p->state == PEER_DIALLING);
    p->state = PEER_UP;
    p->up_since_ns = n->now_ns;
    p->hello_sent = false;
    p->is_behind = false;
    peer_forget(p);
    atomic_store(&p->writing, WRITING_NOTHING);
    log_line(LOG_INFO, LOG_FIELDS(peer_id(p), peer_address(p)), "connected to peer");
    node_step(n, (struct event){.kind = EVENT_PEER_UP, .peer = p->index});
}

static void peer_on_space(struct mail *mail, void *owner)
{
    (void)owner; /* The turn that this began flushes every peer. */
    struct peer *p = LIST_ENTRY(mail, struct peer, written_mail);
    int told = WRITING_TOLD;
    (void)atomic_compare_exchange_strong(&p->writing, &told, WRITING_NOTHING);
}

/* Say once that it cannot be reached, and each time that it refuses us. */
static void peer_complain(struct peer *p, bool was_up)
{
    bool refused = p->close_status == RPC_FAILED_PRECONDITION ||
                   p->close_status == RPC_INVALID_ARGUMENT || p->close_status == RPC_UNIMPLEMENTED;
    if (refused)
        p->backoff_ns = BACKOFF_REFUSED_NS;
    enum log_level level = was_up || refused || !p->complained ? LOG_WARN : LOG_DEBUG;
    p->complained = true;
    log_line(level,
             LOG_FIELDS(peer_id(p), peer_address(p),
                        log_text("status", rpc_status_name(p->close_status)),
                        log_text("reason", p->close_text)),
             refused  ? "refused by peer"
             : was_up ? "lost the stream to peer, dialling again"
                      : "cannot reach peer yet, dialling again");
}

static void peer_on_down(struct mail *mail, void *owner)
{
    struct node *n = owner;
    struct peer *p = LIST_ENTRY(mail, struct peer, down_mail);
    bool was_up = p->state == PEER_UP;
    bool was_long_up = was_up && n->now_ns - p->up_since_ns >= UP_AFTER_NS;
    rpc_stream_release(p->stream);
    p->stream = NULL;
    p->state = PEER_IDLE;
    if (atomic_load(&n->phase) == NODE_STOPPED)
        return;
    p->dropped += p->pending.count;
    peer_forget(p);
    p->backoff_ns = was_long_up ? BACKOFF_MIN_NS : 2 * p->backoff_ns;
    if (p->backoff_ns > BACKOFF_MAX_NS)
        p->backoff_ns = BACKOFF_MAX_NS;
    peer_complain(p, was_long_up);
    p->dial_at_ns = n->now_ns + p->backoff_ns;
    if (was_up)
        node_step(n, (struct event){.kind = EVENT_PEER_DOWN, .peer = p->index});
}

static void peer_dial(struct peer *p)
{
    struct node *n = p->node;
    assert(p->state == PEER_IDLE && p->stream == NULL);
    p->state = PEER_DIALLING;
    int err = rpc_channel_stream(p->channel, WIRE_PAXOS_STREAM, &peer_events, p, &p->stream);
    if (err == 0)
        return;
    assert(err == ERR_NO_MEMORY); /* Channels close after the loop has ended. */
    p->stream = NULL;
    p->state = PEER_IDLE;
    p->dial_at_ns = n->now_ns + BACKOFF_MAX_NS;
}

void peers_on_sign(struct node *n, uint32_t index)
{
    struct peer *p = &n->peers[index];
    if (p->state != PEER_IDLE || p->backoff_ns >= BACKOFF_REFUSED_NS)
        return;
    rpc_channel_retry_now(p->channel);
    p->dial_at_ns = n->now_ns;
    p->backoff_ns = BACKOFF_MIN_NS;
}

void peers_dial(struct node *n)
{
    for (uint32_t i = 0; i < n->config.members.count; i++) {
        struct peer *p = &n->peers[i];
        if (i != n->self && p->state == PEER_IDLE && p->dial_at_ns <= n->now_ns)
            peer_dial(p);
    }
}

uint64_t peers_next_ns(const struct node *n)
{
    uint64_t next_ns = UINT64_MAX;
    for (uint32_t i = 0; i < n->config.members.count; i++) {
        const struct peer *p = &n->peers[i];
        if (i != n->self && p->state == PEER_IDLE && p->dial_at_ns < next_ns)
            next_ns = p->dial_at_ns;
    }
    return next_ns;
}

/* ---- Sending ------------------------------------------------------------------------------- */

static void peer_add(struct peer *p, const struct message *m)
{
    size_t before = p->pending.buf.size;
    int err = wire_envelope_add(&p->pending, m);
    if (err == ERR_NO_MEMORY)
        die_no_memory("a message");
    if (err == ERR_FULL)
        p->dropped++;
    else
        p->sent++;
    if (p->pending.buf.size - before > ALONE_SIZE)
        p->has_large = true;
}

void peers_send_now(struct node *n, uint32_t index, const struct message *m)
{
    struct peer *p = &n->peers[index];
    if (m->kind == MESSAGE_FETCH) {
        fetching_ask(n, index, m);
        return;
    }
    if (p->state != PEER_UP)
        return;
    /* A fault rule may have eaten the Hello; without one nobody knows who speaks. */
    if (!p->hello_sent && m->kind != MESSAGE_HELLO) {
        assert(p->hello_known);
        peer_add(p, &(struct message){.kind = MESSAGE_HELLO, .hello = &p->hello});
    }
    p->hello_sent = true;
    peer_add(p, m);
}

void peers_send(struct node *n, uint32_t index, const struct message *m)
{
    struct peer *p = &n->peers[index];
    assert(index != n->self);
    if (m->kind == MESSAGE_HELLO) {
        p->hello = *m->hello;
        p->hello_known = true;
    }
    struct fault_fate fate = faults_roll(&n->faults, index, FAULT_OUT);
    for (uint32_t i = 0; i < fate.copies; i++) {
        if (fate.delay_ns[i] > 0)
            delayed_message(n, FAULT_OUT, index, 0, m, fate.delay_ns[i]);
        else
            peers_send_now(n, index, m);
    }
}

/* May the loop write? If not, written_mail will tell it when. */
static bool peer_begin_write(struct peer *p)
{
    int idle = WRITING_NOTHING;
    if (atomic_compare_exchange_strong(&p->writing, &idle, WRITING))
        return true;
    int busy = WRITING;
    if (atomic_compare_exchange_strong(&p->writing, &busy, WRITING_AWAITED))
        return false;
    /* Awaited already, or told; or it has left just now. */
    idle = WRITING_NOTHING;
    return atomic_compare_exchange_strong(&p->writing, &idle, WRITING);
}

/* The next envelope goes to the transport. */
static void peer_write(struct peer *p)
{
    struct buf *next = &p->pending.buf;
    int err = 0;
    if (p->has_large || p->pending.buf.size > WIRE_LIST_SIZE_MAX) {
        next = &p->part;
        err = wire_envelope_take(&p->pending, ALONE_SIZE, next);
    }
    if (err == 0)
        err = rpc_stream_write(p->stream, next);
    assert(err == 0 || err == ERR_CLOSED || err == ERR_NO_MEMORY);
    if (err == ERR_NO_MEMORY)
        die_no_memory("a message");
    /* Closed: down_mail comes, or is here already. */
    buf_clear(&p->part);
    if (next == &p->pending.buf || p->pending.count == 0)
        peer_forget(p);
    p->write_began_ns = p->node->now_ns;
}

void peers_flush(struct node *n)
{
    for (uint32_t i = 0; i < n->config.members.count; i++) {
        struct peer *p = &n->peers[i];
        while (p->state == PEER_UP && p->pending.count > 0 && peer_begin_write(p))
            peer_write(p);
    }
}

static bool peer_is_behind(struct peer *p)
{
    int writing = atomic_load(&p->writing);
    bool is_writing = writing == WRITING || writing == WRITING_AWAITED;
    return p->state == PEER_UP && is_writing &&
           p->node->now_ns - p->write_began_ns >= BEHIND_AFTER_NS;
}

void peers_tell_behind(struct node *n)
{
    for (uint32_t i = 0; i < n->config.members.count; i++) {
        struct peer *p = &n->peers[i];
        if (i == n->self || peer_is_behind(p) == p->is_behind)
            continue;
        p->is_behind = !p->is_behind;
        node_step(n,
                  (struct event){.kind = EVENT_PEER_BEHIND, .peer = i, .is_behind = p->is_behind});
    }
}

/* ---- Life ---------------------------------------------------------------------------------- */

int peers_open(struct node *n)
{
    const struct rpc_channel_options options = {
        .keepalive_time_ms = PING_AFTER_MS,
        .keepalive_timeout_ms = PING_TIMEOUT_MS,
    };
    TRY(rpc_client_open(n->poller, &n->client));
    for (uint32_t i = 0; i < n->config.members.count; i++) {
        struct peer *p = &n->peers[i];
        p->node = n;
        p->index = i;
        p->backoff_ns = BACKOFF_MIN_NS;
        p->pending.size_max = PENDING_SIZE_MAX;
        p->up_mail.run = peer_on_up;
        p->written_mail.run = peer_on_space;
        p->down_mail.run = peer_on_down;
        if (i != n->self)
            TRY(rpc_channel_open(n->client, n->config.addresses[i], &options, &p->channel));
    }
    return 0;
}

void peers_close(struct node *n)
{
    rpc_client_close(n->client);
    n->client = NULL;
}

void peers_fini(struct node *n)
{
    for (uint32_t i = 0; i < n->config.members.count; i++) {
        assert(n->peers[i].stream == NULL);
        wire_list_fini(&n->peers[i].pending);
        buf_fini(&n->peers[i].part);
    }
}
