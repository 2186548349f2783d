/* trace.c -- see trace.h. */
#include "trace.h"

#include <stdio.h>

#include "world.h"

#define PLACES 8
#define PLACE_SIZE 256
#define REPORTS_SIZE 96

static char *trace_place(void)
{
    static char places[PLACES][PLACE_SIZE];
    static unsigned next;
    next++;
    return places[next % PLACES];
}

const char *trace_ballot(struct ballot b)
{
    char *text = trace_place();
    if (ballot_is_none(b))
        return "none";
    snprintf(text, PLACE_SIZE, "%lu.%u.%lu", b.round, b.node, b.boot);
    return text;
}

const char *trace_tag(struct tag t)
{
    char *text = trace_place();
    if (tag_is_none(t))
        return "noop";
    snprintf(text, PLACE_SIZE, "%u.%lu.%lu", t.node, t.boot, t.sequence);
    return text;
}

const char *trace_value(const struct value *v)
{
    char *text = trace_place();
    if (v == NULL)
        return "nothing";
    if (v->kind == VALUE_NOOP)
        return "noop";
    snprintf(text, PLACE_SIZE, "%s %s (%zu bytes)", v->kind == VALUE_BARRIER ? "barrier" : "batch",
             trace_tag(v->tag), v->size);
    return text;
}

const char *trace_interval(struct interval i)
{
    char *text = trace_place();
    if (interval_is_none(i))
        snprintf(text, PLACE_SIZE, "none");
    else if (i.first == i.last)
        snprintf(text, PLACE_SIZE, "%lu", i.first);
    else
        snprintf(text, PLACE_SIZE, "%lu..%lu/%u", i.first, i.last, i.stride);
    return text;
}

const char *trace_message_name(enum message_kind kind)
{
    static const char *const names[] = {
        [MESSAGE_HELLO] = "hello",
        [MESSAGE_GOODBYE] = "goodbye",
        [MESSAGE_HEARTBEAT] = "heartbeat",
        [MESSAGE_PREPARE] = "prepare",
        [MESSAGE_PROMISE] = "promise",
        [MESSAGE_ACCEPT] = "accept",
        [MESSAGE_ACCEPTED] = "accepted",
        [MESSAGE_REFUSED] = "refused",
        [MESSAGE_LEARN] = "learn",
        [MESSAGE_FETCH] = "fetch",
        [MESSAGE_CHOSEN] = "chosen",
        [MESSAGE_PREPARE_RANGE] = "prepare",
        [MESSAGE_PROMISE_RANGE] = "promise",
        [MESSAGE_ACCEPT_NOOP] = "accept",
        [MESSAGE_VOTED] = "voted",
        [MESSAGE_REFUSED_RANGE] = "refused",
        [MESSAGE_SKIP] = "skip",
        [MESSAGE_SKIPPED] = "skipped",
        [MESSAGE_LEARN_NOOP] = "learn",
        [MESSAGE_ASK] = "ask",
        [MESSAGE_READ] = "read",
        [MESSAGE_READ_ANSWER] = "read answer",
        [MESSAGE_COMING] = "coming",
    };
    return names[kind];
}

const char *trace_notice(const struct notice *n)
{
    static const char *const kinds[] = {
        [NOTICE_PEER_REFUSED] = "refuses",
        [NOTICE_REFUSED_BY_PEER] = "is refused by",
        [NOTICE_PEER_ACCEPTED] = "accepts",
        [NOTICE_ADMITTED] = "may vote from now on: as says",
    };
    char *text = trace_place();
    snprintf(text, PLACE_SIZE, "%s n%u (refusal %d)", kinds[n->kind], n->peer + 1, (int)n->refusal);
    return text;
}

const char *trace_op(const struct sim_op *op)
{
    static const char *const kinds[] = {
        [COMMAND_PUT] = "put",
        [COMMAND_APPEND] = "append",
        [COMMAND_DELETE] = "delete",
        [COMMAND_CAS] = "cas",
    };
    char *text = trace_place();
    static const char *const reads[] = {
        [CONSISTENCY_BARRIER] = "get",
        [CONSISTENCY_SEQUENTIAL] = "sequential get",
        [CONSISTENCY_QUORUM] = "quorum get",
    };
    const char *name = op->is_read ? reads[op->consistency] : kinds[op->meant.kind];
    int size = snprintf(text, PLACE_SIZE, "%s %.*s", name, (int)op->meant.key.size,
                        (const char *)op->meant.key.data);
    if (size < PLACE_SIZE && !op->is_read)
        size += snprintf(text + size, (size_t)(PLACE_SIZE - size), " %.*s",
                         (int)op->meant.value.size, (const char *)op->meant.value.data);
    if (size < PLACE_SIZE && op->has_id)
        snprintf(text + size, (size_t)(PLACE_SIZE - size), " [op_id %lu, born %lu]", op->op_id,
                 op->born);
    return text;
}

