/*
 * frame.h -- what all records have in common: the header, and reading with bounds.
 *
 * Private to record/.
 */
#ifndef DKV_RECORD_FRAME_H
#define DKV_RECORD_FRAME_H

#include "record/record.h"

/* Begin a record: `out` is empty but for a header, and has room for body_size more. */
int frame_begin(enum record_kind kind, size_t body_size, struct buf *out) MUST_CHECK;

/* The body is complete: put the checksum in. */
void frame_seal(enum record_table table, struct bytes key, struct buf *value);

/* Check the header. out_body is borrowed from value. ERR_CORRUPT, ERR_MISMATCH. */
int frame_open(enum record_table table, struct bytes key, enum record_kind kind, struct bytes value,
               struct bytes *out_body) MUST_CHECK;

/* Is key this name? */
bool frame_key_is(struct bytes key, const char *name);

/* Replace the content of key by this name. ERR_NO_MEMORY. */
int frame_key_set(struct buf *key, const char *name) MUST_CHECK;

/* Take from the front of *in, or ERR_CORRUPT when it is shorter than that. */
int frame_take_u8(struct bytes *in, uint8_t *out) MUST_CHECK;
int frame_take_be32(struct bytes *in, uint32_t *out) MUST_CHECK;
int frame_take_be64(struct bytes *in, uint64_t *out) MUST_CHECK;
int frame_take_bytes(struct bytes *in, size_t size, struct bytes *out) MUST_CHECK;

/* The names in META and STATE. */
#define FRAME_NAME_ADMITTED "admitted"
#define FRAME_NAME_BOOT "boot"
#define FRAME_NAME_CHOSEN_TO "chosen_to"
#define FRAME_NAME_HEAD "head"
#define FRAME_NAME_IDENTITY "identity"
#define FRAME_NAME_RESERVED "reserved"
#define FRAME_NAME_JOURNAL "journal"
#define FRAME_NAME_PEER "peer/" /* Four bytes follow: the id, big-endian. */
#define FRAME_NAME_PEER_SIZE (sizeof(FRAME_NAME_PEER) - 1)
#define FRAME_PEER_KEY_SIZE (FRAME_NAME_PEER_SIZE + 4)

/* Replace the content of key by that of an interval in RANGES. ERR_NO_MEMORY. */
int frame_key_set_range(struct buf *key, struct interval i, enum record_kind kind) MUST_CHECK;

/* The id of a peer's key. ERR_CORRUPT: it is no peer's key. */
int frame_peer_of_key(struct bytes key, uint32_t *out_peer) MUST_CHECK;

#endif
