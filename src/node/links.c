/*
 * links.c -- the streams that peers dialled to this node.
 *
 * Envelopes are decoded where they arrive, on the node's poller; the next one is read only after
 * the loop took the last, so that a peer can make us hold one envelope for each of its streams.
 */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "node/die.h"
#include "node/internal.h"
#include "node/monotime.h"

#define HELLO_WAIT_NS (3 * MONOTIME_S)
/* Those that are ended leave when the transport is through with them: these count too. */
#define LINKS_MAX (2 * NODE_LINKS_MAX)
#define WARN_EVERY_NS MONOTIME_S
#define WARN_BURST 10

struct link {
    struct node *node;
    struct rpc_stream *stream;
    uint64_t number;
    struct list in_node; /* The loop's, as the next three. */
    uint32_t peer;       /* Index of who speaks; MEMBER_NONE until its Hello. */
    uint64_t opened_ns;
    bool ended;       /* We have ended it. */
    char address[80]; /* For people. */
    struct mail open_mail;
    struct mail envelope_mail;
    struct mail close_mail;
    /* An envelope, decoded: the poller fills it, then the loop empties it. */
    struct message *messages;
    size_t count;
    size_t capacity;
    struct wire_arena arena; /* The poller's. */
};

/*
 * Any thread. Whoever reaches the port can bring these about, so after a few only one a second is
 * logged, which says how many were left out before it.
 */
static void link_warn(struct link *link, const char *what, const char *text)
{
    struct node *n = link->node;
    unsigned long long now_ns = monotime_ns();
    unsigned long long paid_ns = atomic_load(&n->links_warns_paid_ns);
    unsigned long long next_ns;
    do {
        next_ns = (paid_ns < now_ns ? now_ns : paid_ns) + WARN_EVERY_NS;
        if (next_ns > now_ns + WARN_BURST * WARN_EVERY_NS) {
            atomic_fetch_add(&n->links_warns_left_out, 1);
            return;
        }
    } while (!atomic_compare_exchange_weak(&n->links_warns_paid_ns, &paid_ns, next_ns));
    log_line(LOG_WARN,
             LOG_FIELDS(log_text("from", link->address),
                        log_u64("left_out", atomic_exchange(&n->links_warns_left_out, 0))),
             "%s%s", what, text);
}

/* ---- On the loop --------------------------------------------------------------------------- */

static void link_end(struct link *link, enum rpc_status status, const char *text)
{
    if (link->ended)
        return;
    link->ended = true;
    rpc_stream_end(link->stream, status, text);
}

void links_refuse(struct node *n, uint64_t number, const char *text)
{
    for (struct list *l = n->links.next; l != &n->links; l = l->next) {
        struct link *link = LIST_ENTRY(l, struct link, in_node);
        if (link->number == number) {
            link_warn(link, "", text);
            link_end(link, RPC_FAILED_PRECONDITION, text);
        }
    }
}

void links_expire(struct node *n)
{
    for (struct list *l = n->links.next; l != &n->links; l = l->next) {
        struct link *link = LIST_ENTRY(l, struct link, in_node);
        if (n->now_ns < link->opened_ns + HELLO_WAIT_NS)
            return; /* In the order in which they were opened. */
        if (link->peer == MEMBER_NONE)
            link_end(link, RPC_INVALID_ARGUMENT, "a peer's stream begins with a Hello");
    }
}

void links_receive_now(struct node *n, uint32_t index, uint64_t link, const struct message *m)
{
    n->peers[index].heard_ns = n->now_ns;
    node_step(n, (struct event){
                     .kind = EVENT_MESSAGE,
                     .peer = index,
                     .link = link,
                     .message = m,
                 });
}

