/* effects.c -- see effects.h and replica.h. */
#include "replica/effects.h"

#include "base/mem.h"

/* Room for one more element of the array `name` of e. */
#define EFFECTS_ROOM(e, name)                                                      \
    do {                                                                           \
        void *room_array = (e)->name;                                              \
        TRY(mem_reserve(&room_array, &(e)->name##_capacity, (e)->name##_count + 1, \
                        sizeof(*(e)->name)));                                      \
        (e)->name = room_array;                                                    \
    } while (0)

int effects_add_write(struct effects *e, const struct durable *d)
{
    EFFECTS_ROOM(e, writes);
    e->writes[e->writes_count] = *d;
    value_ref(d->value);
    e->writes_count++;
    return 0;
}

int effects_add_send(struct effects *e, uint32_t peer, const struct message *m)
{
    EFFECTS_ROOM(e, sends);
    e->sends[e->sends_count] = (struct send){.peer = peer, .message = *m};
    e->sends_count++;
    return 0;
}

int effects_add_answer(struct effects *e, const struct answer *a)
{
    EFFECTS_ROOM(e, answers);
    e->answers[e->answers_count] = *a;
    e->answers_count++;
    return 0;
}

int effects_add_notice(struct effects *e, const struct notice *n)
{
    EFFECTS_ROOM(e, notices);
    e->notices[e->notices_count] = *n;
    e->notices_count++;
    return 0;
}

void effects_clear(struct effects *e)
{
    for (size_t i = 0; i < e->writes_count; i++)
        value_unref(e->writes[i].value);
    for (size_t i = 0; i < e->sends_count; i++)
        message_fini(&e->sends[i].message);
    for (size_t i = 0; i < e->answers_count; i++) {
        result_fini(&e->answers[i].result);
        entry_unref(e->answers[i].entry);
    }
    e->writes_count = 0;
    e->sends_count = 0;
    e->answers_count = 0;
    e->notices_count = 0;
    checkpoint_free(e->checkpoint);
    e->checkpoint = NULL;
}

void effects_fini(struct effects *e)
{
    effects_clear(e);
    mem_free(e->writes);
    mem_free(e->sends);
    mem_free(e->answers);
    mem_free(e->notices);
    *e = (struct effects){0};
}
