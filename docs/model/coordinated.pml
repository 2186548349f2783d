/*
 * coordinated.pml -- the coordinated mode of the protocol, small enough to be explored whole.
 *
 * Three nodes agree on a few slots. Spin tries every order in which messages can arrive, be
 * repeated or be lost, every moment at which a node can crash and come back, and every way in which
 * revokers can get between a coordinator and its slots. In all states that can be reached, the
 * asserts under "What must never happen" hold. README.md next to this file says how to run it,
 * what bounds were explored, and what is left out.
 *
 * The rules C1 to C9 and the words (slot, coordinator, ballot, skip, revoke, reserved_to) are those
 * of docs/protocol.md. A rule is an inline with the rule's number above it: what stands before its
 * first arrow is what the rule demands, the rest is what it does. A node is a loop over all rules,
 * at the end of the file. There are no timers: what a node may do "after a while" it may do here
 * at any time, and what is safe at any time is safe after a while.
 *
 * -DBUG_n plants mistake n of the table in README.md: one clause that somebody might forget. Spin
 * finds out why the clause is there.
 */

/* ---------------------------------------------------------------- Bounds */

#ifndef SLOTS
#define SLOTS 2 /* 1 to 3 */
#endif
#ifndef COORDINATORS
#define COORDINATORS 1 /* 1 to 3: slot s is coordinated by node s mod COORDINATORS. */
#endif
#ifndef REVOCATIONS
#define REVOCATIONS 2 /* 0 to 3: how often anybody may send a Prepare. */
#endif
#ifndef CRASHES
#define CRASHES 1 /* Of all nodes together. */
#endif

#define NODES 3
#define me _pid /* Nodes 0, 1, 2: in every rule, the node that acts. */
#define MAJORITY(set) ((set) == 3 || (set) == 5 || (set) == 6 || (set) == 7)
#define HAS(set, member) (((set) >> (member)) & 1)
#define BIT(member) (1 << (member))
#define MAX(x, y) ((x) > (y) -> (x) : (y))
#define MIN(x, y) ((x) < (y) -> (x) : (y))

/*
 * With one coordinator the slots of others, which lie between its own, are left out: what happens
 * in them has no bearing on these. An interval is then simply [lo, hi).
 */
#define COORDINATOR(s) ((s) % COORDINATORS)

/*
 * Ballots, in their order. FAST stands for (0, coordinator), the ballot for which phase 1 is
 * vacuous. Above it there is one for each Prepare: the boot number in a ballot sees to it that no
 * two Prepares share one. Whose it is decides only whose crash ends it.
 */
#define NO_BALLOT 0
#define FAST 1
#define REVOKING 2 /* The lowest of round >= 1. */
#define BALLOTS (REVOKING + REVOCATIONS)
#define PROPOSER(b) (((b) - REVOKING + 1) % NODES) /* Node 1, node 2, node 0. */

/* Values. A client's bears a tag: here, the boot of the node that proposes it. */
#define NO_VALUE 0
#define NOOP 1
#define CLIENT_VALUE (2 + boot)

/* ---------------------------------------------------------------- The network
 *
 * Messages are a set that only grows. Whoever may receive a message may do so now, later, twice or
 * never, whatever was sent before or after it: the one set is loss, duplication and reordering.
 *
 *   Accept(s, b, v)            slot[s].value[b] == v
 *   Accepted(s, b) of n        HAS(slot[s].voted[b], n)
 *   Skip(s)                    slot[s].skipped
 *   Learn(s, v)                slot[s].chosen == v
 *   Prepare(b, [lo, hi))       attempt[b], while PREPARING
 *   Promise(b, [lo, cut)) of n attempt[b].from[n], once its cut is not 0
 */
typedef slot_messages {
    byte value[BALLOTS];
    byte voted[BALLOTS];
    byte chosen;
    bit skipped
};
slot_messages slot[SLOTS];

typedef promise {
    byte cut;          /* An acceptor may shorten the interval from the right. */
    byte report[SLOTS] /* The highest ballot at which it accepted something, slot by slot. */
};

