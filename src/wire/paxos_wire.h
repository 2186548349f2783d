/*
 * paxos_wire.h -- what nodes say to each other, as bytes: envelopes of messages, and FetchChosen.
 *
 * An envelope holds many messages; each is decoded alone, so that a fault rule may drop it before
 * it is, and so that an envelope costs no more memory than its largest message. A message that
 * breaks a rule is a bug of the peer's, or no peer at all: close the stream.
 *
 * What is decoded keeps the rules of paxos/message.h and more: numbers are in their bounds, a field
 * that a kind does not use is absent, ballots and tags that must be there have a node and a boot, a
 * promise has a value exactly if it has a ballot at which it was accepted, the bytes of a batch are
 * a batch (kv/command.h), intervals are valid, with a stride of at most MEMBERS_MAX, and reports
 * lie within the promise and in the order of their first slots (which they may share). Whether the
 * sender's claims are true is not for this room to say.
 */
#ifndef DKV_WIRE_PAXOS_WIRE_H
#define DKV_WIRE_PAXOS_WIRE_H

#include <stdint.h>

#include "paxos/message.h"
#include "wire/wire.h"

#define WIRE_PAXOS_STREAM "/dkv.v1.Paxos/Stream"
#define WIRE_PAXOS_FETCH_CHOSEN "/dkv.v1.Paxos/FetchChosen"

/* ---- Envelopes ----------------------------------------------------------------------------- */

/*
 * Add a message. The value's bytes are copied. Whole envelopes may also be put one behind the
 * other, as long as they are within the bounds together. ERR_FULL, ERR_NO_MEMORY.
 */
int wire_envelope_add(struct wire_list *envelope, const struct message *m) MUST_CHECK;

/*
 * Move the first messages to the end of *out, as many as one envelope may have: up to one that is
 * longer than `alone` bytes, or just that one if it is the first. ERR_NO_MEMORY. It is not empty.
 */
int wire_envelope_take(struct wire_list *envelope, size_t alone, struct buf *out) MUST_CHECK;

/* An envelope being read. `rest` is borrowed from whoever began. */
struct wire_envelope {
    struct bytes rest;
    uint32_t count;
};

/* ERR_INVALID: more than WIRE_LIST_SIZE_MAX. */
int wire_envelope_begin(struct bytes in, struct wire_envelope *out_envelope,
                        struct wire_error *error) MUST_CHECK;

/* The next message, not decoded; borrowed from the envelope. ERR_NOT_FOUND: there is no more. */
int wire_envelope_next(struct wire_envelope *e, struct bytes *out_raw,
                       struct wire_error *error) MUST_CHECK;

/*
 * Decode one message. Its value and its reports each have a reference that is the caller's to drop;
 * nothing of it is in the arena. out_message->hello is out_hello in a HELLO, else NULL. A Hello may
 * speak of another protocol version or mode, which is for the receiver to refuse.
 */
int wire_decode_message(struct bytes raw, struct wire_arena *arena, struct hello *out_hello,
                        struct message *out_message, struct wire_error *error) MUST_CHECK;

/* ---- FetchChosen --------------------------------------------------------------------------- */

struct wire_fetch {
    uint64_t from; /* First slot wanted, >= 1, */
    uint64_t to;   /* and last, >= from. */
    struct hello hello;
};

int wire_encode_fetch(const struct wire_fetch *f, struct buf *out) MUST_CHECK;
int wire_decode_fetch(struct bytes in, struct wire_arena *arena, struct wire_fetch *out_fetch,
                      struct wire_error *error) MUST_CHECK;

/*
 * The answer under construction: slots in ascending order, intervals of NOOPs at any place between
 * them, then the end, once. next is where to ask again, or 0. bytes are copied. ERR_FULL (not the
 * end), ERR_NO_MEMORY.
 */
int wire_chosen_add(struct wire_list *answer, uint64_t slot, enum value_kind kind, struct tag tag,
                    struct bytes bytes) MUST_CHECK;
int wire_chosen_add_noops(struct wire_list *answer, struct interval i) MUST_CHECK;
int wire_chosen_end(struct wire_list *answer, uint64_t next) MUST_CHECK;

/* An answer being read. Borrows the bytes. */
struct wire_chosen {
    struct bytes rest;
    uint64_t from;  /* No slot below this may follow, */
    uint64_t to;    /* nor one above this. */
    uint64_t above; /* Nor one below this, unless it is in an interval. */
    uint64_t next;  /* As the sender gave it; 0, or above `from`. */
    uint32_t count;
};

/* The answer to a request for [from, to]. */
int wire_chosen_begin(struct bytes in, uint64_t from, uint64_t to, struct wire_chosen *out_chosen,
                      struct wire_error *error) MUST_CHECK;

/*
 * The next slot or interval, as a MESSAGE_CHOSEN whose value has a reference that is the caller's
 * to drop.
 * ERR_NOT_FOUND: there is no more.
 */
int wire_chosen_next(struct wire_chosen *c, struct wire_arena *arena, struct message *out_message,
                     struct wire_error *error) MUST_CHECK;

#endif
