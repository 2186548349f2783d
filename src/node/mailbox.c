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
    atomic_init(&m->head, NULL);
    m->event_fd = fd;
    return 0;
}

void mailbox_fini(struct mailbox *m)
{
    assert(atomic_load(&m->head) == NULL);
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

/* What is left until then, rounded to whole nanoseconds; NULL when there is no end. */
static const struct timespec *time_left(uint64_t until_ns, struct timespec *left)
{
    if (until_ns == UINT64_MAX)
        return NULL;
    uint64_t now_ns = monotime_ns();
    uint64_t left_ns = until_ns > now_ns ? until_ns - now_ns : 0;
    left->tv_sec = (time_t)(left_ns / MONOTIME_S);
    left->tv_nsec = (long)(left_ns % MONOTIME_S);
    return left;
}

bool mailbox_sleep(struct mailbox *m, uint64_t until_ns, int other_fd)
{
    struct mail *none = NULL;
    if (!atomic_compare_exchange_strong_explicit(&m->head, &none, &sleeper, memory_order_acq_rel,
                                                 memory_order_acquire))
        return false;
    struct pollfd fds[2] = {
        {.fd = m->event_fd, .events = POLLIN},
        {.fd = other_fd, .events = POLLIN}, /* ppoll ignores -1. */
    };
    struct timespec left;
    int n = ppoll(fds, 2, time_left(until_ns, &left), NULL);
    assert(n >= 0 || errno == EINTR);
    /* Awake. If somebody pushed meanwhile the mark is gone, and the eventfd is or will be set. */
    struct mail *mark = &sleeper;
    atomic_compare_exchange_strong_explicit(&m->head, &mark, NULL, memory_order_acq_rel,
                                            memory_order_acquire);
    if (n > 0 && (fds[0].revents & POLLIN) != 0) {
        uint64_t count;
        ssize_t got = read(m->event_fd, &count, sizeof(count));
        (void)got; /* EAGAIN cannot be: ppoll said so, and nobody else reads. */
    }
    return n > 0 && (fds[1].revents & POLLIN) != 0;
}
