/* notify.h - tells the service manager how the daemon is (sd_notify(3)): one datagram a message to
 * the socket that NOTIFY_SOCKET names. Owns that socket. Without NOTIFY_SOCKET it does nothing. */
#ifndef FRESHET_CLI_NOTIFY_H
#define FRESHET_CLI_NOTIFY_H

#include <stdint.h>

struct notify {
    int fd;               /* -1: nobody listens */
    uint32_t watchdog_ms; /* how often the manager wants to hear WATCHDOG=1; 0: never */
};

/* Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID. 0, or -1 with errno where there is a socket
 * that can't be reached; n is usable then too. */
int notify_open(struct notify *n);

/* Sends, without waiting: "READY=1", "STOPPING=1" ... From signal handlers too. */
void notify_send(const struct notify *n, const char *text);

/* "RELOADING=1" with the time that belongs to it (sd_notify(3)); READY=1 ends it. Likewise. */
void notify_reloading(const struct notify *n);

void notify_close(struct notify *n);

#endif
