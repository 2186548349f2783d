/*
 * temp.h -- a directory for one test, empty at first, and gone afterwards.
 */
#ifndef DKV_UNIT_TEMP_H
#define DKV_UNIT_TEMP_H

#define TEMP_PATH_MAX 128

struct temp {
    char path[TEMP_PATH_MAX];
};

/* Below $TMPDIR or /tmp. Ends the test when that fails. */
void temp_init(struct temp *t);

/* With everything in it. */
void temp_fini(struct temp *t);

#endif
