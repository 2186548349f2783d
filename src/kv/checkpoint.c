/* checkpoint.c -- freezing a machine, and making one of what was frozen; see machine.h. */
#include <assert.h>

#include "base/pool.h"
#include "kv/command.h"
#include "kv/machine.h"
#include "kv/machine_state.h"

uint64_t machine_dirty_bytes(const struct machine *m)
{
    return m->keys.dirty_bytes + m->keys.gone.bytes + m->sessions.dirty_bytes +
           m->sessions.gone.bytes;
}

static struct checkpoint_head head_of(const struct machine *m)
{
    return (struct checkpoint_head){
        .applied = m->applied,
        .revision = m->revision,
        .evicted_to = machine_evicted_to(m),
        .hash = machine_hash(m),
        .keys = machine_keys(m),
        .clients = machine_clients(m),
    };
}

/* ---- Freezing ------------------------------------------------------------------------------ */

static size_t count_of(const struct list *head)
{
    size_t count = 0;
    for (const struct list *at = head->next; at != head; at = at->next)
        count++;
    return count;
}

static size_t sessions_size(const struct checkpoint *c)
{
    return c->sessions_count * sizeof(*c->sessions);
}

/* All the memory a checkpoint of m needs besides its keys: what follows these cannot fail. */
static int checkpoint_reserve(const struct machine *m, struct checkpoint *c)
{
    const struct sessions *s = &m->sessions;
    c->sessions_count = count_of(&s->dirty) + s->gone.table.count;
    if (c->sessions_count > 0 && (c->sessions = pool_alloc_zero(sessions_size(c))) == NULL)
        return ERR_NO_MEMORY;
    uint64_t ids = c->sessions_count * (uint64_t)CLIENT_ID_SIZE_MAX;
    return buf_reserve(&c->arena, m->keys.gone.bytes + s->dirty_bytes + ids);
}

/* A copy in the arena, which has room for it and so does not move. */
static struct bytes arena_copy(struct checkpoint *c, struct bytes b)
{
    size_t at = c->arena.size;
    int err = buf_append(&c->arena, b);
    assert(err == 0);
    return bytes_slice(buf_bytes(&c->arena), at, b.size);
}

static struct bytes arena_encode(struct checkpoint *c, const struct session *session)
{
    size_t at = c->arena.size;
    int err = session_encode(session, &c->arena);
    assert(err == 0);
    return bytes_slice(buf_bytes(&c->arena), at, c->arena.size - at);
}

/* The names of keys that are gone were borrowed. */
static void own_names(struct checkpoint *c)
{
    for (size_t i = c->keys_count; i > 0 && c->keys[i - 1].entry == NULL; i--)
        c->keys[i - 1].key = arena_copy(c, c->keys[i - 1].key);
}

static void fill_sessions(const struct sessions *s, struct checkpoint *c)
{
    struct checkpoint_session *at = c->sessions;
    for (struct list *link = s->dirty.next; link != &s->dirty; link = link->next, at++) {
        const struct session *session = LIST_ENTRY(link, struct session, dirty);
        at->client_id = arena_copy(c, session_id(session));
        at->session = arena_encode(c, session);
    }
    for (struct list *link = s->gone.all.next; link != &s->gone.all; link = link->next, at++)
        at->client_id = arena_copy(c, name_bytes(LIST_ENTRY(link, struct name, link)));
    assert(at == c->sessions + c->sessions_count);
}

int machine_freeze(struct machine *m, struct checkpoint **out_checkpoint)
{
    struct checkpoint *c = pool_alloc_zero(sizeof(*c));
    if (c == NULL)
        return ERR_NO_MEMORY;
    int err = checkpoint_reserve(m, c);
    if (err == 0)
        err = keys_hand_over(&m->keys, c);
    if (err != 0) {
        checkpoint_free(c);
        return err;
    }
    size_t capacity = c->arena.capacity;
    c->head = head_of(m);
    own_names(c);
    fill_sessions(&m->sessions, c);
    assert(c->arena.capacity == capacity);
    keys_clean(&m->keys, m->revision);
    sessions_clean(&m->sessions);
    *out_checkpoint = c;
    return 0;
}

void checkpoint_free(struct checkpoint *c)
{
    if (c == NULL)
        return;
    for (size_t i = 0; c->keys != NULL && i < c->keys_count; i++)
        entry_unref(c->keys[i].entry);
    pool_free(c->keys, c->keys_capacity * sizeof(*c->keys));
    pool_free(c->sessions, sessions_size(c));
    buf_fini(&c->arena);
    pool_free(c, sizeof(*c));
}

/* ---- Restoring ----------------------------------------------------------------------------- */

int machine_restore_key(struct machine *m, struct bytes key, struct bytes value,
                        uint64_t create_revision, uint64_t mod_revision, uint64_t version)
{
    if (key.size < 1 || key.size > KEY_SIZE_MAX || value.size > VALUE_SIZE_MAX)
        return ERR_CORRUPT;
    if (create_revision < 1 || create_revision > mod_revision || version < 1)
        return ERR_CORRUPT;
    struct entry *e;
    TRY(entry_new(key, value, (struct bytes){0}, &e));
    entry_seal(e, create_revision, mod_revision, version);
    int err = keys_restore(&m->keys, e);
    if (err != 0) {
        entry_unref(e);
        return err;
    }
    if (mod_revision > m->revision) /* So that no key is newer than the head. */
        m->revision = mod_revision;
    return 0;
}

int machine_restore_session(struct machine *m, struct bytes client_id, struct bytes session)
{
    return sessions_restore(&m->sessions, client_id, session);
}

int machine_restore_head(struct machine *m, const struct checkpoint_head *head)
{
    if (head->applied < m->applied || head->revision < m->revision)
        return ERR_CORRUPT;
    TRY(sessions_restored(&m->sessions, head->applied, head->evicted_to));
    m->applied = head->applied;
    m->revision = head->revision;
    if (machine_keys(m) != head->keys || machine_clients(m) != head->clients ||
        machine_hash(m) != head->hash)
        return ERR_CORRUPT;
    keys_clean(&m->keys, m->revision);
    sessions_clean(&m->sessions);
    return 0;
}
