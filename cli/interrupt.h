/*
 * interrupt.h -- Ctrl-C.
 *
 * A command that is interrupted ends at once, with code 130; what has to be said before that is
 * prepared. A scenario, which has processes to clean up, catches the signals itself.
 */
#ifndef DKV_CLI_INTERRUPT_H
#define DKV_CLI_INTERRUPT_H

/* SIGINT, SIGTERM and SIGHUP end the process with CLI_INTERRUPTED. */
void interrupt_catch(void);

/* Say this, static, on stderr when it happens; NULL: nothing. */
void interrupt_say(const char *line);

#endif
