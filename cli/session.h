/*
 * session.h -- the client behind a command that reads or writes keys.
 *
 * Each run is a new client of 16 random bytes, whose only write is op 1. --client-id, --op-id,
 * --floor and --born make it one that was there before, to send its write again.
 */
#ifndef DKV_CLI_SESSION_H
#define DKV_CLI_SESSION_H

#include "base/bytes.h"
#include "cli/table.h"

#define SESSION_TIMEOUT_MS 10000

/* As the flags say. io: that of several clients, or NULL. Other than CLI_OK: complained. */
enum cli_exit session_open(const struct cli *cli, struct dkv_io *io,
                           struct dkv_client **out_client) MUST_CHECK;

/* Complain about an operation that did not end with DKV_OK, and say by which code to leave. */
enum cli_exit session_fail(const struct cli *cli, const struct dkv_answer *answer);

/* "--client-id X --op-id N --floor N --born N", which repeats the write that got this answer. */
char *session_flags(const struct dkv_client *client, const struct dkv_answer *answer);

struct dkv_bytes session_bytes(struct bytes b);
struct bytes session_bytes_of(struct dkv_bytes b);

#endif
