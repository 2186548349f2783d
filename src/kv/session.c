/* session.c -- see session.h; session_code.c has the encoding. */
#include "kv/session.h"

#include <assert.h>
#include <string.h>

#include "base/mem.h"
#include "base/planted.h"
#include "kv/command.h"
#include "kv/digest.h"
#include "kv/session_code.h"

int session_new(struct bytes client_id, uint64_t floor, struct session **out_session)
{
    assert(client_id.size >= 1 && client_id.size <= CLIENT_ID_SIZE_MAX);
    struct session *s = mem_alloc(sizeof(*s) + client_id.size);
    if (s == NULL)
        return ERR_NO_MEMORY;
    *s = (struct session){
        .floor = floor,
        .encoded_size = SESSION_HEADER_SIZE,
        .id_hash = hash64(client_id, 0),
        .id_size = (uint32_t)client_id.size,
    };
    list_init(&s->by_use);
    list_init(&s->dirty);
    memcpy(s->id, client_id.data, client_id.size);
    *out_session = s;
    return 0;
}

static void stored_fini(struct stored *r)
{
    entry_unref(r->previous);
    entry_unref(r->output);
}

void session_free(struct session *s)
{
    if (s == NULL)
        return;
    for (size_t i = 0; i < s->count; i++)
        stored_fini(&s->results[s->first + i]);
    mem_free(s->results);
    mem_free(s);
}

struct bytes session_id(const struct session *s)
{
    return (struct bytes){.data = s->id, .size = s->id_size};
}

/* How many results are of ops below op_id. */
static size_t rank_of(const struct session *s, uint64_t op_id)
{
    const struct stored *results = s->results + s->first;
    /* Ops come in order but for the odd one: look at the end first. */
    if (s->count == 0 || results[s->count - 1].op_id < op_id)
        return s->count;
    size_t low = 0;
    size_t high = s->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (results[middle].op_id < op_id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

const struct stored *session_find(const struct session *s, uint64_t op_id)
{
    size_t rank = rank_of(s, op_id);
    if (rank == s->count || s->results[s->first + rank].op_id != op_id)
        return NULL;
    return &s->results[s->first + rank];
}

static uint64_t entry_content(const struct entry *e)
{
    return e == NULL ? 0 : (uint64_t)e->key_size + e->value_size;
}

static uint64_t stored_bytes(const struct stored *r)
{
    return STORED_BYTES + entry_content(r->previous) + entry_content(r->output);
}

static uint64_t stored_hash(const struct stored *r, uint64_t id_hash)
{
    uint64_t flags = (uint64_t)r->code | (uint64_t)r->applied << 8 | (uint64_t)r->found << 9 |
                     (uint64_t)r->omitted << 10 | (uint64_t)(r->previous != NULL) << 11 |
                     (uint64_t)(r->output != NULL) << 12;
    uint64_t numbers[] = {
        r->op_id,
        r->fingerprint,
        r->slot,
        r->revision,
        flags,
        r->previous == NULL ? 0 : r->previous->hash,
        r->output == NULL ? 0 : r->output->hash,
    };
    return digest_numbers(numbers, sizeof(numbers) / sizeof(numbers[0]), id_hash);
}

/* Room for one more behind the last: by moving to the front, if at least half is free there. */
static int results_reserve(struct session *s)
{
    if (s->first + s->count < s->capacity)
        return 0;
    if (s->first > 0 && s->first >= s->capacity / 2) {
        memmove(s->results, s->results + s->first, s->count * sizeof(s->results[0]));
        s->first = 0;
        return 0;
    }
    void *results = s->results;
    TRY(mem_reserve(&results, &s->capacity, s->first + s->count + 1, sizeof(s->results[0])));
    s->results = results;
    return 0;
}

int session_store(struct session *s, const struct stored *result)
{
    assert(result->op_id >= s->floor || PLANTED(PLANTED_FLOOR_IGNORED));
    assert(session_find(s, result->op_id) == NULL);

    TRY(results_reserve(s));
    size_t rank = rank_of(s, result->op_id);
    struct stored *at = s->results + s->first + rank;
    memmove(at + 1, at, (s->count - rank) * sizeof(*at));
    *at = *result;
    at->hash = stored_hash(at, s->id_hash);
    s->count++;
    s->results_hash += at->hash;
    s->results_bytes += stored_bytes(at);
    s->encoded_size += stored_encoded_size(at);
    if (result->op_id > s->last_op_id)
        s->last_op_id = result->op_id;
    return 0;
}

void session_raise_floor(struct session *s, uint64_t floor)
{
    if (floor <= s->floor)
        return;
    s->floor = floor;
    while (s->count > 0 && s->results[s->first].op_id < floor) {
        struct stored *r = &s->results[s->first];
        s->results_hash -= r->hash;
        s->results_bytes -= stored_bytes(r);
        s->encoded_size -= stored_encoded_size(r);
        stored_fini(r);
        s->first++;
        s->count--;
    }
    if (s->count == 0)
        s->first = 0;
}

uint64_t session_hash(const struct session *s)
{
    uint64_t numbers[] = {s->floor, s->last_op_id, s->used_slot, s->used_place};
    return s->results_hash +
           digest_numbers(numbers, sizeof(numbers) / sizeof(numbers[0]), s->id_hash);
}