void links_receive(struct node *n, uint32_t index, uint64_t number, const struct message *m)
{
    struct fault_fate fate = faults_roll(&n->faults, index, FAULT_IN);
    for (uint32_t i = 0; i < fate.copies; i++) {
        if (fate.delay_ns[i] > 0)
            delayed_message(n, FAULT_IN, index, number, m, fate.delay_ns[i]);
        else
            links_receive_now(n, index, number, m);
    }
}

static void link_break(struct link *link, const char *text)
{
    link_warn(link, "a peer's stream is ended: ", text);
    link_end(link, RPC_INVALID_ARGUMENT, text);
}

/* Who is it? False: nobody that we talk to. */
static bool link_meet(struct node *n, struct link *link, const struct hello *hello)
{
    uint32_t index = members_index(&n->config.members, hello->id);
    if (link->peer != MEMBER_NONE && link->peer == index)
        return true;
    if (link->peer == MEMBER_NONE && index != MEMBER_NONE && index != n->self) {
        link->peer = index;
        peers_on_sign(n, index);
        return true;
    }
    char text[256];
    snprintf(text, sizeof(text), "node %u refuses node %u of cluster %s: %s",
             (unsigned)n->config.id, (unsigned)hello->id, hello->cluster, refusal_text(REFUSAL_ID));
    link_warn(link, "", text);
    link_end(link, RPC_FAILED_PRECONDITION, text);
    return false;
}

static void link_take(struct node *n, struct link *link, const struct message *m)
{
    if (m->kind == MESSAGE_HELLO && !link_meet(n, link, m->hello))
        return;
    if (link->peer == MEMBER_NONE) {
        link_break(link, "it did not begin with a Hello");
        return;
    }
    /* These two travel as calls. */
    if (m->kind == MESSAGE_FETCH || m->kind == MESSAGE_CHOSEN) {
        link_break(link, "it had a message that does not belong there");
        return;
    }
    links_receive(n, link->peer, link->number, m);
}

static void link_drop_messages(struct link *link)
{
    for (size_t i = 0; i < link->count; i++)
        message_fini(&link->messages[i]);
    link->count = 0;
}

static void link_on_envelope(struct mail *mail, void *owner)
{
    struct node *n = owner;
    struct link *link = LIST_ENTRY(mail, struct link, envelope_mail);
    bool running = atomic_load(&n->phase) != NODE_STOPPED;
    for (size_t i = 0; running && i < link->count && !link->ended; i++)
        link_take(n, link, &link->messages[i]);
    link_drop_messages(link);
    if (running && !link->ended) {
        int err = rpc_stream_read_next(link->stream);
        assert(err != ERR_BUSY);
        (void)err; /* Closed: close_mail comes, or is here already. */
    }
}

/*
 * Of too many, the one that has kept silent for longest goes; if all are known peers', the last.
 * Anybody can open streams and say nothing, but a peer says Hello at once.
 */
static void links_make_room(struct node *n)
{
    uint32_t count = 0;
    struct link *out = NULL;
    for (struct list *l = n->links.next; l != &n->links; l = l->next) {
        struct link *link = LIST_ENTRY(l, struct link, in_node);
        if (link->ended)
            continue;
        count++;
        if (out == NULL || out->peer != MEMBER_NONE)
            out = link;
    }
    if (count > NODE_LINKS_MAX)
        link_end(out, RPC_RESOURCE_EXHAUSTED, "too many streams of peers");
}

static void link_on_opened(struct mail *mail, void *owner)
{
    struct node *n = owner;
    struct link *link = LIST_ENTRY(mail, struct link, open_mail);
    link->opened_ns = n->now_ns;
    list_push_back(&n->links, &link->in_node);
    links_make_room(n);
}

static void link_on_closed(struct mail *mail, void *owner)
{
    struct node *n = owner;
    struct link *link = LIST_ENTRY(mail, struct link, close_mail);
    list_remove(&link->in_node);
    assert(link->count == 0);
    atomic_fetch_sub(&n->links_count, 1);
    rpc_stream_release(link->stream);
    wire_arena_fini(&link->arena);
    mem_free(link->messages);
    mem_free(link);
}