const char *trace_answer(const struct sim_op *op, const struct answer *a)
{
    static const char *const statuses[] = {
        [ANSWER_OK] = "ok",
        [ANSWER_NOT_APPLIED] = "not applied",
        [ANSWER_OUTCOME_UNKNOWN] = "outcome unknown",
        [ANSWER_NO_QUORUM] = "no quorum",
        [ANSWER_QUEUE_FULL] = "queue full",
        [ANSWER_STATE_FULL] = "state full",
    };
    static const char *const codes[] = {
        [RESULT_OK] = "done",
        [RESULT_STALE] = "stale",
        [RESULT_SESSION_EXPIRED] = "session expired",
        [RESULT_MISMATCH] = "mismatch",
        [RESULT_BEYOND_WINDOW] = "beyond window",
        [RESULT_TOO_LARGE] = "too large",
    };
    char *text = trace_place();
    if (a->status != ANSWER_OK)
        return statuses[a->status];
    if (op->is_read) {
        struct bytes value = {0};
        if (a->entry != NULL)
            value = entry_value(a->entry);
        snprintf(text, PLACE_SIZE, "%s%.*s, at slot %lu", a->entry == NULL ? "(no such key)" : "",
                 (int)value.size, (const char *)value.data, a->slot);
        return text;
    }
    snprintf(text, PLACE_SIZE, "%s%s%s in slot %lu, revision %lu", codes[a->result.code],
             a->result.applied ? "" : ", not applied", a->result.duplicate ? ", a repeat" : "",
             a->result.slot, a->result.revision);
    return text;
}

static const char *trace_reports(const struct vote_reports *reports)
{
    static char text[REPORTS_SIZE];
    int at = snprintf(text, sizeof(text), "nothing");
    for (uint32_t i = 0; reports != NULL && i < reports->count; i++) {
        const struct vote_report *r = &reports->items[i];
        if (i == 0)
            at = 0;
        if (at >= (int)sizeof(text))
            break;
        at += snprintf(text + at, sizeof(text) - (size_t)at, "%s%s %s %s", i == 0 ? "" : ", ",
                       trace_interval(r->interval),
                       ballot_is_none(r->ballot) ? "chosen" : trace_ballot(r->ballot),
                       trace_tag(r->value->tag));
    }
    return text;
}

/* What a message of coordinated mode says, behind its name. */
static void trace_coordinated(const struct message *m, char *text)
{
    const char *slots = trace_interval(m->interval);
    switch (m->kind) {
    case MESSAGE_PROMISE_RANGE:
        snprintf(text, PLACE_SIZE, "slots %.64s, ballot %.64s: %s", slots, trace_ballot(m->ballot),
                 trace_reports(m->reports));
        break;
    case MESSAGE_REFUSED_RANGE:
        snprintf(text, PLACE_SIZE, "slots %s, ballot %s: promised %s", slots,
                 trace_ballot(m->ballot), trace_ballot(m->other));
        break;
    case MESSAGE_PREPARE_RANGE:
    case MESSAGE_ACCEPT_NOOP:
    case MESSAGE_VOTED:
        snprintf(text, PLACE_SIZE, "slots %s, ballot %s%s", slots, trace_ballot(m->ballot),
                 m->kind == MESSAGE_ACCEPT_NOOP || m->value != NULL ? ": noop" : "");
        break;
    case MESSAGE_READ:
    case MESSAGE_READ_ANSWER:
        snprintf(text, PLACE_SIZE, "#%lu, slot %lu", m->slot, m->to);
        break;
    case MESSAGE_COMING:
        snprintf(text, PLACE_SIZE, "slot %lu, %lu bytes", m->slot, m->to);
        break;
    case MESSAGE_SKIPPED:
        snprintf(text, PLACE_SIZE, "slot %lu", m->slot);
        break;
    default: /* SKIP, LEARN_NOOP, ASK */
        snprintf(text, PLACE_SIZE, "slots %s", slots);
        break;
    }
}

