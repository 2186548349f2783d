/* batch_answers.c -- see batch_answers.h. */
#include "service/batch_answers.h"

#include <assert.h>

#include "base/mem.h"
#include "service/unread.h"

#define IDLE_BYTES_KEPT 4096

/* Whether a write is under way, and whether the loop wants to know when it has left. */
enum writing {
    WRITING_NOTHING = 0,
    WRITING,
    WRITING_AWAITED, /* The loop has more: tell it. */
    WRITING_TOLD,    /* Left; the loop was told, or is about to be. */
};

/* A message that waits until those before it have left. */
struct batch_list {
    struct list link;
    struct wire_list list;
};

void batch_answers_init(struct batch_answers *a, struct node *n, struct rpc_stream *stream,
                        bool is_writing)
{
    *a = (struct batch_answers){.node = n, .stream = stream};
    list_init(&a->full);
    atomic_init(&a->writing, is_writing ? WRITING : WRITING_NOTHING);
}

static void batch_list_free(struct batch_list *l)
{
    list_remove(&l->link);
    wire_list_fini(&l->list);
    mem_free(l);
}

void batch_answers_fini(struct batch_answers *a)
{
    while (!list_is_empty(&a->full))
        batch_list_free(LIST_ENTRY(a->full.next, struct batch_list, link));
    wire_list_fini(&a->last);
    unread_remove(a->node, a->size);
}

/* ---- Adding -------------------------------------------------------------------------------- */

/* What is to be added; one of the three is set. */
struct addition {
    uint64_t number;
    const struct wire_batch_error *error;
    const struct wire_get_answer *read;
    const struct wire_write_answer *write;
};

static int list_add(struct wire_list *list, const struct addition *add)
{
    if (add->error != NULL)
        return wire_batch_add_error(list, add->number, add->error);
    if (add->read != NULL)
        return wire_batch_add_get_answer(list, add->number, add->read);
    return wire_batch_add_write_answer(list, add->number, add->write);
}

/* The last list is full: it is to leave as it is, and the next one begins. */
static int answers_begin_list(struct batch_answers *a)
{
    struct batch_list *l = mem_alloc_zero(sizeof(*l));
    if (l == NULL)
        return ERR_NO_MEMORY;
    l->list = a->last;
    a->last = (struct wire_list){0};
    list_push_back(&a->full, &l->link);
    return 0;
}

static int answers_add(struct batch_answers *a, const struct addition *add)
{
    size_t before = a->last.buf.size;
    int err = list_add(&a->last, add);
    if (err == ERR_FULL) {
        before = 0;
        TRY(answers_begin_list(a));
        err = list_add(&a->last, add);
        assert(err != ERR_FULL); /* The first one always fits. */
    }
    if (err == 0) {
        a->size += a->last.buf.size - before;
        unread_add(a->node, a->last.buf.size - before);
    }
    return err;
}

int batch_answers_add_failure(struct batch_answers *a, uint64_t number, const struct kv_failure *f)
{
    const struct wire_batch_error error = {
        .code = (uint32_t)f->status,
        .text = f->text,
        .reason = f->reason,
        .retry_after_ms = f->retry_after_ms,
    };
    return answers_add(a, &(struct addition){.number = number, .error = &error});
}

int batch_answers_add_read(struct batch_answers *a, uint64_t number,
                           const struct wire_get_answer *read)
{
    if (read->found && !unread_has_room(a->node, a->size, read->value.size))
        return batch_answers_add_failure(a, number, &kv_failure_unread);
    return answers_add(a, &(struct addition){.number = number, .read = read});
}

int batch_answers_add_write(struct batch_answers *a, uint64_t number,
                            const struct wire_write_answer *write)
{
    struct wire_write_answer kept = kv_write_answer_kept(a->node, write, a->size);
    return answers_add(a, &(struct addition){.number = number, .write = &kept});
}

/* ---- Sending ------------------------------------------------------------------------------- */

/* May the loop write? If not, it will be told when. */
static bool answers_begin_write(struct batch_answers *a)
{
    int idle = WRITING_NOTHING;
    if (atomic_compare_exchange_strong(&a->writing, &idle, WRITING))
        return true;
    int busy = WRITING;
    if (atomic_compare_exchange_strong(&a->writing, &busy, WRITING_AWAITED))
        return false;
    /* Awaited already, or told; or it has left just now. */
    idle = WRITING_NOTHING;
    return atomic_compare_exchange_strong(&a->writing, &idle, WRITING);
}

static void answers_write(struct batch_answers *a, struct wire_list *list)
{
    assert(a->size >= list->buf.size);
    a->size -= list->buf.size;
    unread_remove(a->node, list->buf.size); /* The server counts it from here on. */
    int err = rpc_stream_write(a->stream, &list->buf);
    assert(err == 0 || err == ERR_CLOSED); /* Closed: nobody waits for them. */
    (void)err;
    wire_list_clear(list);
}

void batch_answers_flush(struct batch_answers *a, bool is_idle)
{
    while (a->size > 0 && answers_begin_write(a)) {
        if (list_is_empty(&a->full)) {
            answers_write(a, &a->last);
        } else {
            struct batch_list *l = LIST_ENTRY(a->full.next, struct batch_list, link);
            answers_write(a, &l->list);
            batch_list_free(l);
        }
    }
    if (is_idle && a->size == 0 && a->last.buf.capacity > IDLE_BYTES_KEPT)
        wire_list_fini(&a->last);
}

bool batch_answers_on_written(struct batch_answers *a)
{
    int unawaited = WRITING;
    if (atomic_compare_exchange_strong(&a->writing, &unawaited, WRITING_NOTHING))
        return false;
    /* Nothing is written before the loop was told: it must not be told twice. */
    atomic_store(&a->writing, WRITING_TOLD);
    return true;
}

void batch_answers_on_space(struct batch_answers *a)
{
    int told = WRITING_TOLD;
    (void)atomic_compare_exchange_strong(&a->writing, &told, WRITING_NOTHING);
}
