#include "cli/bench_proc.h"

#include "base/num.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

bool proc_pids_parse(struct slice text, struct proc_pids *out)
{
    out->count = 0;
    while (text.len) {
        uint64_t pid;
        clockid_t clock;
        if (!num_u64(slice_cut(&text, ','), INT32_MAX, &pid) || out->count == PROC_PIDS_MAX ||
            clock_getcpuclockid((pid_t)pid, &clock) != 0)
            return false;
        out->pid[out->count++] = (int)pid;
    }
    return out->count > 0;
}

uint64_t proc_cpu_ns(const struct proc_pids *pids)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < pids->count; i++) {
        clockid_t clock;
        struct timespec t;
        if (clock_getcpuclockid(pids->pid[i], &clock) == 0 && clock_gettime(clock, &t) == 0)
            sum += (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
    }
    return sum;
}

/* The number behind `name` on the line that starts with it. */
static uint64_t number_behind(const char *line, const char *name)
{
    const char *p = strstr(line, name);
    uint64_t n = 0;
    if (!p)
        return 0;
    p += strlen(name);
    p += strspn(p, " \t");
    return num_u64(slice_of(p, strspn(p, "0123456789")), UINT64_MAX, &n) ? n : 0;
}

static void add_process(int pid, struct proc_memory *out)
{
    char line[256];
    snprintf(line, sizeof line, "/proc/%d/smaps_rollup", pid);
    FILE *f = fopen(line, "r");
    if (!f)
        return;
    while (fgets(line, sizeof line, f)) {
        if (strncmp(line, "Rss:", 4) == 0)
            out->rss += number_behind(line, "Rss:") * 1024;
        else if (strncmp(line, "Pss:", 4) == 0)
            out->pss += number_behind(line, "Pss:") * 1024;
    }
    fclose(f);
}

void proc_memory(const struct proc_pids *pids, struct proc_memory *out)
{
    char line[256];
    *out = (struct proc_memory){0};
    for (unsigned i = 0; i < pids->count; i++)
        add_process(pids->pid[i], out);
    FILE *f = fopen("/proc/net/sockstat", "r");
    if (!f)
        return;
    while (fgets(line, sizeof line, f))
        if (strncmp(line, "TCP:", 4) == 0)
            out->kernel_tcp = number_behind(line, " mem ") * (uint64_t)sysconf(_SC_PAGESIZE);
    fclose(f);
}
