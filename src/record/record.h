/*
 * record.h -- the keys and bytes of everything that is on disk.
 *
 * The disk is nine sorted tables of (key, value); docs/disk-format.md shows each to the byte. This
 * room says what the bytes are and trusts none that it reads: `store/` puts them into LMDB, the
 * simulator into a sorted map, and both get the very same bytes from here.
 *
 * Every value begins with a checksum over table, key and content, the version of the format, and
 * the kind of record. So a record whose bits flipped is found out, and so is a good record under
 * another's key.
 *
 * Encoding replaces the content of the bufs it is given; ERR_NO_MEMORY leaves them unspecified.
 * Decoding answers ERR_CORRUPT to anything that encoding does not make, ERR_MISMATCH to an intact
 * record of a version or mode that this program does not know, ERR_NO_MEMORY, or 0; what it hands
 * out keeps every bound and invariant of the struct it is in, so that nobody checks again.
 *
 * Pure, and any thread.
 */
#ifndef DKV_RECORD_RECORD_H
#define DKV_RECORD_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"
#include "kv/machine.h"
#include "paxos/durable.h"

#define RECORD_VERSION 1      /* Of the format. docs/disk-format.md says when it grows. */
#define RECORD_HEADER_SIZE 10 /* Checksum, version, kind: the same place in every version. */
#define RECORD_SLOT_KEY_SIZE 8
#define RECORD_RANGE_KEY_SIZE 21

/* Written to disk as the seed of the checksum: never renumber. */
enum record_table {
    RECORD_TABLE_META =
        1, /* identity, boot, journal, admitted, chosen_to, reserved, a peer's disk: by name. */
    RECORD_TABLE_VOTES,     /* An acceptor's promise and vote: by slot. */
    RECORD_TABLE_LEARNT,    /* A chosen value that the own vote does not hold: by slot. */
    RECORD_TABLE_STATE,     /* identity, and the head of the checkpoint: by name. */
    RECORD_TABLE_KEYS,      /* An entry of the map: by its key. */
    RECORD_TABLE_SESSIONS,  /* A client's row of the dedup table: by client_id. */
    RECORD_TABLE_RANGES,    /* What holds for an interval of slots: by interval and kind. */
    RECORD_TABLE_KEYS_UNDO, /* What KEYS and SESSIONS held before the checkpoint that is being */
    RECORD_TABLE_SESSIONS_UNDO, /* written touched it: by the same key. */
};
#define RECORD_TABLES 9

/* Written to disk: never renumber. */
enum record_kind {
    RECORD_IDENTITY = 1,
    RECORD_BOOT,
    RECORD_ADMITTED,
    RECORD_PEER,
    RECORD_CHOSEN_TO,
    RECORD_VOTE,
    RECORD_LEARNT,
    RECORD_HEAD,
    RECORD_KEY,
    RECORD_SESSION,
    RECORD_RESERVED,
    RECORD_PROMISED_RANGE, /* This and the next two: also the last byte of their keys. */
    RECORD_VOTED_NOOP,
    RECORD_LEARNT_NOOP,
    RECORD_JOURNAL,
    RECORD_UNDO,
};

/* "meta", "votes", ... Static. */
const char *record_table_name(enum record_table table);

/* What is kept in this table under this key. ERR_CORRUPT: nothing is. */
int record_kind_of(enum record_table table, struct bytes key,
                   enum record_kind *out_kind) MUST_CHECK;

/* ---- Slots ------------------------------------------------------------------------------ */

/* The key of a slot in VOTES and LEARNT. Big-endian: memcmp orders slots as numbers. */
void record_key_slot(uint64_t slot, uint8_t out_key[RECORD_SLOT_KEY_SIZE]);

/* ERR_CORRUPT: not eight bytes, or slot 0, which no log has. */
int record_slot_of_key(struct bytes key, uint64_t *out_slot) MUST_CHECK;

/* ---- Intervals -------------------------------------------------------------------------- */

/*
 * An interval of RANGES lies within one block (INTERVAL_BLOCK), and the keys are in the order of
 * their first slots. So whoever wants all that cover a slot begins at this key, which comes before
 * every interval in the slot's block, and ends with the first one that begins behind the slot.
 */
void record_key_block(uint64_t slot, uint8_t out_key[RECORD_SLOT_KEY_SIZE]);

/* ERR_CORRUPT: no interval that durable.h allows, or none of the three kinds. */
int record_range_of_key(struct bytes key, struct interval *out_interval,
                        enum record_kind *out_kind) MUST_CHECK;

/* ---- The acceptor's side: META, VOTES, LEARNT, RANGES ----------------------------------- */

