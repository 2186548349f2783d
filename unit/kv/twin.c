/* twin.c -- see twin.h. */
#include "twin.h"

#include <string.h>

#include "kv/session.h"

static struct bytes text_bytes(const struct twin_text *t)
{
    return (struct bytes){.data = t->data, .size = t->size};
}

static void text_append(struct twin_text *t, struct bytes b)
{
    assert_true(t->size + b.size <= TWIN_TEXT);
    for (size_t i = 0; i < b.size; i++)
        t->data[t->size + i] = b.data[i];
    t->size += b.size;
    t->there = true;
}

static struct twin_text text_of(struct bytes b)
{
    struct twin_text t = {0};
    text_append(&t, b);
    return t;
}

/* ---- Keys ---------------------------------------------------------------------------------- */

static struct twin_key *find_key(struct twin *t, struct bytes key)
{
    for (size_t i = 0; i < TWIN_KEYS; i++)
        if (t->keys[i].key.there && bytes_equal(text_bytes(&t->keys[i].key), key))
            return &t->keys[i];
    return NULL;
}

const struct twin_key *twin_get(const struct twin *t, struct bytes key)
{
    for (size_t i = 0; i < TWIN_KEYS; i++)
        if (t->keys[i].key.there && bytes_equal(text_bytes(&t->keys[i].key), key))
            return &t->keys[i];
    return NULL;
}

static void set_key(struct twin *t, struct twin_key *k, struct bytes key, struct twin_text value)
{
    t->revision++;
    for (size_t i = 0; k == NULL; i++) {
        assert_true(i < TWIN_KEYS);
        if (!t->keys[i].key.there) {
            k = &t->keys[i];
            *k = (struct twin_key){.key = text_of(key), .create_revision = t->revision};
        }
    }
    k->value = value;
    k->mod_revision = t->revision;
    k->version++;
}

static bool holds(const struct command *c, const struct twin_key *k)
{
    if (c->expect == EXPECT_ABSENT)
        return k == NULL;
    if (c->expect == EXPECT_VALUE)
        return k != NULL && bytes_equal(text_bytes(&k->value), c->expected);
    if (c->expect == EXPECT_REVISION)
        return k != NULL && k->mod_revision == c->expected_revision;
    return true;
}

static struct twin_result execute(struct twin *t, const struct command *c, uint64_t slot)
{
    struct twin_key *k = find_key(t, c->key);
    struct twin_result r = {.found = k != NULL, .slot = slot};
    struct twin_text before = k == NULL ? (struct twin_text){0} : k->value;
    if (c->kind == COMMAND_DELETE) {
        r.applied = k != NULL;
        if (k != NULL) {
            *k = (struct twin_key){0};
            t->revision++;
        }
    } else if (holds(c, k)) {
        struct twin_text after = text_of(c->value);
        if (c->kind == COMMAND_APPEND) {
            after = before;
            text_append(&after, c->value);
            r.output = after;
        }
        set_key(t, k, c->key, after);
        r.applied = true;
    }
    if (c->want_previous || (c->kind == COMMAND_CAS && !r.applied))
        r.previous = before;
    r.revision = t->revision;
    t->executed++;
    return r;
}

/* ---- Clients ------------------------------------------------------------------------------- */

static struct twin_client *find_client(struct twin *t, struct bytes id)
{
    for (size_t i = 0; i < TWIN_CLIENTS; i++)
        if (t->clients[i].id.there && bytes_equal(text_bytes(&t->clients[i].id), id))
            return &t->clients[i];
    return NULL;
}

static void drop_done(struct twin_client *client, size_t i)
{
    buf_fini(&client->done[i].payload);
    client->done[i] = client->done[--client->done_count];
}

static void raise_floor(struct twin_client *client, uint64_t floor)
{
    if (floor > client->floor)
        client->floor = floor;
    for (size_t i = client->done_count; i-- > 0;)
        if (client->done[i].op_id < client->floor)
            drop_done(client, i);
}

static void totals(const struct twin *t, uint64_t *out_clients, uint64_t *out_bytes)
{
    *out_clients = 0;
    *out_bytes = 0;
    for (size_t i = 0; i < TWIN_CLIENTS; i++) {
        *out_clients += t->clients[i].id.there;
        for (size_t j = 0; j < t->clients[i].done_count; j++)
            *out_bytes += t->clients[i].done[j].bytes;
    }
}

/* False: there is none but `keep`. */
static bool evict(struct twin *t, const struct twin_client *keep)
{
    struct twin_client *oldest = NULL;
    for (size_t i = 0; i < TWIN_CLIENTS; i++) {
        struct twin_client *client = &t->clients[i];
        if (client->id.there && client != keep && (oldest == NULL || client->used < oldest->used))
            oldest = client;
    }
    if (oldest == NULL)
        return false;
    if (oldest->used >> 32 > t->evicted_to)
        t->evicted_to = oldest->used >> 32;
    while (oldest->done_count > 0)
        drop_done(oldest, 0);
    *oldest = (struct twin_client){0};
    return true;
}

static struct twin_client *make_client(struct twin *t, const struct command *c)
{
    uint64_t clients;
    uint64_t bytes;
    for (totals(t, &clients, &bytes); clients >= t->limits.clients_max; totals(t, &clients, &bytes))
        assert_true(evict(t, NULL));
    size_t i = 0;
    while (i < TWIN_CLIENTS - 1 && t->clients[i].id.there)
        i++;
    assert_false(t->clients[i].id.there);
    t->clients[i] = (struct twin_client){.id = text_of(c->client_id), .floor = c->floor};
    return &t->clients[i];
}

