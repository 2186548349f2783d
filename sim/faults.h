/*
 * faults.h -- what goes wrong, when, and for how long.
 */
#ifndef DKV_SIM_FAULTS_H
#define DKV_SIM_FAULTS_H

#include <stdbool.h>
#include <stdint.h>

#include "mix.h"
#include "paxos/members.h"

struct world;
struct task;

/* Cuts under way at once, at most. */
#define CUTS_MAX 8

/* Which ways are blocked, by one fault: [from] has the set of `to`. */
struct cut {
    bool active;
    uint64_t number; /* No two are the same. */
    struct member_set blocked[MEMBERS_MAX];
};

struct faults {
    bool stopped;
    struct cut cuts[CUTS_MAX];
    uint64_t cuts_made;
    uint32_t wipes;
    uint64_t struck; /* Faults so far. */
};

/* Schedule the first fault of each kind in the mix. */
void faults_init(struct world *w);

/* TASK_FAULT, TASK_HEAL. */
void faults_on_task(struct world *w, const struct task *t);

/* No new ones; all cuts end; paused nodes go on, disks are quick, the network is good. */
void faults_stop(struct world *w);

/* Block both ways between two nodes until faults_stop. */
void faults_cut_pair(struct world *w, uint32_t a, uint32_t b);

#endif
