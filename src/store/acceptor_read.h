/*
 * acceptor_read.h -- what the acceptor's tables say of slots, intervals included.
 *
 * Private to store/. Each takes a read that is under way. ERR_NO_MEMORY, ERR_IO; ERR_CORRUPT,
 * ERR_MISMATCH: a record that is not what this program wrote.
 */
#ifndef DKV_STORE_ACCEPTOR_READ_H
#define DKV_STORE_ACCEPTOR_READ_H

#include "store/acceptor_store.h"
#include "store/env.h"

/* What all intervals over one slot say together. All zero: there is none. */
struct read_range {
    struct ballot promised; /* The highest. */
    struct ballot voted;    /* The highest at which NOOP was accepted, or none. */
    bool learnt;            /* NOOP is chosen. */
};

/* Of slots first..last, which are in one block: out has last - first + 1 elements. */
int read_ranges(struct env *env, MDB_txn *txn, uint64_t first, uint64_t last,
                struct read_range *out, struct store_error *error) MUST_CHECK;

/* See acceptor_store_read_slot; is_chosen is known to the caller. out is all zero. */
int read_slot(struct env *env, MDB_txn *txn, uint64_t slot, bool is_chosen,
              struct acceptor_store_slot *out, struct store_error *error) MUST_CHECK;

/* See acceptor_store_read_chosen; last <= chosen_to. */
int read_chosen(struct env *env, MDB_txn *txn, uint64_t from, uint64_t last, uint64_t bytes_max,
                int (*on_value)(void *context, uint64_t slot, struct value *value), void *context,
                struct store_error *error) MUST_CHECK;

#endif
