/*
 * unread.h -- how many bytes of values may wait for clients that ask and do not read. Of service/
 * only; any thread.
 *
 * All share UNREAD_MAX bytes: each may have an eighth of what is still free, and a Batch stream at
 * most UNREAD_STREAM_MAX. So however many do not read, some is free, and who does read has answers
 * of some size: those of 1 MiB are refused when less than 8 are left. (Choudhury and Hahne,
 * "Dynamic Queue Length Thresholds for Shared-Memory Packet Switches", IEEE/ACM Transactions on
 * Networking, 1998.) Answers without values are not refused: what operations may be under way
 * bounds them.
 */
#ifndef DKV_SERVICE_UNREAD_H
#define DKV_SERVICE_UNREAD_H

#include <stdbool.h>

#include "node/node.h"

#define UNREAD_MAX ((size_t)256 << 20)
#define UNREAD_STREAM_MAX ((size_t)16 << 20)

/* May `more` bytes wait for somebody for whom `own` do already? */
bool unread_has_room(struct node *n, size_t own, size_t more);

/* Answers of so many bytes wait, besides those that the server counts; or no longer do. */
void unread_add(struct node *n, size_t size);
void unread_remove(struct node *n, size_t size);

#endif
