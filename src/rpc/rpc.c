/* rpc.c -- see rpc.h. */
#define _GNU_SOURCE
#include "rpc/rpc.h"

#include <assert.h>
#include <dlfcn.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <grpc/grpc.h>
#include <grpc/status.h>
#include <grpc/support/log.h>

#include "rpc/steady.h"

/* Numbers cross this room's border unchanged. */
static_assert((int)RPC_OK == (int)GRPC_STATUS_OK, "status codes");
static_assert((int)RPC_CANCELLED == (int)GRPC_STATUS_CANCELLED, "status codes");
static_assert((int)RPC_DEADLINE_EXCEEDED == (int)GRPC_STATUS_DEADLINE_EXCEEDED, "status codes");
static_assert((int)RPC_RESOURCE_EXHAUSTED == (int)GRPC_STATUS_RESOURCE_EXHAUSTED, "status codes");
static_assert((int)RPC_UNIMPLEMENTED == (int)GRPC_STATUS_UNIMPLEMENTED, "status codes");
static_assert((int)RPC_UNAVAILABLE == (int)GRPC_STATUS_UNAVAILABLE, "status codes");
static_assert((int)RPC_UNAUTHENTICATED == (int)GRPC_STATUS_UNAUTHENTICATED, "status codes");

const char *rpc_status_name(enum rpc_status status)
{
    static const char *const names[] = {
        [RPC_OK] = "OK",
        [RPC_CANCELLED] = "CANCELLED",
        [RPC_UNKNOWN] = "UNKNOWN",
        [RPC_INVALID_ARGUMENT] = "INVALID_ARGUMENT",
        [RPC_DEADLINE_EXCEEDED] = "DEADLINE_EXCEEDED",
        [RPC_NOT_FOUND] = "NOT_FOUND",
        [RPC_ALREADY_EXISTS] = "ALREADY_EXISTS",
        [RPC_PERMISSION_DENIED] = "PERMISSION_DENIED",
        [RPC_RESOURCE_EXHAUSTED] = "RESOURCE_EXHAUSTED",
        [RPC_FAILED_PRECONDITION] = "FAILED_PRECONDITION",
        [RPC_ABORTED] = "ABORTED",
        [RPC_OUT_OF_RANGE] = "OUT_OF_RANGE",
        [RPC_UNIMPLEMENTED] = "UNIMPLEMENTED",
        [RPC_INTERNAL] = "INTERNAL",
        [RPC_UNAVAILABLE] = "UNAVAILABLE",
        [RPC_DATA_LOSS] = "DATA_LOSS",
        [RPC_UNAUTHENTICATED] = "UNAUTHENTICATED",
    };
    size_t i = (size_t)status;
    return i < sizeof(names) / sizeof(names[0]) ? names[i] : "UNKNOWN";
}

/* The library's lines on stderr would tell nobody what to do; failures reach us as results. */
static void rpc_log_drop(gpr_log_func_args *args)
{
    (void)args;
}

/*
 * Some builds of the library underneath look for deadlocks: each lock that is taken is entered into
 * one graph of all locks of the process, behind a lock of its own. That is for its developers, and
 * was a tenth of the instructions of a call. Where the function has this name, switch it off; where
 * it has not, nothing is lost but time.
 */
static void rpc_deadlock_search_off(void)
{
    static const char name[] =
        "_ZN4absl7debian329SetMutexDeadlockDetectionModeENS0_15OnDeadlockCycleE";
    enum { IGNORE = 0 };
    void (*set_mode)(int mode) = NULL;
    void *found = dlsym(RTLD_DEFAULT, name);
    static_assert(sizeof(found) == sizeof(set_mode), "POSIX says so of dlsym");
    memcpy(&set_mode, &found, sizeof(found));
    if (set_mode != NULL)
        set_mode(IGNORE);
}

void rpc_init(void)
{
    rpc_steady_init();
    rpc_deadlock_search_off();
    gpr_set_log_function(rpc_log_drop);
    /* The system's resolver, as for the address we listen on; c-ares leaks at each "localhost". */
    setenv("GRPC_DNS_RESOLVER", "native", 0);
    grpc_init();
}

void rpc_fini(void)
{
    /* The plain grpc_shutdown may leave the clean-up to a thread that outlives it. */
    grpc_shutdown_blocking();
}
