/*
 * samples.h -- one record of every shape, as key and value under its table.
 */
#ifndef DKV_UNIT_RECORD_SAMPLES_H
#define DKV_UNIT_RECORD_SAMPLES_H

#include "../unit.h"

#include "record/record.h"

/* What the samples are made of. */
extern const struct ballot sample_low;
extern const struct ballot sample_high; /* Above it. */
extern const struct identity sample_identity;
extern const struct checkpoint_head sample_head;
extern const struct interval sample_interval; /* Slots 17, 20, ... 29. */

#define SAMPLES 22
#define SAMPLES_RESERVED 14 /* The first of those of coordinated mode. */
#define SAMPLES_JOURNAL 19  /* And behind them. */

struct sample {
    enum record_table table;
    struct buf key;
    struct buf value;
};

/* All of them. samples_fini ends the test when anything is left allocated. */
void samples_init(struct sample s[SAMPLES]);
void samples_fini(struct sample s[SAMPLES]);

/* A value whose one reference is the caller's. */
struct value *sample_value(enum value_kind kind);

/* Encode d into s, and drop the reference that d owns. */
void sample_durable(struct sample *s, struct durable d);

/* What record_verify says of it. */
int sample_verify(const struct sample *s);

#endif
