/*
 * directory.h -- the data directory: made so that it survives a power loss, and locked.
 *
 * Private to store/.
 */
#ifndef DKV_STORE_DIRECTORY_H
#define DKV_STORE_DIRECTORY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "store/store_error.h"

/* Of a data directory's path; what lies in it adds a little. */
#define DIRECTORY_PATH_MAX 320
#define STORE_PATH_MAX (DIRECTORY_PATH_MAX + 32)

/* out = dir/name. ERR_INVALID: dir is empty or too long. */
int directory_join(const char *dir, const char *name, char out[STORE_PATH_MAX],
                   struct store_error *error) MUST_CHECK;

/* Make path, and what is missing above it, for this user alone, durably. ERR_IO, ERR_INVALID. */
int directory_create(const char *path, struct store_error *error) MUST_CHECK;

/* The names in path are on the disk. ERR_IO. */
int directory_sync(const char *path, struct store_error *error) MUST_CHECK;

/*
 * Lock dir for this process, by dir/lock, which is made when `create` says so. Released when
 * *out_fd is closed, at the latest when the process ends.
 * ERR_BUSY: another process (or another open store of this one) holds it. ERR_NOT_FOUND: there is
 * no lock to take, so dir is no data directory. ERR_IO.
 */
int directory_lock(const char *dir, bool create, int *out_fd, struct store_error *error) MUST_CHECK;

/* Is there a file dir/name/data.mdb with anything in it? */
bool directory_has_data(const char *dir, const char *name);

#endif
