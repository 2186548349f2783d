/* mail.c -- see mail.h. */
#include "replica/mail.h"

#include <assert.h>
#include <string.h>

#include "base/mem.h"

int mail_push(struct mail *m, const struct letter *letter)
{
    /* Move to the front only if half is free there, or each push might move all of the rest. */
    if (m->head > 0 && m->head >= m->capacity / 2 && m->head + m->count == m->capacity) {
        memmove(m->letters, m->letters + m->head, m->count * sizeof(*m->letters));
        m->head = 0;
    }
    void *letters = m->letters;
    TRY(mem_reserve(&letters, &m->capacity, m->head + m->count + 1, sizeof(*m->letters)));
    m->letters = letters;
    m->letters[m->head + m->count] = *letter;
    m->count++;
    return 0;
}

const struct letter *mail_first(const struct mail *m)
{
    return m->count == 0 ? NULL : &m->letters[m->head];
}

struct letter mail_pop(struct mail *m)
{
    assert(m->count > 0);
    struct letter letter = m->letters[m->head];
    m->head++;
    m->count--;
    if (m->count == 0)
        m->head = 0;
    return letter;
}

void mail_fini(struct mail *m)
{
    while (m->count > 0) {
        struct letter letter = mail_pop(m);
        message_fini(&letter.message);
    }
    mem_free(m->letters);
    *m = (struct mail){0};
}
