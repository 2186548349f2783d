/*
 * usage.h -- how large an environment is, and may become.
 */
#ifndef DKV_STORE_USAGE_H
#define DKV_STORE_USAGE_H

#include <stdint.h>

/*
 * The map is address space, not disk: the bound of the data file's size (--map-size). A sanitizer
 * has less of it to give.
 */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define STORE_MAP_SIZE_DEFAULT (UINT64_C(4) << 30)
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define STORE_MAP_SIZE_DEFAULT (UINT64_C(4) << 30)
#endif
#endif
#ifndef STORE_MAP_SIZE_DEFAULT
#define STORE_MAP_SIZE_DEFAULT (UINT64_C(256) << 30)
#endif

/*
 * The acceptor's journal: how much may be committed before all of it is in the tables as well. Disk
 * that is taken when the directory is made; and what a start may have to merge.
 */
#define STORE_JOURNAL_SIZE_DEFAULT (UINT64_C(32) << 20)
#define STORE_JOURNAL_SIZE_MIN (UINT64_C(8) << 20)

/*
 * What is written in the background goes to the disk in parts of about so many bytes, each with a
 * sync of its own: a commit whose sync has to wait for a part waits for no more than that.
 */
#define STORE_PART_MAX (UINT64_C(1) << 20)

struct store_usage {
    uint64_t used_bytes; /* Pages in use or free for use: what the file holds. */
    uint64_t map_size_bytes;
};

#endif
