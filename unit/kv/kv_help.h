/*
 * kv_help.h -- commands and machines for tests: short to write down, one command to a slot.
 */
#ifndef DKV_UNIT_KV_HELP_H
#define DKV_UNIT_KV_HELP_H

#include "../unit.h"

#include "kv/command.h"
#include "kv/machine.h"

/* Commands without a session. The strings are borrowed. */
struct command put_of(const char *key, const char *value);
struct command append_of(const char *key, const char *value);
struct command delete_of(const char *key);
struct command cas_absent(const char *key, const char *value);
struct command cas_value(const char *key, const char *expected, const char *value);
struct command cas_revision(const char *key, uint64_t expected, const char *value);

struct command with_previous(struct command c);
struct command with_op(struct command c, const char *client, uint64_t op_id, uint64_t floor,
                       uint64_t born);

/* With the protocol's own limits. */
struct machine *machine_of_defaults(void);

/* Apply one command in the next slot. The result is the caller's: result_fini. */
struct result apply(struct machine *m, struct command c);

/* Apply several in one slot. */
void apply_all(struct machine *m, const struct command *commands, size_t count,
               struct result *results);

/* Apply one command, and see what it is answered; the value of the result's entries aside. */
void apply_expect(struct machine *m, struct command c, enum result_code code, bool applied,
                  bool duplicate);

/* NULL: no such key. */
void assert_value(const struct machine *m, const char *key, const char *value);
void assert_entry_value(const struct entry *e, const char *value);

/* An append-only stack of checkpoints, folded: what a store would hold. All zero is empty. */
struct shelf_record {
    struct buf name;
    struct buf content;       /* Of a session: encoded. Of a key: its value. */
    uint64_t create_revision; /* 0 for a session. */
    uint64_t mod_revision;
    uint64_t version;
    bool gone;
};

struct shelf {
    struct shelf_record *records;
    size_t count;
    size_t capacity;
    struct checkpoint_head head;
};

void shelf_fold(struct shelf *s, const struct checkpoint *c);
void shelf_fini(struct shelf *s);

/* Freeze m and fold that in. */
void shelf_freeze(struct shelf *s, struct machine *m);

/* Make a machine of it; out_machine is untouched when that fails. */
int shelf_restore(const struct shelf *s, const struct machine_limits *limits, uint64_t hash_seed,
                  struct machine **out_machine) MUST_CHECK;

#endif
