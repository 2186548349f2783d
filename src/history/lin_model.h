/*
 * lin_model.h -- the register that one key is, as the linearizability checker sees it.
 *
 * Values can be long and grow by appends, and a search visits them by the million. So a state is
 * no value but a number, after this thought: all that a history ever says about values are those
 * that answers carried or that a compare-and-set expected -- the *seen* values. A value that is
 * no prefix of a seen one can never be told from another such: no append makes it a seen value
 * again, and only a write that replaces it gets rid of it. All of those are one state, UNSEEN.
 * Any other value is the first n bytes of a seen one: a place in the sorted table of seen values
 * and a length. This loses nothing: two values of one state answer every later operation of the
 * history alike.
 */
#ifndef DKV_HISTORY_LIN_MODEL_H
#define DKV_HISTORY_LIN_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"
#include "history/history.h"

#define LIN_ABSENT UINT64_MAX       /* There is no such key: how every key begins. */
#define LIN_UNSEEN (UINT64_MAX - 1) /* A value that nobody ever saw. */

#define LIN_NOWHERE UINT32_MAX /* Instead of an index. */

/* Sorted, each value once. Borrows the values from the history. */
struct lin_model {
    struct bytes *seen;
    uint32_t count;
};

/* An operation in terms of states. Invariant: what an answer tells is only there if `known`. */
struct lin_op {
    enum history_kind kind;
    bool known; /* OK: it happened, and as told. Else it may happen, and tells nothing. */
    bool has_found;
    bool found;
    bool has_output;
    bool expect_found;
    bool applied;
    bool reads;         /* Changes nothing wherever it can stand. */
    struct bytes token; /* What an APPEND appends. */
    uint64_t value;     /* State after a PUT, or a CAS that matches. */
    uint64_t expect;    /* State in which a CAS matches. */
    uint64_t output;    /* State after an APPEND, or before any other, with has_output. */
    uint64_t call_ns;
    uint64_t return_ns; /* Of one that is not known: HISTORY_NEVER. */
    uint64_t revision;  /* Of one that changed something; 0: not told. */
    uint32_t history_index;
    uint32_t needs; /* Index of the one value it must find: seen, `count` for LIN_ABSENT,
                       or LIN_NOWHERE. */
    uint32_t makes; /* The same of the one it leaves behind, if that is certain. */
};

/*
 * Collect what the `count` operations of one key (numbers in h) saw. What failed says nothing.
 * ERR_NO_MEMORY.
 */
int lin_model_init(struct lin_model *m, const struct history *h, const uint32_t *numbers,
                   size_t count) MUST_CHECK;

void lin_model_fini(struct lin_model *m);

/*
 * Put an operation in terms of m's states. known: its answer was OK and is to be believed;
 * otherwise it may have happened.
 */
void lin_model_op(const struct lin_model *m, const struct history *h, uint32_t number, bool known,
                  struct lin_op *out_op);

/* Can op stand where the state is `state`? If so, what is the state behind it? */
bool lin_model_step(const struct lin_model *m, const struct lin_op *op, uint64_t state,
                    uint64_t *out_state);

/* Index of the seen value that `state` is, m->count for LIN_ABSENT, or LIN_NOWHERE. */
uint32_t lin_model_index(const struct lin_model *m, uint64_t state);

/* The bytes of a state that is neither ABSENT nor UNSEEN. Borrowed from the history. */
struct bytes lin_model_value(const struct lin_model *m, uint64_t state);

#endif
