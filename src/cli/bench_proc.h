/* bench_proc.h - what a server costs, read from /proc: CPU time of processes by their own clock
 * (nanoseconds, all threads), their memory, and what the kernel holds for TCP. Linux only; else
 * everything is 0. Any thread. */
#ifndef FRESHET_CLI_BENCH_PROC_H
#define FRESHET_CLI_BENCH_PROC_H

#include "base/slice.h"

#include <stdint.h>

#define PROC_PIDS_MAX 64

struct proc_pids {
    int pid[PROC_PIDS_MAX];
    unsigned count;
};

struct proc_memory {
    uint64_t rss, pss;      /* bytes, of all the processes */
    uint64_t kernel_tcp;    /* bytes of socket buffers on the whole machine, both ends */
};

/* Reads `P[,P...]`. False when one is no process that can be looked at. */
bool proc_pids_parse(struct slice text, struct proc_pids *out);

/* CPU time used so far, in ns. */
uint64_t proc_cpu_ns(const struct proc_pids *pids);

void proc_memory(const struct proc_pids *pids, struct proc_memory *out);

#endif
