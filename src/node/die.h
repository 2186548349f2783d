/*
 * die.h -- ending the process at once, rather than lie.
 *
 * After a failed commit, a contradiction in what was chosen, or without memory nothing more may be
 * said to anybody: no flush, no farewell. What was answered is on a majority's disks.
 */
#ifndef DKV_NODE_DIE_H
#define DKV_NODE_DIE_H

/* Log one line and leave with status 1, from any thread. */
void die(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

/* For what cannot go on without memory. `what` is what it was for. */
void die_no_memory(const char *what) __attribute__((noreturn));

#endif
