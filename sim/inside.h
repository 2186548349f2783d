/*
 * inside.h -- how much memory a replica holds: the one look into it from outside its folder.
 */
#ifndef DKV_SIM_INSIDE_H
#define DKV_SIM_INSIDE_H

#include <stdbool.h>
#include <stdint.h>

#include "replica/replica.h"

struct inside {
    uint64_t log_bytes;  /* Of values, */
    uint64_t log_memory; /* and of the slots that hold them. */
    uint64_t slots_end;
    bool log_waits; /* It is above twice its bound, and a checkpoint makes room. */
    uint64_t queued_ops;
    uint64_t queued_bytes;
    uint64_t batches; /* Own ones, proposed and not applied. */
    uint64_t batches_bytes;
    uint64_t writes_waiting;
    uint64_t letters_waiting; /* For those writes. */
    uint64_t letters_own;     /* To itself. */
};

struct inside inside_look(const struct replica *r);

#endif
