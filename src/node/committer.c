#include "node/committer.h"

#include <assert.h>
#include <string.h>

#include "base/list.h"
#include "base/mem.h"
#include "node/die.h"
#include "node/monotime.h"

void commit_free(struct commit *commit)
{
    if (commit == NULL)
        return;
    for (size_t i = 0; i < commit->writes_count; i++)
        value_unref(commit->writes[i].value);
    mem_free(commit->writes);
    mem_free(commit);
}

static void committer_on_mail(struct mail *mail, void *owner)
{
    struct committer *c = owner;
    struct commit *commit = LIST_ENTRY(mail, struct commit, mail);
    void *gathered = c->gathered;
    void *records = c->records;
    if (mem_reserve(&gathered, &c->gathered_capacity, c->gathered_count + 1,
                    sizeof(*c->gathered)) != 0 ||
        mem_reserve(&records, &c->records_capacity, c->records_count + commit->writes_count,
                    sizeof(*c->records)) != 0)
        die("no memory to commit %zu records: give the machine more, and start again",
            c->records_count + commit->writes_count);
    c->gathered = gathered;
    c->records = records;
    c->gathered[c->gathered_count++] = commit;
    memcpy(c->records + c->records_count, commit->writes,
           commit->writes_count * sizeof(*c->records));
    c->records_count += commit->writes_count;
}

/* All that was taken from the mailbox at once: one transaction, one sync. */
static void committer_commit(void *owner)
{
    struct committer *c = owner;
    if (c->gathered_count == 0)
        return;
    struct store_error error;
    uint64_t began_ns = monotime_ns();
    int err = acceptor_store_commit(c->store, c->records, c->records_count, &error);
    if (err != 0)
        die("%s", error.text);
    histogram_record(c->latency, monotime_ns() - began_ns);
    struct commit *last = c->gathered[c->gathered_count - 1];
    for (size_t i = 0; i + 1 < c->gathered_count; i++) {
        assert(c->gathered[i]->sequence < last->sequence);
        commit_free(c->gathered[i]);
    }
    c->gathered_count = 0;
    c->records_count = 0;
    last->mail.run = c->on_durable;
    mailbox_push(c->answers, &last->mail);
}

int committer_init(struct committer *c)
{
    assert(c->store != NULL && c->answers != NULL && c->on_durable != NULL);
    return worker_init(&c->worker, "dkv-committer", c, committer_commit);
}

void committer_fini(struct committer *c)
{
    worker_fini(&c->worker);
    mem_free(c->gathered);
    mem_free(c->records);
    c->gathered = NULL;
    c->records = NULL;
}

void committer_submit(struct committer *c, struct commit *commit)
{
    assert(commit->writes_count > 0);
    commit->mail.run = committer_on_mail;
    worker_push(&c->worker, &commit->mail);
}
