/*
 * schedule.h -- what will happen when: the simulated world's only notion of time passing.
 *
 * A heap of tasks by (time, order of adding). The order makes ties come in one way only, so that a
 * seed always gives the same run.
 */
#ifndef DKV_SIM_SCHEDULE_H
#define DKV_SIM_SCHEDULE_H

#include <stddef.h>
#include <stdint.h>

enum task_kind {
    TASK_DELIVER = 1, /* item is a struct letter; it is the task's until then. */
    TASK_COMMIT,      /* Node's commit ends. number: the disk's epoch. */
    TASK_CHECKPOINT,  /* Node's checkpoint ends. number: the checkpoint's. */
    TASK_DIAL,        /* Node dials peer. */
    TASK_BREAK,       /* Node notices that the stream it dialled to peer is gone. number: link. */
    TASK_START,       /* Node starts. number: its life. */
    TASK_RESUME,      /* Node goes on after a pause. number: its life. */
    TASK_CLIENT,      /* Client `number` may do something. */
    TASK_TIMER,       /* An attempt's time is up. item is a struct sim_op; number: the attempt. */
    TASK_REPLY,       /* A reply arrives. item is a struct reply; it is the task's until then. */
    TASK_FAULT,       /* Fault of kind `number` strikes. */
    TASK_HEAL,        /* The cut at place `peer` ends. number: which one. */
};

struct task {
    uint64_t at_ns; /* Simulated. */
    uint64_t order; /* Set by schedule_add. */
    enum task_kind kind;
    uint32_t node;
    uint32_t peer;
    uint64_t number;
    void *item;
};

/* All zero is an empty one. */
struct schedule {
    struct task *tasks;
    size_t count;
    size_t capacity;
    uint64_t order;
};

void schedule_add(struct schedule *s, struct task t);

/* When the next one is due, or UINT64_MAX. */
uint64_t schedule_next_ns(const struct schedule *s);

/* Take the next one out; there is one. */
struct task schedule_take(struct schedule *s);

/* Frees the heap; items are their owners'. */
void schedule_fini(struct schedule *s);

#endif