/* A Prepare, the promises that answer it, and what its proposer knows of it (volatile). */
#define IDLE 0
#define PREPARING 1
#define DONE 2
typedef phase_one {
    byte state;
    byte lo, hi; /* The slots of COORDINATOR(lo) in [lo, hi). */
    promise from[NODES]
};
phase_one attempt[BALLOTS];
#define INSIDE(b, s) \
    (attempt[b].lo <= s && s < attempt[b].hi && COORDINATOR(s) == COORDINATOR(attempt[b].lo))

/* ---------------------------------------------------------------- A node's own state
 *
 * What a node knows besides its Prepares is declared in proctype node(), at the end, where nobody
 * else can see it. It has its records twice: `memory` is the state including all writes that are
 * queued, from which an acceptor decides and answers; `disk` is what a crash leaves.
 */
typedef records {
    byte vote[SLOTS];  /* The slot's own record: accepted at this ballot, and so promised it. */
    byte noop[SLOTS];  /* The NOOP intervals over the slot: the same. */
    byte range[SLOTS]  /* The range promises over the slot. The highest of each is what counts. */
};
#define ACCEPTED(r, s) MAX(r.vote[s], r.noop[s])
#define PROMISED(r, s) MAX(r.range[s], ACCEPTED(r, s))

/* A coordinator counts its own slots: the first is OWN(0), the next one OWN(1). */
#define OWN(k) (me + (k) * COORDINATORS)

/* ---------------------------------------------------------------- Mistakes
 *
 * What a rule asks for, and what somebody might ask for in its place.
 */

#ifdef BUG_31 /* A skip proposes nothing, so what would it need a reservation for? */
#define MAY_SKIP (OWN(position) < SLOTS)
#else
#define MAY_SKIP (position < reserved_to)
#endif

#ifdef BUG_6 /* A slot without a record of its own passes for untouched. */
#define MAY_ACCEPT(s, b) (b >= PROMISED(memory, s) || memory.vote[s] == NO_BALLOT)
#else
#define MAY_ACCEPT(s, b) (b >= PROMISED(memory, s))
#endif

#ifdef BUG_30 /* A ballot promised once is promised again, for a longer interval. */
#define MAY_PROMISE(s, b) (b >= PROMISED(memory, s))
#else
#define MAY_PROMISE(s, b) (b > PROMISED(memory, s))
#endif

#define REFUSES(s, b) (INSIDE(b, s) && !MAY_PROMISE(s, b))

#ifdef BUG_33 /* An answer is read from the disk, while an acceptance is on its way there. */
#define OWN_STATE disk
#else
#define OWN_STATE memory
#endif

#if BUG_29 == 1 /* A NOOP is nothing to report. */
#define REPORT(s) (OWN_STATE.vote[s])
#elif BUG_29 == 2 /* A slot's own record hides the intervals over it. */
#define REPORT(s) (OWN_STATE.vote[s] != NO_BALLOT -> OWN_STATE.vote[s] : OWN_STATE.noop[s])
#else
#define REPORT(s) ACCEPTED(OWN_STATE, s)
#endif

#ifdef BUG_20 /* Where nothing must be adopted, a revoker proposes what its own client wants. */
#define FREE_CHOICE 9
#define CLIENTS_ENTER_ANYWHERE true /* Or the assert that says so would be all that is found. */
#else
#define FREE_CHOICE NOOP
#define CLIENTS_ENTER_ANYWHERE false
#endif

/* ---------------------------------------------------------------- What must never happen */

/* What each node has synced and answered: the highest ballot, slot by slot. */
typedef ballots {
    byte ballot[SLOTS]
};
inline assert_word(s)
{
    /* Promises never fall, crash or not. */
    assert(PROMISED(disk, s) >= word.ballot[s])
}

/*
 * Called as soon as anybody could take `what` for chosen, which is when a client could have its
 * answer. Who learns it later learns it from the same messages.
 */
inline learn(s, what)
{
    /* One chosen value per slot: who answered "chosen" is never contradicted. */
    assert(slot[s].chosen == NO_VALUE || slot[s].chosen == what);
    slot[s].chosen = what
}

