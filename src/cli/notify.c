#include "cli/notify.h"

#include "base/num.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static uint64_t number_of(const char *name)
{
    const char *text = getenv(name);
    uint64_t n = 0;
    return text && num_u64(slice_str(text), UINT64_MAX, &n) ? n : 0;
}

static uint32_t watchdog_ms(void)
{
    uint64_t pid = number_of("WATCHDOG_PID"), ms = number_of("WATCHDOG_USEC") / 1000;
    if (pid && pid != (uint64_t)getpid())
        return 0;
    return ms > UINT32_MAX ? UINT32_MAX : (uint32_t)ms;
}

int notify_open(struct notify *n)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    const char *path = getenv("NOTIFY_SOCKET");
    size_t len = path ? strlen(path) : 0;
    *n = (struct notify){.fd = -1};
    if (!len)
        return 0;
    if ((path[0] != '/' && path[0] != '@') || len >= sizeof a.sun_path) {
        errno = EINVAL;
        return -1;
    }
    memcpy(a.sun_path, path, len);
    if (path[0] == '@') /* an abstract name: unix(7) */
        a.sun_path[0] = 0;
    n->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (n->fd < 0)
        return -1;
    if (connect(n->fd, (struct sockaddr *)&a,
                (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len))) {
        int saved = errno;
        notify_close(n);
        errno = saved;
        return -1;
    }
    n->watchdog_ms = watchdog_ms();
    return 0;
}

void notify_send(const struct notify *n, const char *text)
{
    int saved = errno;
    if (n->fd >= 0)
        (void)!send(n->fd, text, strlen(text), MSG_NOSIGNAL);
    errno = saved;
}

void notify_reloading(const struct notify *n)
{
    static const char head[] = "RELOADING=1\nMONOTONIC_USEC=";
    char text[sizeof head + 20], digits[20];
    struct timespec now;
    size_t len = sizeof head - 1, count = 0;
    clock_gettime(CLOCK_MONOTONIC, &now);
    uint64_t us = (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
    memcpy(text, head, len);
    do { /* by hand: printf is not for signal handlers */
        digits[count++] = (char)('0' + us % 10);
        us /= 10;
    } while (us);
    while (count)
        text[len++] = digits[--count];
    text[len] = 0;
    notify_send(n, text);
}

void notify_close(struct notify *n)
{
    if (n->fd >= 0)
        close(n->fd);
    n->fd = -1;
}