static struct buf payload_of(const struct command *c)
{
    struct command bare = *c;
    struct buf payload = {0};
    bare.client_id = (struct bytes){0};
    bare.op_id = bare.floor = bare.born = 0;
    assert_int_equal(command_encode(&bare, &payload), 0);
    return payload;
}

static bool same_payload(const struct twin_done *done, const struct command *c)
{
    struct buf payload = payload_of(c);
    bool same = bytes_equal(buf_bytes(&payload), buf_bytes(&done->payload));
    buf_fini(&payload);
    return same;
}

static void keep(struct twin *t, struct twin_client *client, const struct command *c,
                 const struct twin_result *result)
{
    assert_true(client->done_count < TWIN_RESULTS);
    struct twin_done *done = &client->done[client->done_count++];
    *done = (struct twin_done){
        .op_id = c->op_id, .payload = payload_of(c), .bytes = STORED_BYTES, .result = *result};
    done->omitted = result->previous.size + result->output.size > t->limits.result_size_max;
    if (done->omitted) {
        done->result.previous = (struct twin_text){0};
        done->result.output = (struct twin_text){0};
    }
    if (done->result.previous.there)
        done->bytes += c->key.size + done->result.previous.size;
    if (done->result.output.there)
        done->bytes += c->key.size + done->result.output.size;

    uint64_t clients;
    uint64_t bytes;
    for (totals(t, &clients, &bytes); bytes > t->limits.results_bytes_max;
         totals(t, &clients, &bytes))
        if (!evict(t, client))
            break;
}

/* ---- Comparing ----------------------------------------------------------------------------- */

static void compare_text(const struct twin_text *text, const struct entry *e)
{
    assert_int_equal(text->there, e != NULL);
    if (e != NULL)
        assert_true(bytes_equal(entry_value(e), text_bytes(text)));
}

static void compare(const struct result *r, enum result_code code, bool duplicate, bool omitted,
                    const struct twin_result *wanted)
{
    if (r == NULL)
        return;
    assert_int_equal(r->code, code);
    assert_int_equal(r->duplicate, duplicate);
    assert_int_equal(r->omitted, omitted);
    assert_int_equal(r->applied, wanted->applied);
    assert_int_equal(r->found, wanted->found);
    assert_int_equal(r->revision, wanted->revision);
    assert_int_equal(r->slot, wanted->slot);
    compare_text(&wanted->previous, r->previous);
    compare_text(&wanted->output, r->output);
}

static void refuse(const struct twin *t, uint64_t slot, enum result_code code,
                   const struct result *r)
{
    struct twin_result nothing = {.revision = t->revision, .slot = slot};
    compare(r, code, false, false, &nothing);
}

static void apply_once(struct twin *t, const struct command *c, uint64_t slot, uint32_t place,
                       const struct result *r)
{
    struct twin_client *client = find_client(t, c->client_id);
    uint64_t floor = c->floor;
    if (client != NULL) {
        client->used = slot << 32 | place;
        raise_floor(client, c->floor);
        floor = client->floor;
    }
    if (c->op_id < floor) {
        refuse(t, slot, RESULT_STALE, r);
        return;
    }
    for (size_t i = 0; client != NULL && i < client->done_count; i++) {
        const struct twin_done *done = &client->done[i];
        if (done->op_id != c->op_id)
            continue;
        if (!same_payload(done, c)) {
            refuse(t, slot, RESULT_MISMATCH, r);
            return;
        }
        t->suppressed++;
        compare(r, RESULT_OK, true, done->omitted, &done->result);
        return;
    }
    if (c->born < t->evicted_to) {
        refuse(t, slot, RESULT_SESSION_EXPIRED, r);
        return;
    }
    if (c->op_id >= floor + t->limits.window) {
        refuse(t, slot, RESULT_BEYOND_WINDOW, r);
        return;
    }
    if (client == NULL)
        client = make_client(t, c);
    client->used = slot << 32 | place;
    struct twin_result result = execute(t, c, slot);
    compare(r, RESULT_OK, false, false, &result);
    keep(t, client, c, &result);
}

void twin_apply(struct twin *t, const struct command *c, uint64_t slot, uint32_t place,
                const struct result *r)
{
    if (c->client_id.size > 0) {
        apply_once(t, c, slot, place, r);
        return;
    }
    struct twin_result result = execute(t, c, slot);
    compare(r, RESULT_OK, false, false, &result);
}

void twin_compare(const struct twin *t, const struct machine *m)
{
    uint64_t clients;
    uint64_t bytes;
    uint64_t keys = 0;
    totals(t, &clients, &bytes);
    for (size_t i = 0; i < TWIN_KEYS; i++) {
        const struct twin_key *k = &t->keys[i];
        if (!k->key.there)
            continue;
        const struct entry *e = machine_get(m, text_bytes(&k->key));
        compare_text(&k->value, e);
        assert_int_equal(e->create_revision, k->create_revision);
        assert_int_equal(e->mod_revision, k->mod_revision);
        assert_int_equal(e->version, k->version);
        keys++;
    }
    assert_int_equal(machine_keys(m), keys);
    assert_int_equal(machine_clients(m), clients);
    assert_int_equal(machine_revision(m), t->revision);
    assert_int_equal(machine_evicted_to(m), t->evicted_to);
}

void twin_fini(struct twin *t)
{
    for (size_t i = 0; i < TWIN_CLIENTS; i++)
        while (t->clients[i].done_count > 0)
            drop_done(&t->clients[i], 0);
}
