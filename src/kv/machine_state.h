/*
 * machine_state.h -- what a machine is made of, for machine.c and checkpoint.c only.
 */
#ifndef DKV_KV_MACHINE_STATE_H
#define DKV_KV_MACHINE_STATE_H

#include <stdint.h>

#include "kv/keys.h"
#include "kv/sessions.h"

struct machine {
    struct keys keys;
    struct sessions sessions;
    uint64_t applied;
    uint64_t revision;
    uint64_t executed;
    uint64_t suppressed;
};

#endif
