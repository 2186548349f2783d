/*
 * command.h -- one client's write, as bytes in the log.
 *
 * A batch, the content of a VALUE_BATCH, is one or more commands one behind the other. The bytes
 * are the same on every node and are hashed, stored and compared: encoding is canonical (one
 * command has one encoding), and decoding refuses anything else.
 */
#ifndef DKV_KV_COMMAND_H
#define DKV_KV_COMMAND_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"

#define KEY_SIZE_MAX 511             /* At least 1. */
#define VALUE_SIZE_MAX (1024 * 1024) /* Of one key's value. May be empty. */
#define CLIENT_ID_SIZE_MAX 64        /* Empty: a client without a session. */

enum command_kind {
    COMMAND_PUT = 1,
    COMMAND_APPEND = 2, /* To what is there, or to nothing. */
    COMMAND_DELETE = 3,
    COMMAND_CAS = 4, /* Put `value` if what is there is what was expected. */
};

enum command_expect {
    EXPECT_NOTHING = 0,  /* No comparison. In anything but CAS. */
    EXPECT_ABSENT = 1,   /* There is no such key. */
    EXPECT_VALUE = 2,    /* The key has the value `expected`. */
    EXPECT_REVISION = 3, /* The key was last modified at `expected_revision` (> 0). */
};

struct command {
    enum command_kind kind;
    bool want_previous; /* The answer is to carry the value that was there before. */
    struct bytes key;
    struct bytes value; /* Of PUT, APPEND, CAS; empty in DELETE. */
    enum command_expect expect;
    struct bytes expected; /* EXPECT_VALUE only. */
    uint64_t expected_revision;
    /* Exactly once, after RIFL (SOSP'15); docs/protocol.md, section 4. All 0 without client_id. */
    struct bytes client_id;
    uint64_t op_id; /* >= 1 with a client_id. */
    uint64_t floor; /* <= op_id. Lowest op_id whose answer the client still lacks. */
    uint64_t born;  /* An applied slot the client knew before it first sent this op. */
};

/* ERR_INVALID when c breaks a bound or a rule given above. */
int command_check(const struct command *c) MUST_CHECK;

/* Bytes that command_encode appends for c, which passes command_check. */
size_t command_size(const struct command *c);

/*
 * Append the encoding of c, which passes command_check, to out.
 * ERR_NO_MEMORY: nothing was appended.
 */
int command_encode(const struct command *c, struct buf *out) MUST_CHECK;

/*
 * Take the first command off *in. out_command borrows from the bytes of in.
 * ERR_INVALID: these bytes are not what command_encode makes; *in is as it was.
 */
int command_decode(struct bytes *in, struct command *out_command) MUST_CHECK;

/* Are these bytes a batch: at least one command, and nothing else? ERR_INVALID. */
int batch_check(struct bytes batch, uint32_t *out_count) MUST_CHECK;

/*
 * What a repeat of an op must agree on: a hash of kind, key, arguments and want_previous; not of
 * floor, born, client_id or op_id.
 */
uint64_t command_fingerprint(const struct command *c);

#endif