/* Whatever is proposed, by whomever, goes through here. */
inline send_accept(s, b, what)
{
    /* One value per (slot, ballot). */
    assert(slot[s].value[b] == NO_VALUE || slot[s].value[b] == what);
    /* A skipped slot only ever holds NOOP. */
    assert(what == NOOP || !slot[s].skipped);
    /* Nothing but NOOP enters other than at (0, coordinator). */
    assert(what == NOOP || b == FAST || what == slot[s].value[FAST] || CLIENTS_ENTER_ANYWHERE);
    slot[s].value[b] = what
}

inline send_skip(s)
{
    /* A skipped slot only ever holds NOOP. */
    for (i : FAST .. BALLOTS - 1) {
        assert(slot[s].value[i] == NO_VALUE || slot[s].value[i] == NOOP)
    }
    slot[s].skipped = true;
    learn(s, NOOP)
}

/* Steps end with this, lest states differ by what was counted on the way to them. */
inline clear_scratch()
{
    i = 0;
    right = 0;
    best = 0;
    v = 0
}

/* ---------------------------------------------------------------- Rules of a coordinator */

/*
 * C9. Reserve, durable before use: this step is the end of its sync. A crash before that is a crash
 * without it. (Chunks are of one slot, reserved when there is none left: more would only be more
 * that is unknown after a crash.)
 */
inline reserve()
{
    d_step {
        me < COORDINATORS && position >= reserved_to && OWN(position) < SLOTS ->
        reserved_to = position + 1;
        printf("node %d has reserved slot %d\n", me, OWN(position))
    }
}

/*
 * C1. The Accept leaves at once; the coordinator's own vote is on its way to the disk meanwhile.
 * (Not where the node itself has promised a revoker something: it knows that it is late.)
 */
inline fast_accept(s)
{
    d_step {
        s == OWN(position) && position < reserved_to && me < COORDINATORS &&
            PROMISED(memory, s) == NO_BALLOT && promising == NO_BALLOT ->
        printf("node %d sends Accept(slot %d, fast, value %d)\n", me, s, CLIENT_VALUE);
        send_accept(s, FAST, CLIENT_VALUE);
        position++;
        memory.vote[s] = FAST;
        queued = true
    }
}

/*
 * C3, C4, C5, C8. An own slot in which nothing was proposed, and now nothing ever will be. Whoever
 * hears of it takes NOOP for chosen: no quorum, no sync.
 */
inline fast_skip(s)
{
    d_step {
        s == OWN(position) && MAY_SKIP && me < COORDINATORS ->
        printf("node %d sends Skip(slot %d)\n", me, s);
        send_skip(s);
        position++;
        clear_scratch()
    }
}

/* ---------------------------------------------------------------- Rules of an acceptor */

/* C7. Every slot of the interval with the ballot accepted there, NOOPs included. */
inline send_promise(b, c)
{
    for (i : attempt[b].lo .. c - 1) {
        if
        :: INSIDE(b, i) ->
            attempt[b].from[me].report[i] = REPORT(i)
        :: else
        fi
    }
    attempt[b].from[me].cut = c
}

/* C6. Accepted goes to all: a majority of them at one ballot is what chooses a value. */
inline send_accepted(s, b)
{
    slot[s].voted[b] = slot[s].voted[b] | BIT(me);
    if
    :: MAJORITY(slot[s].voted[b]) -> learn(s, slot[s].value[b])
    :: else
    fi
}

/*
 * What is durable before what: one sync for all that is queued, and behind it leaves what had to
 * wait for it. (A vote that a later one overtook in the queue is not announced. For it to be, a
 * sync would have come in between, and that is another of the orders that are tried.)
 */