/* d keeps the invariants of durable.h and acceptor.h. */
int record_encode_durable(const struct durable *d, enum record_table *out_table, struct buf *key,
                          struct buf *value) MUST_CHECK;

/*
 * Whatever record_encode_durable wrote. out->value is a reference of the caller's (or NULL).
 * ERR_NOT_FOUND: the key is one of IDENTITY, BOOT or JOURNAL, which are no struct durable.
 */
int record_decode_durable(enum record_table table, struct bytes key, struct bytes value,
                          struct durable *out) MUST_CHECK;

/* In META; also in STATE, so that no other node's state is taken for one's own. */
int record_encode_identity(enum record_table table, const struct identity *identity,
                           struct buf *key, struct buf *value) MUST_CHECK;
int record_decode_identity(enum record_table table, struct bytes key, struct bytes value,
                           struct identity *out) MUST_CHECK;

/* In META. boot > 0. */
int record_encode_boot(uint64_t boot, struct buf *key, struct buf *value) MUST_CHECK;
int record_decode_boot(struct bytes key, struct bytes value, uint64_t *out_boot) MUST_CHECK;

/* In META: the position in the journal up to which all is in the tables. */
int record_encode_journal(uint64_t position, struct buf *key, struct buf *value) MUST_CHECK;
int record_decode_journal(struct bytes key, struct bytes value, uint64_t *out_position) MUST_CHECK;

/* ---- The state's side: STATE, KEYS, SESSIONS -------------------------------------------- */

/* A stored entry. value is borrowed from the bytes it was decoded from. */
struct record_entry {
    struct bytes value;
    uint64_t create_revision;
    uint64_t mod_revision;
    uint64_t version;
};

/*
 * One change that a checkpoint makes: put this value under this key, or, if delete, drop the key,
 * which may not be there. The bytes are borrowed for the call. An error ends the walk.
 */
struct record_change {
    enum record_table table;
    struct bytes key;
    bool delete;
    struct bytes value; /* Empty when delete. */
};

/* Every change of a checkpoint, its head last. ERR_NO_MEMORY, or what on_change returned. */
int record_encode_checkpoint(const struct checkpoint *c,
                             int (*on_change)(void *context, const struct record_change *change),
                             void *context) MUST_CHECK;

/* In KEYS; the key is the entry's. */
int record_encode_checkpoint_key(const struct entry *e, struct buf *value) MUST_CHECK;
int record_decode_checkpoint_key(struct bytes key, struct bytes value,
                                 struct record_entry *out) MUST_CHECK;

/* In SESSIONS; the key is the client_id. out_session is borrowed from value. */
int record_encode_checkpoint_session(struct bytes client_id, struct bytes session,
                                     struct buf *value) MUST_CHECK;
int record_decode_checkpoint_session(struct bytes client_id, struct bytes value,
                                     struct bytes *out_session) MUST_CHECK;

/* In STATE. */
int record_encode_checkpoint_head(const struct checkpoint_head *head, struct buf *key,
                                  struct buf *value) MUST_CHECK;
int record_decode_checkpoint_head(struct bytes key, struct bytes value,
                                  struct checkpoint_head *out) MUST_CHECK;

/*
 * In KEYS_UNDO or SESSIONS_UNDO: `before` is the value, header and all, that the table of undo's
 * had under this key; empty: none. It is checked as a record of that table when decoded; out_before
 * is borrowed from value.
 */
int record_encode_undo(enum record_table undo, struct bytes key, struct bytes before,
                       struct buf *value) MUST_CHECK;
int record_decode_undo(enum record_table undo, struct bytes key, struct bytes value,
                       struct bytes *out_before) MUST_CHECK;

/* KEYS for KEYS_UNDO, SESSIONS for SESSIONS_UNDO. */
enum record_table record_table_of_undo(enum record_table undo);

/* ---- All tables ------------------------------------------------------------------------- */

/* Decode and forget: is this a good record? 0, or the errors of decoding. */
int record_verify(enum record_table table, struct bytes key, struct bytes value) MUST_CHECK;

/* Append a name for a person, such as `votes/17` or `keys/"a\x00b"`. ERR_NO_MEMORY only. */
int record_print_key(enum record_table table, struct bytes key, struct buf *out) MUST_CHECK;

/*
 * Append one line without its newline: the name and what the record says, or that it is corrupt.
 * A ballot is printed as round.node.boot, a tag as node.boot.sequence. ERR_NO_MEMORY only.
 */
int record_print(enum record_table table, struct bytes key, struct bytes value,
                 struct buf *out) MUST_CHECK;

#endif
