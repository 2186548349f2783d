/*
 * text.h -- bytes as a person, a shell or a parser reads them, and words that people write.
 *
 * What returns a char * gives memory that the caller frees with free(3); without memory the process
 * ends with a line, as it does wherever dkv-cli has none.
 */
#ifndef DKV_CLI_TEXT_H
#define DKV_CLI_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"

/* ---- To people and shells ------------------------------------------------------------------ */

/* As asprintf(3). */
char *text_format(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Memory, or the end. */
void *text_alloc(size_t size);

/*
 * The bytes on one line of a terminal: UTF-8 as it is, control characters and what is no UTF-8 as
 * \n, \t, \xNN; after size_max bytes cut, with "..." behind it.
 */
char *text_printable(struct bytes b, size_t size_max);

/* A word of a POSIX shell that stands for exactly these characters. */
char *text_shell_quote(const char *word);

/* "1.5 MiB", "12 B". */
char *text_size(uint64_t bytes);

/* Hex digits, lower case. */
char *text_hex(struct bytes b);

/* ---- From people --------------------------------------------------------------------------- */

/* "50ms", "1.5s", "2m", "1h", "100us": whole milliseconds, at most a day; "100us" is 1 ms: rounded
 * up, so that only 0 is 0. ERR_INVALID. */
int text_parse_duration(const char *text, uint32_t *out_ms) MUST_CHECK;

/* "0.3", "1", ".5": a share from 0 to 1, in a million, rounded. ERR_INVALID. */
int text_parse_ratio(const char *text, uint32_t *out_ppm) MUST_CHECK;

/*
 * A client id as it is written on a command line: "hex:00ff…" stands for these bytes, and anything
 * else for itself. 1 to size_max bytes. ERR_INVALID: out may hold a part of it.
 */
int text_parse_client_id(const char *text, uint8_t *out, size_t size_max,
                         size_t *out_size) MUST_CHECK;

/* The way back: itself where that is a plain word, else "hex:…". */
char *text_client_id(struct bytes id);

#endif
