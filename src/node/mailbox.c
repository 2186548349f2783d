#define _GNU_SOURCE
#include "node/mailbox.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "node/monotime.h"

/* Stands in `head` while the owner sleeps. Only its address counts. */
static struct mail sleeper;

int mailbox_init(struct mailbox *m)
{
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (fd < 0)
        return ERR_IO;
    *m = (struct mailbox){.event_fd = fd};
    return 0;
}

void mailbox_init_with(struct mailbox *m, void (*wake)(void *context), void *context)
{
    *m = (struct mailbox){.event_fd = -1, .wake = wake, .context = context};
}

void mailbox_fini(struct mailbox *m)
{
    assert(atomic_load(&m->head) == NULL);
    if (m->event_fd >= 0)
        close(m->event_fd);
}

void mailbox_push(struct mailbox *m, struct mail *mail)
{
    assert(mail->run != NULL);
    assert(!mail->posted);
    mail->posted = true;
    struct mail *head = atomic_load_explicit(&m->head, memory_order_relaxed);
    do {
        mail->next = head == &sleeper ? NULL : head;
    } while (!atomic_compare_exchange_weak_explicit(&m->head, &head, mail, memory_order_acq_rel,
                                                    memory_order_relaxed));
    /* mail may be gone by now: the owner takes it whenever it likes. */
    if (head != &sleeper)
        return;
    if (m->wake != NULL) {
        m->wake(m->context);
        return;
    }
    uint64_t one = 1;
    ssize_t n;
    do
        n = write(m->event_fd, &one, sizeof(one));
    while (n < 0 && errno == EINTR);
    assert(n == sizeof(one)); /* The counter cannot be full: it is read at each wake-up. */
}

struct mail *mailbox_take(struct mailbox *m)
{
    struct mail *newest = atomic_exchange_explicit(&m->head, NULL, memory_order_acq_rel);
    assert(newest != &sleeper);
    struct mail *oldest = NULL;
    while (newest != NULL) {
        struct mail *next = newest->next;
        assert(newest->posted);
        newest->posted = false;
        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    return oldest;
}

bool mailbox_run(struct mailbox *m, void *owner)
{
    struct mail *mail = mailbox_take(m);
    bool any = mail != NULL;
    while (mail != NULL) {
        struct mail *next = mail->next;
        mail->run(mail, owner);
        mail = next;
    }
    return any;
}

bool mailbox_doze(struct mailbox *m)
{
    struct mail *none = NULL;
    return atomic_compare_exchange_strong_explicit(&m->head, &none, &sleeper, memory_order_acq_rel,
                                                   memory_order_acquire);
}

void mailbox_rouse(struct mailbox *m)
{
    /* If somebody pushed meanwhile the mark is gone, and the owner was or will be woken. */
    struct mail *mark = &sleeper;
    atomic_compare_exchange_strong_explicit(&m->head, &mark, NULL, memory_order_acq_rel,
                                            memory_order_acquire);
}

void mailbox_sleep(struct mailbox *m)
{
    assert(m->event_fd >= 0);
    if (!mailbox_doze(m))
        return;
    struct pollfd fd = {.fd = m->event_fd, .events = POLLIN};
    int n = poll(&fd, 1, -1);
    assert(n >= 0 || errno == EINTR);
    mailbox_rouse(m);
    if (n > 0) {
        uint64_t count;
        ssize_t got = read(m->event_fd, &count, sizeof(count));
        (void)got; /* EAGAIN cannot be: poll said so, and nobody else reads. */
    }
}
