/* machine.c -- see machine.h; checkpoint.c has freezing and restoring. */
#include "kv/machine.h"

#include <assert.h>

#include "base/mem.h"
#include "base/planted.h"
#include "kv/digest.h"
#include "kv/machine_state.h"

const struct machine_limits machine_limits_default = {
    .clients_max = 65536,
    .results_bytes_max = (uint64_t)256 * 1024 * 1024,
    .result_size_max = 4096,
    .window = 1024,
};

void result_fini(struct result *r)
{
    entry_unref(r->previous);
    entry_unref(r->output);
    *r = (struct result){0};
}

int machine_open(const struct machine_limits *limits, uint64_t first_slot,
                 struct machine **out_machine)
{
    assert(first_slot >= 1);
    struct machine *m = mem_alloc_zero(sizeof(*m));
    if (m == NULL)
        return ERR_NO_MEMORY;
    keys_init(&m->keys);
    sessions_init(&m->sessions, limits);
    m->applied = first_slot - 1;
    *out_machine = m;
    return 0;
}

void machine_close(struct machine *m)
{
    if (m == NULL)
        return;
    keys_fini(&m->keys);
    sessions_fini(&m->sessions);
    mem_free(m);
}

void machine_set_hash_seed(struct machine *m, uint64_t seed)
{
    assert(m->keys.gone.table.count == 0);
    assert(m->sessions.table.count == 0 && m->sessions.gone.table.count == 0);
    m->keys.gone.table.seed = seed;
    m->sessions.table.seed = seed;
    m->sessions.gone.table.seed = seed;
}

#ifdef DKV_PLANTED
bool machine_knows_op(const struct machine *m, const struct command *c)
{
    const struct session *session = sessions_find(&m->sessions, c->client_id);
    return session != NULL && session_find(session, c->op_id) != NULL;
}
#endif

/* ---- What a command does ------------------------------------------------------------------- */

static bool comparison_holds(const struct command *c, const struct entry *old)
{
    switch (c->expect) {
    case EXPECT_NOTHING:
        return true;
    case EXPECT_ABSENT:
        return old == NULL;
    case EXPECT_VALUE:
        return old != NULL && bytes_equal(entry_value(old), c->expected);
    case EXPECT_REVISION:
        return old != NULL && old->mod_revision == c->expected_revision;
    }
    assert(false && "command_check lets no other pass");
    return false;
}

/* The value of c's key becomes head and tail; *out_entry is borrowed from the keys. */
static int write_entry(struct machine *m, const struct command *c, struct entry **place,
                       struct bytes head, struct bytes tail, struct entry **out_entry)
{
    struct entry *e;
    TRY(entry_new(c->key, head, tail, &e));
    uint64_t revision = m->revision + 1;
    const struct entry *old = place == NULL ? NULL : *place;
    entry_seal(e, old == NULL ? revision : old->create_revision, revision,
               old == NULL ? 1 : old->version + 1);
    int err = keys_put(&m->keys, place, e);
    if (err != 0) {
        entry_unref(e);
        return err;
    }
    m->revision = revision;
    *out_entry = e;
    return 0;
}

static int append_value(struct machine *m, const struct command *c, struct entry **place,
                        struct result *r)
{
    struct bytes head = place == NULL ? (struct bytes){0} : entry_value(*place);
    if (c->value.size > VALUE_SIZE_MAX - head.size) {
        r->code = RESULT_TOO_LARGE;
        return 0;
    }
    struct entry *e;
    TRY(write_entry(m, c, place, head, c->value, &e));
    r->applied = true;
    r->output = entry_ref(e);
    return 0;
}

static int put_value(struct machine *m, const struct command *c, struct entry **place,
                     struct result *r)
{
    struct entry *e;
    if (!comparison_holds(c, place == NULL ? NULL : *place))
        return 0;
    TRY(write_entry(m, c, place, c->value, (struct bytes){0}, &e));
    r->applied = true;
    return 0;
}

static int delete (struct machine *m, struct entry **place, struct result *r)
{
    if (place == NULL)
        return 0;
    TRY(keys_delete(&m->keys, *place));
    m->revision++;
    r->applied = true;
    return 0;
}

