/*
 * records.h -- text that consists of records with blank lines between them, as Debian's package
 * lists do.
 *
 * A blank line is one with nothing on it. A record is a run of lines that are not blank, byte for
 * byte, with the newline of its last line if there is one; blank lines belong to no record. So the
 * records of a tidy file, joined with one newline, are the file.
 *
 * A record's key is what follows "FIELD:" on the first line that begins so (in any case), without
 * spaces and tabs around it.
 */
#ifndef DKV_CLI_RECORDS_H
#define DKV_CLI_RECORDS_H

#include <stddef.h>

#include "base/bytes.h"
#include "base/err.h"

#define RECORDS_MESSAGE_SIZE_MAX 256

struct record {
    struct bytes key; /* Both borrow from the text. */
    struct bytes value;
};

/* All zero is none. */
struct records {
    struct record *all;
    size_t count;
    size_t capacity;
    size_t replaced; /* Records left out because a later one has the same key. */
};

/*
 * In the order of the text, each key once: the last record of a key counts. ERR_INVALID: message
 * names the record (from 1 on) that has no key, or whose key or value is too long; ERR_NO_MEMORY.
 */
int records_parse(struct bytes text, const char *field, struct records *out,
                  char message[RECORDS_MESSAGE_SIZE_MAX]) MUST_CHECK;

void records_fini(struct records *r);

#endif