inline flush()
{
    if /* Nobody waits for the promises of an attempt that is over. */
    :: promising != NO_BALLOT && attempt[promising].state == PREPARING ->
        send_promise(promising, granting)
    :: else
    fi;
    for (i : 0 .. SLOTS - 1) {
        if
        :: memory.vote[i] != disk.vote[i] -> send_accepted(i, memory.vote[i])
        :: else
        fi;
        if
        :: memory.noop[i] != disk.noop[i] -> send_accepted(i, memory.noop[i])
        :: else
        fi;
        disk.vote[i] = memory.vote[i];
        disk.noop[i] = memory.noop[i];
        disk.range[i] = memory.range[i];
        assert_word(i);
        word.ballot[i] = PROMISED(disk, i)
    }
    queued = false;
    promising = NO_BALLOT;
    granting = 0
}

inline sync()
{
    d_step {
        queued ->
        printf("node %d has synced\n", me);
        flush();
        clear_scratch()
    }
}

/*
 * Whether a message waits in the network or its write waits in the queue, nobody can tell before
 * the sync. With -DSYNC_AT_ONCE all of the waiting is done in the network, which leaves fewer
 * states, and so room for larger bounds. Only the coordinator's own vote must wait in the queue:
 * its Accept has left already.
 */
inline queue()
{
    queued = true;
#ifdef SYNC_AT_ONCE
    flush()
#endif
}

/*
 * Phase 2b. An Accept arrives; the vote is queued. The NOOPs of a revocation come, and are
 * recorded, as intervals. To accept those slot by slot leaves nothing out: a crash or another
 * message may come in between, or may not.
 */
inline on_accept(s, b)
{
    d_step {
        slot[s].value[b] != NO_VALUE && MAY_ACCEPT(s, b) && ACCEPTED(memory, s) < b &&
            promising == NO_BALLOT ->
        printf("node %d accepts slot %d, ballot %d, value %d\n", me, s, b, slot[s].value[b]);
        if
        :: b >= REVOKING && slot[s].value[b] == NOOP -> memory.noop[s] = b
        :: else -> memory.vote[s] = b
        fi;
#ifdef BUG_3 /* What lies below it and has not come was passed over, and so is skipped. */
        if
        :: b == FAST && s > 0 && ACCEPTED(memory, s - 1) == NO_BALLOT ->
            printf("node %d takes slot %d for skipped\n", me, s - 1);
            learn(s - 1, NOOP)
        :: else
        fi;
#endif
        queue();
        clear_scratch()
    }
}

/*
 * C7. A Prepare arrives, and [lo, cut) of it is granted. A node that promised more anywhere inside
 * the interval records nothing. The answer is made in flush(): until then no other message is
 * taken, since whatever would come in between may as well come later.
 */
inline on_prepare(b, c)
{
    d_step {
        attempt[b].state == PREPARING && attempt[b].lo < c && c <= attempt[b].hi &&
            attempt[b].from[me].cut == 0 && promising == NO_BALLOT &&
            !REFUSES(0, b) && !REFUSES(SLOTS / 2, b) && !REFUSES(SLOTS - 1, b) ->
        printf("node %d promises ballot %d from slot %d to below %d\n", me, b, attempt[b].lo, c);
        for (i : attempt[b].lo .. c - 1) {
            if
            :: INSIDE(b, i) -> memory.range[i] = b
            :: else
            fi
        }
        promising = b;
        granting = c;
        queue();
        clear_scratch()
    }
}

/* ---------------------------------------------------------------- Rules of a revoker */

/* C7. Anybody may suspect any coordinator at any time. Each Prepare has a ballot of its own. */
inline prepare(b, first, end)
{
    d_step {
        PROPOSER(b) == me && attempt[b].state == IDLE &&
            COORDINATOR(first) == COORDINATOR(end - 1) ->
        printf("node %d sends Prepare(ballot %d, slots %d to below %d)\n", me, b, first, end);
        attempt[b].state = PREPARING;
        attempt[b].lo = first;
        attempt[b].hi = end
    }
}

#define GRANTED(b, n, quorum) (attempt[b].from[n].cut > 0 || !HAS(quorum, n))
#define CUT(b, n, quorum) (HAS(quorum, n) -> attempt[b].from[n].cut : SLOTS)
#define REPORTED(b, n, quorum, s) (HAS(quorum, n) -> attempt[b].from[n].report[s] : NO_BALLOT)

