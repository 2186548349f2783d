/* kv_help.c -- see kv_help.h. */
#include "kv_help.h"

#include <string.h>

#include "base/mem.h"

struct command put_of(const char *key, const char *value)
{
    return (struct command){.kind = COMMAND_PUT, .key = bytes_of(key), .value = bytes_of(value)};
}

struct command append_of(const char *key, const char *value)
{
    return (struct command){.kind = COMMAND_APPEND, .key = bytes_of(key), .value = bytes_of(value)};
}

struct command delete_of(const char *key)
{
    return (struct command){.kind = COMMAND_DELETE, .key = bytes_of(key)};
}

static struct command cas_of(const char *key, const char *value, enum command_expect expect)
{
    return (struct command){
        .kind = COMMAND_CAS, .key = bytes_of(key), .value = bytes_of(value), .expect = expect};
}

struct command cas_absent(const char *key, const char *value)
{
    return cas_of(key, value, EXPECT_ABSENT);
}

struct command cas_value(const char *key, const char *expected, const char *value)
{
    struct command c = cas_of(key, value, EXPECT_VALUE);
    c.expected = bytes_of(expected);
    return c;
}

struct command cas_revision(const char *key, uint64_t expected, const char *value)
{
    struct command c = cas_of(key, value, EXPECT_REVISION);
    c.expected_revision = expected;
    return c;
}

struct command with_previous(struct command c)
{
    c.want_previous = true;
    return c;
}

struct command with_op(struct command c, const char *client, uint64_t op_id, uint64_t floor,
                       uint64_t born)
{
    c.client_id = bytes_of(client);
    c.op_id = op_id;
    c.floor = floor;
    c.born = born;
    return c;
}

struct machine *machine_of_defaults(void)
{
    struct machine *m = NULL;
    assert_int_equal(machine_open(&machine_limits_default, 1, &m), 0);
    return m;
}

void apply_all(struct machine *m, const struct command *commands, size_t count,
               struct result *results)
{
    struct buf batch = {0};
    for (size_t i = 0; i < count; i++)
        assert_int_equal(command_encode(&commands[i], &batch), 0);
    assert_int_equal(machine_apply(m, machine_applied(m) + 1, buf_bytes(&batch), results), 0);
    buf_fini(&batch);
}

struct result apply(struct machine *m, struct command c)
{
    struct result r;
    memset(&r, 0xff, sizeof(r)); /* All of it must be filled. */
    apply_all(m, &c, 1, &r);
    return r;
}

void apply_expect(struct machine *m, struct command c, enum result_code code, bool applied,
                  bool duplicate)
{
    struct result r = apply(m, c);
    assert_int_equal(r.code, code);
    assert_int_equal(r.applied, applied);
    assert_int_equal(r.duplicate, duplicate);
    result_fini(&r);
}

void assert_entry_value(const struct entry *e, const char *value)
{
    if (value == NULL) {
        assert_null(e);
        return;
    }
    assert_non_null(e);
    assert_true(bytes_equal(entry_value(e), bytes_of(value)));
}

void assert_value(const struct machine *m, const char *key, const char *value)
{
    assert_entry_value(machine_get(m, bytes_of(key)), value);
}

/* ---- The shelf ----------------------------------------------------------------------------- */

static struct shelf_record *shelf_record(struct shelf *s, struct bytes name, bool is_session)
{
    for (size_t i = 0; i < s->count; i++)
        if (bytes_equal(buf_bytes(&s->records[i].name), name) &&
            (s->records[i].create_revision == 0) == is_session)
            return &s->records[i];
    void *records = s->records;
    assert_int_equal(mem_reserve(&records, &s->capacity, s->count + 1, sizeof(s->records[0])), 0);
    s->records = records;
    struct shelf_record *r = &s->records[s->count++];
    *r = (struct shelf_record){.create_revision = is_session ? 0 : 1};
    assert_int_equal(buf_append(&r->name, name), 0);
    return r;
}

static void shelf_set(struct shelf_record *r, struct bytes content)
{
    r->gone = false;
    buf_clear(&r->content);
    assert_int_equal(buf_append(&r->content, content), 0);
}

void shelf_fold(struct shelf *s, const struct checkpoint *c)
{
    s->head = c->head;
    for (size_t i = 0; i < c->keys_count; i++) {
        struct shelf_record *r = shelf_record(s, c->keys[i].key, false);
        const struct entry *e = c->keys[i].entry;
        if (e == NULL) {
            r->gone = true;
            continue;
        }
        assert_true(bytes_equal(c->keys[i].key, entry_key(e)));
        shelf_set(r, entry_value(e));
        r->create_revision = e->create_revision;
        r->mod_revision = e->mod_revision;
        r->version = e->version;
    }
    for (size_t i = 0; i < c->sessions_count; i++) {
        struct shelf_record *r = shelf_record(s, c->sessions[i].client_id, true);
        if (c->sessions[i].session.size == 0)
            r->gone = true;
        else
            shelf_set(r, c->sessions[i].session);
    }
}

void shelf_fini(struct shelf *s)
{
    for (size_t i = 0; i < s->count; i++) {
        buf_fini(&s->records[i].name);
        buf_fini(&s->records[i].content);
    }
    mem_free(s->records);
    *s = (struct shelf){0};
}

void shelf_freeze(struct shelf *s, struct machine *m)
{
    struct checkpoint *c = NULL;
    assert_int_equal(machine_freeze(m, &c), 0);
    shelf_fold(s, c);
    checkpoint_free(c);
}

static int restore_record(struct machine *m, const struct shelf_record *r)
{
    if (r->gone)
        return 0;
    if (r->create_revision == 0)
        return machine_restore_session(m, buf_bytes(&r->name), buf_bytes(&r->content));
    return machine_restore_key(m, buf_bytes(&r->name), buf_bytes(&r->content), r->create_revision,
                               r->mod_revision, r->version);
}

int shelf_restore(const struct shelf *s, const struct machine_limits *limits, uint64_t hash_seed,
                  struct machine **out_machine)
{
    struct machine *m;
    TRY(machine_open(limits, 1, &m));
    machine_set_hash_seed(m, hash_seed);
    int err = 0;
    for (size_t i = 0; err == 0 && i < s->count; i++)
        err = restore_record(m, &s->records[i]);
    if (err == 0)
        err = machine_restore_head(m, &s->head);
    if (err != 0) {
        machine_close(m);
        return err;
    }
    *out_machine = m;
    return 0;
}
