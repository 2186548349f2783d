/*
 * wire.h -- what the messages of all services share: bounds, memory, and what was wrong.
 *
 * wire/ turns the plain structs of every service into protobuf bytes and back, and it is the one
 * place where what comes from outside is validated: whatever a decoder lets through keeps the
 * bounds that the headers give, and from there on the code asserts.
 *
 * Decoders. 0, or ERR_INVALID with a sentence in *error that names the field and its limit, or
 * ERR_NO_MEMORY. Unless a header says otherwise, what is decoded lives in the arena until its next
 * use, and nothing points at the input afterwards. A message costs at most twice its size and some
 * hundred bytes for each of its fields, and these are counted before any memory is taken: protobuf
 * of a hostile peer cannot make us allocate more than some MiB.
 *
 * Encoders append to a buf and return 0 or ERR_NO_MEMORY, which leaves the buf as it was. They
 * trust their input.
 *
 * Nothing here has state of its own: any thread, one arena each.
 */
#ifndef DKV_WIRE_WIRE_H
#define DKV_WIRE_WIRE_H

#include <stdalign.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"

#define WIRE_MESSAGE_SIZE_MAX ((size_t)4 << 20) /* Any message. */
#define WIRE_LIST_SIZE_MAX ((size_t)3 << 20)    /* An envelope, or an answer that lists slots. */
#define WIRE_LIST_COUNT_MAX 16384               /* Entries of one of these. */

/* Slots, rounds and the like stop here, so that adding to them cannot overflow. */
#define WIRE_NUMBER_MAX (UINT64_C(1) << 62)

/* One sentence, for whoever sent the message. */
struct wire_error {
    char text[192];
};

struct wire_block;

/*
 * The memory of one decoded message. Small ones need no allocation: it has room of its own, so it
 * belongs on a stack or in a long-lived object. Never copied.
 */
struct wire_arena {
    struct wire_block *blocks; /* Allocated; the newest first. */
    uint8_t *free;             /* Where the next bytes come from, */
    size_t free_size;          /* and how many there are. */
    size_t left;               /* How much more this message may take. */
    int err;                   /* Why it gave nothing: ERR_INVALID (left), ERR_NO_MEMORY. */
    alignas(max_align_t) uint8_t room[2048];
};

void wire_arena_init(struct wire_arena *a);

/* Free all it holds; it is empty and usable afterwards. */
void wire_arena_fini(struct wire_arena *a);

/* Empty it, and let it give `size_max` bytes. */
void wire_arena_begin(struct wire_arena *a, size_t size_max);

/* Aligned for anything. NULL when the bound is reached or memory is short: a->err says which. */
void *wire_arena_alloc(struct wire_arena *a, size_t size) MUST_CHECK;

/* A message that has no fields: is it protobuf at all? */
int wire_decode_nothing(struct bytes in, struct wire_error *error) MUST_CHECK;

/*
 * A list under construction: an envelope, or the slots of an answer. All zero is an empty one.
 * Its functions give ERR_FULL, and leave it as it was, when one more entry would pass
 * its size_max or WIRE_LIST_COUNT_MAX; the first entry always fits.
 */
struct wire_list {
    struct buf buf; /* What is to be sent. */
    uint32_t count;
    size_t size_max; /* 0: WIRE_LIST_SIZE_MAX. More: what is to leave in more than one message. */
};

/* Empty it, and keep the memory. */
void wire_list_clear(struct wire_list *l);

/* Free the memory; it is empty and usable afterwards. */
void wire_list_fini(struct wire_list *l);

#endif
