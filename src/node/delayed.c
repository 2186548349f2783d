/* delayed.c -- messages that a fault rule makes late. */
#include "base/mem.h"
#include "node/internal.h"

struct delayed {
    struct later_item item;
    enum fault_direction direction;
    uint32_t index;
    uint64_t link;
    struct message message; /* With references of its own. */
    struct hello hello;     /* Behind message.hello. */
};

static void delayed_free(struct delayed *d)
{
    value_unref(d->message.value);
    reports_unref(d->message.reports);
    mem_free(d);
}

static void delayed_run(struct later_item *item, void *owner, bool lost)
{
    struct node *n = owner;
    struct delayed *d = LIST_ENTRY(item, struct delayed, item);
    if (!lost && d->direction == FAULT_OUT)
        peers_send_now(n, d->index, &d->message);
    else if (!lost)
        links_receive_now(n, d->index, d->link, &d->message);
    delayed_free(d);
}

/* What it holds on to. */
static size_t message_size(const struct message *m)
{
    size_t size = m->value != NULL ? m->value->size : 0;
    if (m->reports == NULL)
        return size;
    for (uint32_t i = 0; i < m->reports->count; i++)
        size += sizeof(m->reports->items[i]) + m->reports->items[i].value->size;
    return size;
}

void delayed_message(struct node *n, enum fault_direction direction, uint32_t index, uint64_t link,
                     const struct message *m, uint64_t delay_ns)
{
    struct delayed *d = mem_alloc(sizeof(*d));
    if (d == NULL) {
        faults_overflow(&n->faults, index);
        return;
    }
    *d = (struct delayed){
        .item = {.size = sizeof(*d) + message_size(m), .run = delayed_run},
        .direction = direction,
        .index = index,
        .link = link,
        .message = *m,
    };
    if (m->hello != NULL) {
        d->hello = *m->hello;
        d->message.hello = &d->hello;
    }
    value_ref(d->message.value);
    reports_ref(d->message.reports);
    if (later_add(&n->later, &d->item, n->now_ns + delay_ns) == 0)
        return;
    faults_overflow(&n->faults, index);
    delayed_free(d);
}
