/*
 * sessions.h -- exactly once: the table of all clients' results.
 *
 * docs/protocol.md, section 4; after RIFL (SOSP'15). A command that carries a client_id is admitted
 * when it is applied, in this order:
 *
 *   1. A client that is in the table: its floor rises to the command's, which drops results, and
 *      this is a use, however the command is answered.
 *   2. op_id < floor: STALE.
 *   3. The op has a result: MISMATCH if the fingerprint differs, else it is answered with that.
 *   4. born < evicted_to: SESSION_EXPIRED. This holds for an op of a client that is in the table
 *      as well: its result may have gone with a session the client had before this one.
 *   5. op_id >= floor + window: BEYOND_WINDOW.
 *   6. It is executed, and its result is kept, whether it took effect or not.
 *
 * Only 6 makes a session for a client that has none. The table is bounded: before a session is made
 * when there are clients_max, and after a result was kept while there are more than
 * results_bytes_max, the session that was used longest ago goes, whole; never the one in use, so
 * that one client alone, bounded by the window, may pass results_bytes_max.
 */
#ifndef DKV_KV_SESSIONS_H
#define DKV_KV_SESSIONS_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/list.h"
#include "kv/command.h"
#include "kv/machine.h"
#include "kv/names.h"
#include "kv/session.h"
#include "kv/table.h"

/*
 * Invariants: hash, results_bytes are the sums, and dirty_bytes is the sum over the dirty ones, of
 * all sessions but the one between sessions_admit and sessions_complete. by_use ascends by
 * (used_slot, used_place). gone has the clients evicted since the last freeze and not back.
 */
struct sessions {
    struct machine_limits limits;
    struct table table;
    struct list by_use;
    struct list dirty;
    struct names gone;
    uint64_t evicted_to; /* The highest slot of last use among all that were evicted. */
    uint64_t hash;       /* Modulo 2^64, of session_hash. */
    uint64_t results_bytes;
    uint64_t dirty_bytes; /* Encoded. */
};

void sessions_init(struct sessions *s, const struct machine_limits *limits);
void sessions_fini(struct sessions *s);

/*
 * The command `place`, counted from 0, of the batch in `slot`; it has a client_id. Later calls have
 * a later (slot, place). *out_session is NULL: it is not to be executed, and *out_answer is its
 * answer, the caller's; slot and revision of a refusal are 0. Else execute it, then call
 * sessions_complete before anything else. ERR_NO_MEMORY leaves s fit for sessions_fini only.
 */
int sessions_admit(struct sessions *s, const struct command *c, uint64_t slot, uint32_t place,
                   struct session **out_session, struct result *out_answer) MUST_CHECK;

/* Keep what the admitted command did, which it borrows. ERR_NO_MEMORY as above. */
int sessions_complete(struct sessions *s, struct session *session, const struct command *c,
                      const struct result *result) MUST_CHECK;

/*
 * Put in a session of a checkpoint; sessions_restored ends it.
 * ERR_CORRUPT: it does not parse, the client is there already, or two sessions were last used by
 * one and the same command, or after `applied`. ERR_NO_MEMORY.
 */
int sessions_restore(struct sessions *s, struct bytes client_id, struct bytes encoded) MUST_CHECK;
int sessions_restored(struct sessions *s, uint64_t applied, uint64_t evicted_to) MUST_CHECK;

#ifdef DKV_PLANTED
/* The session, or NULL; for PLANTED_DEDUP_AT_PROPOSE. */
const struct session *sessions_find(const struct sessions *s, struct bytes client_id);
#endif

/* All there is, is in a checkpoint now. */
void sessions_clean(struct sessions *s);

/* Of memory, near enough. */
uint64_t sessions_bytes(const struct sessions *s);

#endif
