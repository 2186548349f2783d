/*
 * log_wire.h -- Admin.FetchLog as bytes: what a node holds of its log, for a person.
 */
#ifndef DKV_WIRE_LOG_WIRE_H
#define DKV_WIRE_LOG_WIRE_H

#include <stdbool.h>
#include <stdint.h>

#include "kv/command.h"
#include "paxos/ballot.h"
#include "paxos/members.h"
#include "paxos/value.h"
#include "wire/wire.h"

struct wire_log_request {
    uint64_t from;  /* First slot; 0 is the first there is. */
    uint64_t to;    /* Last slot, >= from; 0 is the last there is. */
    uint32_t limit; /* Slots; 0 is as many as fit. */
};

int wire_encode_log_request(const struct wire_log_request *r, struct buf *out) MUST_CHECK;
int wire_decode_log_request(struct bytes in, struct wire_arena *arena,
                            struct wire_log_request *out_request,
                            struct wire_error *error) MUST_CHECK;

#define WIRE_VALUE_SHOWN_MAX 64

struct wire_log_command {
    enum command_kind kind;
    struct bytes key;
    uint64_t value_size;
    struct bytes value; /* Its first WIRE_VALUE_SHOWN_MAX bytes. */
    struct bytes client_id;
    uint64_t op_id;
};

/* One slot. When encoding, all is borrowed. */
struct wire_log_slot {
    uint64_t slot;
    bool chosen; /* The node knows that the value is chosen. */
    bool learnt; /* The value is not the node's own vote. */
    struct ballot promised;
    struct ballot accepted;
    enum value_kind value_kind; /* Of what was chosen, else of the vote; 0: no value. */
    struct tag tag;
    uint64_t value_size;
    const struct wire_log_command *commands;
    size_t commands_count;
    uint32_t voters[MEMBERS_MAX]; /* Ids of who is known to have voted at `accepted`. */
    uint32_t voters_count;
};

/*
 * What is in a batch, as commands that borrow from it. The array is in the arena, which is emptied
 * first. ERR_INVALID: it is no batch.
 */
int wire_log_commands(struct bytes batch, struct wire_arena *arena,
                      const struct wire_log_command **out_commands, size_t *out_count) MUST_CHECK;

/*
 * The answer under construction: slots in ascending order, then the end, once. next is where to
 * ask again, or 0. ERR_FULL (slots only), ERR_NO_MEMORY.
 */
int wire_log_add(struct wire_list *answer, const struct wire_log_slot *s) MUST_CHECK;
int wire_log_end(struct wire_list *answer, uint64_t next, uint64_t applied,
                 uint64_t chosen_to) MUST_CHECK;

/* An answer being read. Borrows the bytes. */
struct wire_log {
    struct bytes rest;
    uint64_t next;
    uint64_t applied;
    uint64_t chosen_to;
};

int wire_log_begin(struct bytes in, struct wire_log *out_log, struct wire_error *error) MUST_CHECK;

/* The next slot. ERR_NOT_FOUND: there is no more. */
int wire_log_next(struct wire_log *l, struct wire_arena *arena, struct wire_log_slot *out_slot,
                  struct wire_error *error) MUST_CHECK;

#endif
