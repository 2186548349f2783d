#include "node/committer.h"

#include <assert.h>

#include "base/list.h"
#include "base/mem.h"
#include "node/die.h"
#include "node/monotime.h"

static void commit_clear(struct commit *commit)
{
    for (size_t i = 0; i < commit->writes_count; i++)
        value_unref(commit->writes[i].value);
    commit->writes_count = 0;
}

void commit_free(struct commit *commit)
{
    if (commit == NULL)
        return;
    commit_clear(commit);
    mem_free(commit->writes);
    mem_free(commit);
}

static void committer_on_mail(struct mail *mail, void *owner)
{
    struct committer *c = owner;
    struct commit *commit = LIST_ENTRY(mail, struct commit, mail);
    struct store_error error;
    if (c->gathered == NULL)
        c->began_ns = monotime_ns();
    assert(c->gathered == NULL || c->gathered->sequence < commit->sequence);
    if (acceptor_store_add(c->store, commit->writes, commit->writes_count, &error) != 0)
        die("%s", error.text);
    commit->next = c->gathered;
    c->gathered = commit;
}

/* All that was taken from the mailbox at once: one sync. */
static void committer_commit(void *owner)
{
    struct committer *c = owner;
    struct commit *newest = c->gathered;
    if (newest == NULL)
        return;
    struct store_error error;
    if (acceptor_store_sync(c->store, &error) != 0)
        die("%s", error.text);
    histogram_record(c->latency, monotime_ns() - c->began_ns);
    c->gathered = NULL;
    for (struct commit *commit = newest; commit != NULL; commit = commit->next)
        commit_clear(commit);
    newest->mail.run = c->on_durable;
    mailbox_push(c->answers, &newest->mail);
    c->on_committed(c->context);
}

int committer_init(struct committer *c)
{
    assert(c->store != NULL && c->answers != NULL);
    assert(c->on_durable != NULL && c->on_committed != NULL);
    return worker_init(&c->worker, "dkv-committer", c, committer_commit);
}

void committer_fini(struct committer *c)
{
    worker_fini(&c->worker);
}

void committer_submit(struct committer *c, struct commit *commit)
{
    assert(commit->writes_count > 0);
    commit->mail.run = committer_on_mail;
    worker_push(&c->worker, &commit->mail);
}
