/* fixture.c -- see fixture.h. */
#define _GNU_SOURCE
#include "fixture.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "kv/command.h"

static struct temp temp;
const char *const fixture_dir = temp.path;

int fixture_setup(void **state)
{
    (void)state;
    temp_init(&temp);
    return 0;
}

int fixture_teardown(void **state)
{
    (void)state;
    temp_fini(&temp);
    assert_int_equal(mem_outstanding(), 0);
    return 0;
}

const struct identity fixture_identity = {
    .cluster = "dkv",
    .mode = MODE_CLASSIC,
    .members = {.count = 3, .ids = {1, 2, 3}},
    .id = 1,
};

struct acceptor_store_options fixture_options(const char *dir)
{
    return (struct acceptor_store_options){
        .dir = dir,
        .identity = fixture_identity,
        .map_size_bytes = UINT64_C(64) << 20,
        .journal_size_bytes = STORE_JOURNAL_SIZE_MIN,
    };
}

struct acceptor_store *fixture_open(const char *dir)
{
    struct acceptor_store_options options = fixture_options(dir);
    struct acceptor_store *s = NULL;
    struct store_error error;
    int err = acceptor_store_open(&options, &s, &error);
    if (err != 0)
        fail_msg("cannot open: %s", error.text);
    return s;
}

int fixture_try_open(const char *dir, struct store_error *error)
{
    struct acceptor_store_options options = fixture_options(dir);
    struct acceptor_store *s = NULL;
    int err = acceptor_store_open(&options, &s, error);
    acceptor_store_close(s);
    return err;
}

struct value *fixture_batch(uint64_t sequence, size_t size)
{
    struct buf batch = {0};
    uint8_t *content = malloc(size + 1);
    assert_non_null(content);
    memset(content, 'v', size + 1);
    struct command put = {
        .kind = COMMAND_PUT, .key = bytes_of("key"), .value = {.data = content, .size = size}};
    assert_int_equal(command_encode(&put, &batch), 0);
    free(content);
    struct value *v = NULL;
    struct tag tag = {.node = 1, .boot = 1, .sequence = sequence};
    assert_int_equal(value_new(VALUE_BATCH, tag, buf_bytes(&batch), &v), 0);
    buf_fini(&batch);
    return v;
}

struct durable fixture_vote(uint64_t slot, struct value *v)
{
    struct ballot b = {.round = 1, .node = 2, .boot = 3};
    struct durable d = {.kind = DURABLE_VOTE, .slot = slot, .promised = b, .value = v};
    if (v != NULL)
        d.accepted = b;
    return d;
}

struct durable fixture_learnt(uint64_t slot, struct value *v)
{
    return (struct durable){.kind = DURABLE_LEARNT, .slot = slot, .value = v};
}

struct durable fixture_chosen_to(uint64_t slot)
{
    return (struct durable){.kind = DURABLE_CHOSEN_TO, .slot = slot};
}

int fixture_commit(struct acceptor_store *s, struct durable *records, size_t count,
                   struct store_error *error)
{
    int err = fixture_commit_only(s, records, count, error);
    while (err == 0 && acceptor_store_unmerged(s) > 0)
        err = acceptor_store_merge(s, UINT64_MAX, error);
    return err;
}

int fixture_commit_only(struct acceptor_store *s, struct durable *records, size_t count,
                        struct store_error *error)
{
    int err = acceptor_store_commit(s, records, count, error);
    for (size_t i = 0; i < count; i++)
        value_unref(records[i].value);
    return err;
}

void fixture_fill(struct acceptor_store *s, uint64_t count, size_t size)
{
    struct store_error error;
    for (uint64_t slot = 1; slot <= count; slot++) {
        struct durable records[] = {fixture_vote(slot, fixture_batch(slot, size)),
                                    fixture_chosen_to(slot)};
        assert_int_equal(fixture_commit(s, records, 2, &error), 0);
    }
}

