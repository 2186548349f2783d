/*
 * message.h -- our bytes and texts as the library's buffers and slices, and back (private).
 */
#ifndef DKV_RPC_MESSAGE_H
#define DKV_RPC_MESSAGE_H

#include <stddef.h>
#include <stdint.h>

#include <grpc/byte_buffer.h>
#include <grpc/grpc.h>
#include <grpc/slice.h>

#include "base/bytes.h"

/* A received message whose bytes are in one piece. */
struct rpc_message {
    struct bytes bytes; /* Good until rpc_message_fini. */
    grpc_byte_buffer *buffer;
    grpc_slice joined; /* Holds the bytes of a message that came in pieces. */
};

/* Takes the buffer over. */
void rpc_message_init(struct rpc_message *m, grpc_byte_buffer *buffer);
void rpc_message_fini(struct rpc_message *m);

/* The memory of b moves out; b is empty afterwards. Destroy the result when it was sent. */
grpc_byte_buffer *rpc_message_from_buf(struct buf *b);

/*
 * The same without giving memory away, where a copy costs less than new memory: b is empty
 * afterwards, and may keep what it has.
 */
grpc_byte_buffer *rpc_message_copy_buf(struct buf *b);

/* A copy of the text, or the empty slice for NULL, at most size_max bytes of it. */
grpc_slice rpc_slice_from_text(const char *text, size_t size_max);

/* Copy a C string, cut to size - 1 bytes. size > 0. */
void rpc_text_copy(char *out_text, size_t size, const char *text);

/* Copy a slice as a C string, cut to size - 1 bytes. */
void rpc_text_from_slice(grpc_slice slice, char *out_text, size_t size);

/* The value of a header as a C string, cut to size - 1 bytes; "" if there is none. */
void rpc_text_from_metadata(const grpc_metadata_array *metadata, const char *key, char *out_text,
                            size_t size);

/* The other side of a call, for people. */
void rpc_text_from_peer(grpc_call *call, char *out_text, size_t size);

/* A channel argument. */
grpc_arg rpc_arg(const char *key, int value);

/* The trailers that carry what a status code does not. */
#define RPC_TRAILER_REASON "dkv-reason"
#define RPC_TRAILER_RETRY_AFTER "grpc-retry-pushback-ms"

#endif
