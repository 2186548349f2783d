/*
 * fetching.c -- asking a peer for what was chosen: the replica's FETCH is a call, and what comes
 * back are its CHOSEN.
 */
#include <assert.h>

#include "base/log.h"
#include "base/mem.h"
#include "node/die.h"
#include "node/internal.h"
#include "node/monotime.h"

/* The replica asks again long before, but what comes late over a slow link is as good. */
#define FETCH_TIMEOUT_NS (10 * MONOTIME_S)

struct fetch {
    struct node *node;
    uint32_t index; /* Of the peer. */
    uint64_t from;
    uint64_t to;
    uint64_t end; /* The first slot that is not in the answer. */
    struct mail mail;
    struct later_item later;
    /* The answer, decoded: the node's poller fills it, then the loop empties it. */
    struct message *messages;
    size_t count;
    size_t capacity;
};

static void fetch_free(struct fetch *f)
{
    for (size_t i = 0; i < f->count; i++)
        message_fini(&f->messages[i]);
    mem_free(f->messages);
    mem_free(f);
}

static void fetch_deliver(struct node *n, struct fetch *f)
{
    /* What ends it has no value; at the first slot wanted it says that nothing came. */
    struct message end = {.kind = MESSAGE_CHOSEN, .slot = f->end};
    for (size_t i = 0; i < f->count; i++)
        links_receive_now(n, f->index, 0, &f->messages[i]);
    node_step(n, (struct event){.kind = EVENT_MESSAGE, .peer = f->index, .message = &end});
}

static void fetch_on_due(struct later_item *item, void *owner, bool lost)
{
    struct fetch *f = LIST_ENTRY(item, struct fetch, later);
    if (!lost)
        fetch_deliver(owner, f);
    fetch_free(f);
}

static void fetch_on_mail(struct mail *mail, void *owner)
{
    struct node *n = owner;
    struct fetch *f = LIST_ENTRY(mail, struct fetch, mail);
    if (atomic_load(&n->phase) == NODE_STOPPED) {
        fetch_free(f);
        return;
    }
    /* The answer is one message, whatever it holds. A second copy would change nothing. */
    struct fault_fate fate = faults_roll(&n->faults, f->index, FAULT_IN);
    if (fate.copies > 0 && fate.delay_ns[0] > 0) {
        f->later.run = fetch_on_due;
        f->later.size = sizeof(*f) + WIRE_LIST_SIZE_MAX;
        if (later_add(&n->later, &f->later, n->now_ns + fate.delay_ns[0]) == 0)
            return;
        faults_overflow(&n->faults, f->index);
    } else if (fate.copies > 0) {
        fetch_deliver(n, f);
    }
    fetch_free(f);
}

static int fetch_decode(struct fetch *f, struct bytes body, struct wire_error *error)
{
    struct wire_arena arena;
    struct wire_chosen chosen;
    TRY(wire_chosen_begin(body, f->from, f->to, &chosen, error));
    wire_arena_init(&arena);
    int err = 0;
    while (err == 0) {
        void *messages = f->messages;
        err = mem_reserve(&messages, &f->capacity, f->count + 1, sizeof(*f->messages));
        if (err != 0)
            break;
        f->messages = messages;
        struct message *m = &f->messages[f->count];
        err = wire_chosen_next(&chosen, &arena, m, error);
        if (err != 0)
            break;
        f->count++;
        uint64_t last = m->slot != 0 ? m->slot : m->interval.last;
        if (last >= f->end)
            f->end = last + 1;
    }
    wire_arena_fini(&arena);
    if (err != ERR_NOT_FOUND)
        return err;
    /* Intervals may reach beyond where the sender stopped. */
    if (chosen.next != 0)
        f->end = chosen.next;
    return 0;
}

/* On the node's poller. */
static void fetch_on_reply(void *context, const struct rpc_reply *reply)
{
    struct fetch *f = context;
    struct wire_error error = {.text = "no memory"};
    const char *text = reply->text;
    int err = ERR_CLOSED;
    if (reply->status == RPC_OK) {
        err = fetch_decode(f, reply->body, &error);
        text = error.text;
    }
    if (err != 0)
        log_line(LOG_DEBUG, LOG_FIELDS(log_u64("peer", f->node->config.members.ids[f->index])),
                 "fetching slots failed: %s", text);
    mailbox_push(&f->node->mailbox, &f->mail);
}

void fetching_ask(struct node *n, uint32_t index, const struct message *m)
{
    const struct peer *p = &n->peers[index];
    assert(p->hello_known); /* Whoever fetches was up, and said Hello then. */
    struct fetch *f = mem_alloc_zero(sizeof(*f));
    if (f == NULL)
        die_no_memory("a fetch");
    f->node = n;
    f->index = index;
    f->from = m->slot;
    f->to = m->to;
    f->end = m->slot;
    f->mail.run = fetch_on_mail;
    struct wire_fetch wire = {.from = m->slot, .to = m->to, .hello = p->hello};
    struct buf request = {0};
    int err = wire_encode_fetch(&wire, &request);
    if (err == 0)
        err = rpc_channel_call(p->channel, WIRE_PAXOS_FETCH_CHOSEN, &request, FETCH_TIMEOUT_NS,
                               fetch_on_reply, f);
    buf_fini(&request);
    if (err == ERR_NO_MEMORY)
        die_no_memory("a fetch");
    assert(err == 0);
}
