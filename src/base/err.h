/*
 * err.h -- what can go wrong, as numbers.
 *
 * A function that can fail returns 0 or one of these, and leaves its out_ arguments untouched when
 * it fails. Bugs are no errors: they trip an assert.
 */
#ifndef DKV_BASE_ERR_H
#define DKV_BASE_ERR_H

enum err {
    ERR_OK = 0,
    ERR_NO_MEMORY = 1, /* An allocation failed. */
    ERR_INVALID,       /* The input breaks a rule of its format or a bound. */
    ERR_CORRUPT,       /* Stored bytes are not what was written. */
    ERR_NOT_FOUND,     /* There is nothing under that name. */
    ERR_EXISTS,        /* There is something under that name already. */
    ERR_BUSY,          /* Somebody else holds it. */
    ERR_FULL,          /* A bound was reached: a queue, a table, the disk. */
    ERR_MISMATCH,      /* It belongs to another node, cluster or version. */
    ERR_IO,            /* The operating system refused; errno said why. */
    ERR_CLOSED,        /* The other side is gone. */
    ERR_TIMEOUT,       /* It did not happen in time. */
};

#define MUST_CHECK __attribute__((warn_unused_result))

/* Return from the calling function with the error of `call`, if there is one. */
#define TRY(call)             \
    do {                      \
        int try_err = (call); \
        if (try_err != 0)     \
            return try_err;   \
    } while (0)

/* A few words for a person, never NULL. The string is static. */
const char *err_text(int err);

#endif