/*
 * C2, C7. A majority has promised. In each slot that all of it granted, the proposer proposes the
 * value of the highest ballot reported, and NOOP where there is none.
 */
inline propose(b, quorum)
{
    d_step {
        PROPOSER(b) == me && attempt[b].state == PREPARING &&
            GRANTED(b, 0, quorum) && GRANTED(b, 1, quorum) && GRANTED(b, 2, quorum) ->
        right = MIN(CUT(b, 0, quorum), MIN(CUT(b, 1, quorum), CUT(b, 2, quorum)));
        for (i : attempt[b].lo .. right - 1) {
            if
            :: INSIDE(b, i) ->
                best = MAX(REPORTED(b, 0, quorum, i),
                           MAX(REPORTED(b, 1, quorum, i), REPORTED(b, 2, quorum, i)));
                v = (best == NO_BALLOT -> FREE_CHOICE : slot[i].value[best]);
                printf("node %d sends Accept(slot %d, ballot %d, value %d)\n", me, i, b, v);
                send_accept(i, b, v);
#if BUG_29 == 3 /* The NOOP interval covers the slots in which something was adopted. */
                send_accept(i, b, NOOP)
#endif
            :: else
            fi
        }
        end_attempt(b);
        clear_scratch()
    }
}

/*
 * An attempt ends once it has proposed, or when its proposer crashes: after that, the boot number
 * sees to it that the ballot is not used again. Its Prepare and promises are swept away, to have
 * fewer states: an answer that comes too late only makes its acceptor refuse more.
 */
inline end_attempt(b)
{
#if !defined(BUG_10) && !defined(BUG_30)
    for (right : 0 .. NODES - 1) {
        attempt[b].from[right].cut = 0;
        for (i : 0 .. SLOTS - 1) {
            attempt[b].from[right].report[i] = NO_BALLOT
        }
    }
    attempt[b].lo = 0;
    attempt[b].hi = 0;
#endif
    attempt[b].state = DONE
}

/* ---------------------------------------------------------------- Crash and restart */

/* C9. Own slots reserved before the start stay unknown: not proposed in, and not skipped. */
inline restart_position()
{
#if defined(BUG_1) /* A slot passes for unused if the own disk holds no vote in it. */
    position = 0;
    do
    :: OWN(position) < SLOTS && disk.vote[OWN(position)] != NO_BALLOT -> position++
    :: else -> break
    od
#else
    position = reserved_to
#endif
#ifdef BUG_2 /* What was reserved and shows no vote is skipped. */
    for (right : 0 .. SLOTS - 1) {
        if
        :: COORDINATOR(right) == me && right < OWN(reserved_to) && disk.vote[right] == NO_BALLOT ->
            send_skip(right)
        :: else
        fi
    }
#endif
}

byte crashes; /* So far, of all nodes. */

/*
 * C9. A crash takes what was volatile; a node that stays down is one that takes no more steps. The
 * own slots reserved before it stay unknown. What was learnt is lost too, wherever it matters: no
 * rule of this model lets a node do more because it has learnt something.
 */
inline crash()
{
    d_step {
        crashes < CRASHES ->
        printf("node %d crashes and comes back\n", me);
        queued = false;
        promising = NO_BALLOT;
        granting = 0;
        for (i : 0 .. SLOTS - 1) {
            memory.vote[i] = disk.vote[i];
            memory.noop[i] = disk.noop[i];
            memory.range[i] = disk.range[i];
            assert_word(i)
        }
        restart_position();
        for (best : REVOKING .. BALLOTS - 1) {
            if
            :: PROPOSER(best) == me && attempt[best].state != IDLE ->
#ifdef BUG_10 /* The node does not know that it has used this ballot: the same Prepare once more. */
                attempt[best].state = PREPARING
#else
                end_attempt(best)
#endif
            :: else
            fi
        }
        if
        :: me < COORDINATORS -> boot++
        :: else /* It has no tags, and its ballots count by themselves. */
        fi;
        crashes++;
        clear_scratch()
    }
}