int fixture_see(void *context, const struct durable *d)
{
    struct fixture_seen *seen = context;
    if (seen->fail_after >= 0 && seen->fail_after-- == 0)
        return ERR_CORRUPT;
    switch (d->kind) {
    case DURABLE_VOTE:
        assert_true(seen->votes == 0 || d->slot > seen->slot_last);
        seen->slot_last = d->slot;
        seen->slot_min = seen->votes++ == 0 ? d->slot : seen->slot_min;
        return 0;
    case DURABLE_LEARNT:
        seen->learnt++;
        assert_int_equal(d->value->tag.sequence, 500 + d->slot);
        return 0;
    case DURABLE_CHOSEN_TO:
        seen->chosen_to = d->slot;
        return 0;
    case DURABLE_PEER:
        seen->peers++;
        assert_int_equal(d->disk_id[0], d->peer);
        return 0;
    case DURABLE_ADMITTED:
        seen->admitted++;
        return 0;
    case DURABLE_RESERVED:
    case DURABLE_PROMISED_RANGE:
    case DURABLE_VOTED_NOOP:
    case DURABLE_LEARNT_NOOP:
        break;
    }
    return ERR_INVALID;
}

int fixture_see_chosen(void *context, uint64_t slot, struct value *v)
{
    struct fixture_chosen *c = context;
    if (c->fail_after >= 0 && c->fail_after-- == 0)
        return ERR_CLOSED;
    assert_int_equal(slot, c->next++);
    assert_int_equal(v->tag.sequence, slot % 10 == 0 ? 500 + slot : slot);
    c->count++;
    return 0;
}

struct state_store *fixture_open_state(const struct acceptor_store *s)
{
    struct state_store *t = NULL;
    struct store_error error;
    assert_int_equal(state_store_open(fixture_dir, acceptor_store_identity(s), 1 << 24, &t, &error),
                     0);
    return t;
}

static bool fixture_on_part(void *context)
{
    (void)context;
    return true;
}

int fixture_write(struct state_store *s, struct checkpoint *c, struct store_error *error)
{
    const struct state_store_pacing pacing = {STORE_PART_MAX, fixture_on_part, NULL};
    bool written = false;
    int err = state_store_write(s, c, &pacing, &written, error);
    assert_int_equal(written, err == 0);
    return err;
}

static int fixture_open_data(const char *dir, const char *name)
{
    char path[TEMP_PATH_MAX + 32];
    (void)snprintf(path, sizeof(path), "%s/%s/data.mdb", dir, name);
    int fd = open(path, O_RDWR);
    assert_true(fd >= 0);
    return fd;
}

int fixture_flip(const char *dir, const char *name, struct bytes pattern, size_t offset)
{
    int fd = fixture_open_data(dir, name);
    struct stat st;
    assert_int_equal(fstat(fd, &st), 0);
    size_t size = (size_t)st.st_size;
    uint8_t *all = malloc(size);
    assert_non_null(all);
    assert_int_equal(pread(fd, all, size, 0), (ssize_t)size);
    int flipped = 0;
    for (uint8_t *at = all;
         (at = memmem(at, size - (size_t)(at - all), pattern.data, pattern.size)) != NULL;
         at += pattern.size) {
        uint8_t byte = at[offset] ^ 4;
        assert_int_equal(pwrite(fd, &byte, 1, at - all + (off_t)offset), 1);
        flipped++;
    }
    free(all);
    assert_int_equal(close(fd), 0);
    return flipped;
}

void fixture_truncate(const char *dir, const char *name, long size)
{
    int fd = fixture_open_data(dir, name);
    assert_int_equal(ftruncate(fd, size), 0);
    assert_int_equal(close(fd), 0);
}

void fixture_assert_says(const struct store_error *error, const char *part)
{
    if (strstr(error->text, part) == NULL)
        fail_msg("`%s` does not say `%s`", error->text, part);
}