/* *r is filled as far as it goes, also when this fails. */
static int execute(struct machine *m, uint64_t slot, const struct command *c, struct result *r)
{
    struct entry **place = keys_find(&m->keys, c->key);
    *r = (struct result){.slot = slot, .found = place != NULL};
    if (place != NULL && (c->want_previous || c->kind == COMMAND_CAS))
        r->previous = entry_ref(*place);

    switch (c->kind) {
    case COMMAND_PUT:
    case COMMAND_CAS:
        TRY(put_value(m, c, place, r));
        break;
    case COMMAND_APPEND:
        TRY(append_value(m, c, place, r));
        break;
    case COMMAND_DELETE:
        TRY(delete (m, place, r));
        break;
    }
    if (r->applied && !c->want_previous) {
        entry_unref(r->previous);
        r->previous = NULL;
    }
    r->revision = m->revision;
    m->executed++;
    return 0;
}

static int apply_once(struct machine *m, uint64_t slot, uint32_t place, const struct command *c,
                      struct result *r)
{
    struct session *session;
    TRY(sessions_admit(&m->sessions, c, slot, place, &session, r));
    if (session != NULL) {
        TRY(execute(m, slot, c, r));
        return sessions_complete(&m->sessions, session, c, r);
    }
    if (r->duplicate && PLANTED(PLANTED_DEDUP_AT_PROPOSE)) {
        result_fini(r);
        return execute(m, slot, c, r);
    }
    if (r->duplicate)
        m->suppressed++;
    if (r->slot == 0) {
        r->slot = slot;
        r->revision = m->revision;
    }
    return 0;
}

static int apply_commands(struct machine *m, uint64_t slot, struct bytes batch,
                          struct result *results, uint32_t *out_filled)
{
    for (uint32_t place = 0; batch.size > 0; place++) {
        struct command c;
        struct result r = {0};
        int err = command_decode(&batch, &c);
        assert(err == 0);
        err = c.client_id.size == 0 ? execute(m, slot, &c, &r) : apply_once(m, slot, place, &c, &r);
        if (err != 0 || results == NULL)
            result_fini(&r);
        if (err != 0)
            return err;
        if (results != NULL)
            results[place] = r;
        *out_filled = place + 1;
    }
    return 0;
}

int machine_apply(struct machine *m, uint64_t slot, struct bytes batch, struct result *results)
{
    assert(slot == m->applied + 1);
    assert(batch.size > 0);
    uint32_t filled = 0;
    int err = apply_commands(m, slot, batch, results, &filled);
    if (err != 0) {
        for (uint32_t i = 0; results != NULL && i < filled; i++)
            result_fini(&results[i]);
        return err;
    }
    m->applied = slot;
    return 0;
}

void machine_apply_nothing(struct machine *m, uint64_t slot)
{
    assert(slot == m->applied + 1);
    m->applied = slot;
}

/* ---- What there is ------------------------------------------------------------------------- */

struct entry *machine_get(const struct machine *m, struct bytes key)
{
    struct entry **place = keys_find(&m->keys, key);
    return place == NULL ? NULL : *place;
}

struct entry *machine_seek(const struct machine *m, struct bytes key)
{
    return map_seek(&m->keys.map, key);
}

uint64_t machine_applied(const struct machine *m)
{
    return m->applied;
}

uint64_t machine_revision(const struct machine *m)
{
    return m->revision;
}

uint64_t machine_evicted_to(const struct machine *m)
{
    return m->sessions.evicted_to;
}

uint64_t machine_keys(const struct machine *m)
{
    return m->keys.map.count;
}

uint64_t machine_clients(const struct machine *m)
{
    return m->sessions.table.count;
}

uint64_t machine_bytes(const struct machine *m)
{
    return m->keys.bytes + sessions_bytes(&m->sessions);
}

uint64_t machine_hash(const struct machine *m)
{
    uint64_t numbers[] = {m->revision, m->sessions.evicted_to};
    return m->keys.hash + m->sessions.hash +
           digest_numbers(numbers, sizeof(numbers) / sizeof(numbers[0]), 0);
}

uint64_t machine_executed(const struct machine *m)
{
    return m->executed;
}

uint64_t machine_suppressed(const struct machine *m)
{
    return m->suppressed;
}
