/*
 * store_error.h -- what went wrong with a disk, in words for a person.
 *
 * Every function of store/ that touches the disk takes one of these, fills it exactly when it
 * returns an error, and says in it which path, what happened, and what to do about it.
 */
#ifndef DKV_STORE_STORE_ERROR_H
#define DKV_STORE_STORE_ERROR_H

/* One line without a newline, always NUL-terminated. */
struct store_error {
    char text[512];
};

/* Fill it, cut to size, and return err: `return store_error_set(e, ERR_IO, ...)`. */
int store_error_set(struct store_error *e, int err, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