/* What a message says, behind its name. */
static const char *trace_message(const struct message *m)
{
    char *text = trace_place();
    switch (m->kind) {
    case MESSAGE_HELLO:
        snprintf(text, PLACE_SIZE, "boot %lu%s%s", m->hello->boot, m->hello->asks ? ", asks" : "",
                 m->hello->recorded[0] == 0 ? "" : ", has recorded you");
        break;
    case MESSAGE_GOODBYE:
        snprintf(text, PLACE_SIZE, "refusal %d", (int)m->refusal);
        break;
    case MESSAGE_HEARTBEAT:
        snprintf(text, PLACE_SIZE,
                 "applied %lu, chosen to %lu, frontier %lu, position %lu, known %lu, broken %x",
                 m->progress.applied, m->progress.chosen_to, m->progress.frontier,
                 m->progress.position, m->progress.known, m->progress.broken.bits);
        break;
    case MESSAGE_PREPARE:
    case MESSAGE_ACCEPTED:
        snprintf(text, PLACE_SIZE, "slot %lu, ballot %s", m->slot, trace_ballot(m->ballot));
        break;
    case MESSAGE_PROMISE:
        snprintf(text, PLACE_SIZE, "slot %lu, ballot %s, accepted %s: %s", m->slot,
                 trace_ballot(m->ballot), trace_ballot(m->other), trace_value(m->value));
        break;
    case MESSAGE_ACCEPT:
        snprintf(text, PLACE_SIZE, "slot %lu, ballot %s: %s, skips %s", m->slot,
                 trace_ballot(m->ballot), trace_value(m->value), trace_interval(m->interval));
        break;
    case MESSAGE_REFUSED:
        snprintf(text, PLACE_SIZE, "slot %lu, ballot %s: promised %s", m->slot,
                 trace_ballot(m->ballot), trace_ballot(m->other));
        break;
    case MESSAGE_LEARN:
        snprintf(text, PLACE_SIZE, "slot %lu: %s%s", m->slot, trace_tag(m->tag),
                 m->value == NULL ? "" : ", with the value");
        break;
    case MESSAGE_FETCH:
        snprintf(text, PLACE_SIZE, "slots %lu to %lu", m->slot, m->to);
        break;
    case MESSAGE_CHOSEN:
        snprintf(text, PLACE_SIZE, "slot %lu, slots %s: %s", m->slot, trace_interval(m->interval),
                 trace_value(m->value));
        break;
    case MESSAGE_PREPARE_RANGE:
    case MESSAGE_PROMISE_RANGE:
    case MESSAGE_ACCEPT_NOOP:
    case MESSAGE_VOTED:
    case MESSAGE_REFUSED_RANGE:
    case MESSAGE_SKIP:
    case MESSAGE_SKIPPED:
    case MESSAGE_LEARN_NOOP:
    case MESSAGE_ASK:
    case MESSAGE_READ:
    case MESSAGE_READ_ANSWER:
    case MESSAGE_COMING:
        trace_coordinated(m, text);
        break;
    }
    return text;
}

void trace_send(struct world *w, uint32_t from, uint32_t to, const struct message *m)
{
    world_trace(w, "n%u -> n%u  %s %s", from + 1, to + 1, trace_message_name(m->kind),
                trace_message(m));
}

void trace_event(struct world *w, uint32_t node, const struct event *event)
{
    switch (event->kind) {
    case EVENT_OP:
        world_trace(w, "n%u takes op %lu", node + 1, event->op->handle / 64);
        break;
    case EVENT_MESSAGE:
        world_trace(w, "n%u <- n%u  %s %s", node + 1, event->peer + 1,
                    trace_message_name(event->message->kind), trace_message(event->message));
        break;
    case EVENT_PEER_UP:
        world_trace(w, "n%u: stream to n%u is up", node + 1, event->peer + 1);
        break;
    case EVENT_PEER_DOWN:
        world_trace(w, "n%u: stream to n%u is down", node + 1, event->peer + 1);
        break;
    case EVENT_PEER_BEHIND:
        world_trace(w, "n%u: stream to n%u is %s", node + 1, event->peer + 1,
                    event->is_behind ? "behind" : "no longer behind");
        break;
    case EVENT_DURABLE:
        world_trace(w, "n%u: durable up to #%lu", node + 1, event->sequence);
        break;
    case EVENT_CHECKPOINTED:
        world_trace(w, "n%u: checkpoint of slot %lu is durable", node + 1, event->slot);
        break;
    case EVENT_TICK:
        break;
    }
}

void trace_mix(struct world *w)
{
    const struct mix *m = &w->mix;
    fprintf(
        w->options.trace,
        "seed %lu: %s, %u nodes, first slot %lu; delays %lu..%lu us, %u ppm in the tail, loss %u "
        "ppm, duplicates %u ppm%s; commits %lu..%lu us; turns to %lu us\n",
        w->options.seed, m->mode == MODE_CLASSIC ? "classic" : "coordinated", m->nodes,
        m->first_slot, m->delay_min_ns / NS_PER_US,
        (m->delay_min_ns + m->delay_spread_ns) / NS_PER_US, m->delay_tail_ppm, m->loss_ppm,
        m->duplicate_ppm, m->fifo ? ", in order" : "", m->commit_min_ns / NS_PER_US,
        (m->commit_min_ns + m->commit_spread_ns) / NS_PER_US, m->turn_ns / NS_PER_US);
    fprintf(w->options.trace,
            "clients: %u (%u idle), %u at once, think to %lu us, %u keys, patience %lu ms, at %u "
            "nodes\n",
            m->clients.count, m->clients.idle, m->clients.pipeline, m->clients.think_ns / NS_PER_US,
            m->clients.keys, m->clients.timeout_ns / NS_PER_MS, m->clients.homes);
    if (m->slow_node != MEMBER_NONE)
        fprintf(w->options.trace, "the disk of n%u takes ten times as long\n", m->slow_node + 1);
    for (int f = 0; f < FAULTS; f++) {
        if (m->faults[f].every_ns > 0)
            fprintf(w->options.trace, "fault: %s, every %lu ms or so, up to %lu ms\n",
                    fault_name((enum fault)f), m->faults[f].every_ns / NS_PER_MS,
                    m->faults[f].length_ns / NS_PER_MS);
    }
}
