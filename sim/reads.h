/*
 * reads.h -- every read that was answered, against the log.
 *
 * An answer names the slot up to which its node had applied. After the run the log is applied once
 * more, by a machine that saw no fault, and each read, of whichever consistency, must have been
 * told just what the key held there. Together with "a session never reads from a lower slot than
 * it has seen", which is checked as answers come, no sequential read goes back; that the others
 * are linearizable is the history's business.
 */
#ifndef DKV_SIM_READS_H
#define DKV_SIM_READS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct answer;
struct sim_op;
struct world;

/* What one answer told. */
struct read_told {
    const struct sim_op *op;
    uint64_t slot;
    uint64_t revision; /* The store's. */
    uint64_t hash;     /* Of the value, if found. */
    uint32_t node;
    bool found;
};

/* All zero is none. */
struct reads {
    struct read_told *told;
    size_t count;
    size_t capacity;
};

/* The node answers a read, and the answer is OK. op lives as long as r. */
void reads_add(struct reads *r, uint32_t node, const struct sim_op *op, const struct answer *a);

/* Sorts them by slot. A read that cannot be is the world's failure. */
void reads_check(struct world *w);

void reads_fini(struct reads *r);

#endif