#ifdef BUG_27 /* The coordinator counts its Accept as its vote. */
inline count_own_accept(s)
{
    d_step {
        COORDINATOR(s) == me && slot[s].value[FAST] == CLIENT_VALUE &&
            MAJORITY(slot[s].voted[FAST] | BIT(me)) && slot[s].chosen == NO_VALUE ->
        printf("node %d answers its client: slot %d, value %d\n", me, s, CLIENT_VALUE);
        learn(s, CLIENT_VALUE)
    }
}
#endif

#ifdef BUG_30 /* The interval is extended, its ballot kept. */
inline renew(b)
{
    d_step {
        PROPOSER(b) == me && attempt[b].state == DONE && attempt[b].hi > 0 &&
            attempt[b].hi < SLOTS ->
        attempt[b].hi++;
        printf("node %d sends Prepare(ballot %d, slots %d to below %d)\n", me, b,
               attempt[b].lo, attempt[b].hi);
        for (i : 0 .. NODES - 1) {
            attempt[b].from[i].cut = 0
        }
        attempt[b].state = PREPARING;
        clear_scratch()
    }
}
#endif

/* ---------------------------------------------------------------- A node */

#if SLOTS == 1
#define EACH_SLOT(rule) :: rule(0)
#define EACH_CUT(rule, b) :: rule(b, 1)
#define EACH_INTERVAL(rule, b) :: rule(b, 0, 1)
#elif SLOTS == 2
#define EACH_SLOT(rule) :: rule(0) :: rule(1)
#define EACH_CUT(rule, b) :: rule(b, 1) :: rule(b, 2)
#define EACH_INTERVAL(rule, b) :: rule(b, 0, 1) :: rule(b, 0, 2) :: rule(b, 1, 2)
#else
#define EACH_SLOT(rule) :: rule(0) :: rule(1) :: rule(2)
#define EACH_CUT(rule, b) :: rule(b, 1) :: rule(b, 2) :: rule(b, 3)
#define EACH_INTERVAL(rule, b)                           \
    :: rule(b, 0, 1) :: rule(b, 0, 2) :: rule(b, 0, 3) \
    :: rule(b, 1, 2) :: rule(b, 1, 3) :: rule(b, 2, 3)
#endif
#define EACH_MAJORITY(rule, b) :: rule(b, 3) :: rule(b, 5) :: rule(b, 6) :: rule(b, 7)

#define on_fast_accept(s) on_accept(s, FAST)
#define on_accept_2(s) on_accept(s, 2)
#define on_accept_3(s) on_accept(s, 3)
#define on_accept_4(s) on_accept(s, 4)
#define REVOCATION(b) \
    EACH_INTERVAL(prepare, b) \
    EACH_CUT(on_prepare, b) \
    EACH_MAJORITY(propose, b) \
    EACH_SLOT(on_accept_ ## b)

active [NODES] proctype node()
{
    records disk;     /* Durable. */
    byte boot;        /* Durable: counts the starts. */
    byte reserved_to; /* Durable: own slots below it may be used. */

    records memory;   /* Volatile, as is what follows. */
    bit queued;       /* There are writes on their way to the disk. */
    byte promising;   /* The ballot of a Promise that waits for them, */
    byte granting;    /* and its cut. */
    byte position;    /* Own slots below it are used, skipped or unknown. */

    ballots word;           /* Not known to the node, but to us, to judge it by. */
    byte i, right, best, v; /* Scratch. */

end:
    do
    :: reserve()
    EACH_SLOT(fast_accept)
    EACH_SLOT(fast_skip)
    EACH_SLOT(on_fast_accept)
    :: sync()
#if REVOCATIONS > 0
    REVOCATION(2)
#endif
#if REVOCATIONS > 1
    REVOCATION(3)
#endif
#if REVOCATIONS > 2
    REVOCATION(4)
#endif
    :: crash()
#ifdef BUG_27
    EACH_SLOT(count_own_accept)
#endif
#ifdef BUG_30
    :: renew(2)
#endif
    od
}
