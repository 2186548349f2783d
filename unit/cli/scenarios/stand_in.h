/*
 * stand_in.h -- a program that can be started where dkv-node would be: it listens on its address,
 * notes in its data directory that it was there, and ends on SIGTERM, or misbehaves.
 */
#ifndef DKV_UNIT_CLI_STAND_IN_H
#define DKV_UNIT_CLI_STAND_IN_H

#include <stdbool.h>

/* Called from main before anything else: was this test's program started as a node? */
bool stand_in_is_asked(int argc, char *const *argv);

/*
 * Be that node. The variable STAND_IN says how:
 *
 *     fail       says that the disk is on fire, and ends with code 3
 *     deaf       does not listen
 *     unclean    ends with code 5 on SIGTERM
 *     taken:F    says that the address is in use and ends with code 1, until file F exists, which
 * it makes
 */
int stand_in_run(int argc, char *const *argv);

#endif
