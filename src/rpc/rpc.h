/*
 * rpc.h -- the transport in our own terms: what servers, clients and streams have in common.
 *
 * Bytes go in and bytes come out. This room alone knows gRPC; nobody above sees a slice, a tag or a
 * completion queue. It logs nothing and silences the library underneath: errors are returned.
 *
 * Threads. A server or client has one thread, its poller, which does its I/O and runs its
 * callbacks: a thread of its own, or one that it shares with others (poller.h). A callback
 * therefore neither blocks nor syncs a disk, and never closes the object that it was called by;
 * everything else may be called from it. Pollers block all signals. The library starts threads of
 * its own at rpc_init, which inherit the signal mask of the caller: block what only one thread
 * shall get before that.
 *
 * No fork(2) after rpc_init; use posix_spawn.
 */
#ifndef DKV_RPC_RPC_H
#define DKV_RPC_RPC_H

#include <stdint.h>

/* Longest message either side takes; longer ones end the call with RPC_RESOURCE_EXHAUSTED. */
#define RPC_MESSAGE_SIZE_MAX (4 * 1024 * 1024)

/* Longest text and reason of a status, without the NUL; what is longer is cut. */
#define RPC_TEXT_SIZE_MAX 511
#define RPC_REASON_SIZE_MAX 63

/* No deadline. */
#define RPC_FOREVER_NS UINT64_MAX

/* The standard codes of gRPC, with their standard numbers. */
enum rpc_status {
    RPC_OK = 0,
    RPC_CANCELLED = 1,
    RPC_UNKNOWN = 2,
    RPC_INVALID_ARGUMENT = 3,
    RPC_DEADLINE_EXCEEDED = 4,
    RPC_NOT_FOUND = 5,
    RPC_ALREADY_EXISTS = 6,
    RPC_PERMISSION_DENIED = 7,
    RPC_RESOURCE_EXHAUSTED = 8,
    RPC_FAILED_PRECONDITION = 9,
    RPC_ABORTED = 10,
    RPC_OUT_OF_RANGE = 11,
    RPC_UNIMPLEMENTED = 12,
    RPC_INTERNAL = 13,
    RPC_UNAVAILABLE = 14,
    RPC_DATA_LOSS = 15,
    RPC_UNAUTHENTICATED = 16,
};

/* "UNAVAILABLE" and so on; "UNKNOWN" for a number that is none. Static. */
const char *rpc_status_name(enum rpc_status status);

/*
 * Before anything else of this room, and after everything else of it. Calls may nest. When the last
 * rpc_fini returned, the library's threads have ended. The first rpc_init may set an environment
 * variable: call it before other threads are there.
 */
void rpc_init(void);
void rpc_fini(void);

#endif