/* ---- On the node's poller ------------------------------------------------------------------ */

static void link_on_open(void *context, struct rpc_stream *stream)
{
    struct node *n = context;
    rpc_stream_set_context(stream, NULL);
    if (!node_is_serving(n)) {
        rpc_stream_end(stream, RPC_UNAVAILABLE, "this node is starting or stopping");
        return;
    }
    if (atomic_fetch_add(&n->links_count, 1) >= LINKS_MAX) {
        atomic_fetch_sub(&n->links_count, 1);
        rpc_stream_end(stream, RPC_RESOURCE_EXHAUSTED, "too many streams of peers");
        return;
    }
    struct link *link = mem_alloc_zero(sizeof(*link));
    if (link == NULL) {
        atomic_fetch_sub(&n->links_count, 1);
        rpc_stream_end(stream, RPC_RESOURCE_EXHAUSTED, "no memory");
        return;
    }
    link->node = n;
    link->stream = stream;
    link->number = atomic_fetch_add(&n->links_made, 1) + 1;
    list_init(&link->in_node);
    link->peer = MEMBER_NONE;
    rpc_stream_peer(stream, link->address, sizeof(link->address));
    link->open_mail.run = link_on_opened;
    link->envelope_mail.run = link_on_envelope;
    link->close_mail.run = link_on_closed;
    wire_arena_init(&link->arena);
    rpc_stream_set_context(stream, link);
    mailbox_push(&n->mailbox, &link->open_mail);
    int err = rpc_stream_read_next(stream);
    (void)err; /* Closed: on_close says so. */
}

static int link_decode_one(struct link *link, struct bytes raw, struct wire_error *error)
{
    void *messages = link->messages;
    TRY(mem_reserve(&messages, &link->capacity, link->count + 1, sizeof(*link->messages)));
    link->messages = messages;
    struct hello hello;
    struct message m;
    TRY(wire_decode_message(raw, &link->arena, &hello, &m, error));
    if (m.hello != NULL) {
        m.hello = mem_alloc(sizeof(hello));
        if (m.hello == NULL) {
            message_fini(&m);
            return ERR_NO_MEMORY;
        }
        *m.hello = hello;
    }
    link->messages[link->count++] = m;
    return 0;
}

static int link_decode(struct link *link, struct bytes in, struct wire_error *error)
{
    struct wire_envelope envelope;
    TRY(wire_envelope_begin(in, &envelope, error));
    for (;;) {
        struct bytes raw;
        int err = wire_envelope_next(&envelope, &raw, error);
        if (err == ERR_NOT_FOUND)
            return 0;
        if (err == 0)
            err = link_decode_one(link, raw, error);
        if (err != 0)
            return err;
    }
}

static void link_on_message(void *context, struct rpc_stream *stream, struct bytes message)
{
    struct link *link = context;
    assert(link != NULL && link->count == 0);
    struct wire_error error = {.text = "no memory"};
    int err = link_decode(link, message, &error);
    if (err != 0) {
        link_drop_messages(link);
        link_warn(link, "a peer's stream is ended: ", error.text);
        rpc_stream_end(stream, err == ERR_INVALID ? RPC_INVALID_ARGUMENT : RPC_RESOURCE_EXHAUSTED,
                       error.text);
        return;
    }
    mailbox_push(&link->node->mailbox, &link->envelope_mail);
}

static void link_on_close(void *context, struct rpc_stream *stream, enum rpc_status status,
                          const char *text)
{
    struct link *link = context;
    (void)status;
    (void)text;
    if (link == NULL)
        rpc_stream_release(stream);
    else
        mailbox_push(&link->node->mailbox, &link->close_mail);
}

const struct rpc_stream_events node_link_events = {
    .on_open = link_on_open,
    .on_message = link_on_message,
    .on_close = link_on_close,
};
