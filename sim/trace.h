/*
 * trace.h -- what happens, in a form that a person can read.
 *
 * The functions that return text use a few static places in turn: good for one line. A value is
 * written as noop, barrier or batch with its tag, node.boot.sequence; a ballot as
 * round.node.boot.
 */
#ifndef DKV_SIM_TRACE_H
#define DKV_SIM_TRACE_H

#include "paxos/message.h"
#include "replica/replica.h"

struct world;
struct sim_op;

const char *trace_ballot(struct ballot b);
const char *trace_tag(struct tag t);
const char *trace_value(const struct value *v);
const char *trace_interval(struct interval i); /* NULL: "nothing". */
const char *trace_message_name(enum message_kind kind);
const char *trace_notice(const struct notice *n);
const char *trace_op(const struct sim_op *op);
const char *trace_answer(const struct sim_op *op, const struct answer *a);

/* Whole lines. */
void trace_send(struct world *w, uint32_t from, uint32_t to, const struct message *m);
void trace_event(struct world *w, uint32_t node, const struct event *event);
void trace_mix(struct world *w);

#endif
