/*
 * journal.h -- what the clients of a scenario saw: a history (history/history.h) that several
 * threads add to, and what the checkers make of it.
 *
 * An operation is added when its answer is there. `fail` is said only of what certainly took no
 * effect; whatever is in doubt is unknown.
 */
#ifndef DKV_CLI_SCENARIOS_JOURNAL_H
#define DKV_CLI_SCENARIOS_JOURNAL_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/err.h"
#include "dkv/dkv.h"
#include "history/history.h"

struct journal {
    pthread_mutex_t lock; /* Of the history, while clients are at work. */
    struct history history;
    int err; /* The first that befell journal_add. */
};

void journal_init(struct journal *j);

/* NULL is fine. */
void journal_fini(struct journal *j);

/*
 * Client `client`, whose session is client_id, called op at call_ns and had the answer at
 * return_ns. Sequential reads are left out: what they give is no claim about now. op compares, if
 * at all, values. Any thread. An error is kept in err, for journal_check.
 */
void journal_add(struct journal *j, uint32_t client, struct dkv_bytes client_id,
                 const struct dkv_op *op, const struct dkv_answer *answer, uint64_t call_ns,
                 uint64_t return_ns);

struct journal_verdict {
    bool linearizable;
    bool undecided;     /* The search was given up; linearizable is false then. */
    bool revisions_fit; /* The order of revisions agrees with what clients saw. */
    size_t operations;
    size_t keys;
    size_t unknown;            /* Operations whose outcome is in doubt. */
    char order_text[1024];     /* Why not linearizable, with the operations; or empty. */
    char revisions_text[1024]; /* Why they do not fit, the same. */
};

/* Ask the checkers, once all clients are done. ERR_NO_MEMORY: also when an operation was lost;
 * ERR_INVALID: an answer contradicted itself. */
int journal_check(struct journal *j, struct journal_verdict *out_verdict) MUST_CHECK;

/* JSON lines (history_json.h), in the order of the answers. ERR_IO: errno says why; ERR_NO_MEMORY.
 */
int journal_write(struct journal *j, FILE *out) MUST_CHECK;

#endif
