/*
 * steady.h -- the library's timers, and what happens to them when somebody sets the clock.
 *
 * gRPC reckons its deadlines by the monotonic clock, but the Abseil of Debian 12 (20220623) sleeps
 * until they come by the wall clock: a futex with FUTEX_CLOCK_REALTIME. Set that clock back by an
 * hour, and every timer of gRPC's core is an hour late: calls outlive their deadlines, lost
 * connections stay lost. (Set forward it does no harm: who wakes too early looks, and sleeps on.)
 *
 * So linking this room puts a syscall() of our own before libc's, which is how Abseil calls the
 * kernel: it makes of every such sleep one until the same moment by the monotonic clock. All other
 * system calls pass through. A clock that is set in the microsecond between Abseil's reckoning and
 * ours still does what it did.
 *
 * A program that loads us from a shared object needs that object before libc in the order in which
 * the linker looks. An Abseil that sleeps by the monotonic clock itself is left alone.
 */
#ifndef DKV_RPC_STEADY_H
#define DKV_RPC_STEADY_H

/* Whoever calls it is linked with what this file is about. Any thread, any number of times. */
void rpc_steady_init(void);

#endif
