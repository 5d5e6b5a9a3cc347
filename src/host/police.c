#include "host/police.h"
#include "base/procfs.h"

#define CPU_SLACK_MS  1000
#define BYTES_SLACK   (64u << 20)
#define CPU_US_ACTIVE 2000 /* less between two looks: nothing that could matter has happened */

enum limit police_look(struct police *p, uint64_t cell_bytes) {
    uint64_t cpu_us, bytes;
    if (p->pid <= 0 || procfs_cpu_us(p->pid, &cpu_us) < 0) return LIMIT_NONE;
    bool is_active = cpu_us - p->cpu_us >= CPU_US_ACTIVE;
    p->cpu_us = cpu_us;
    p->looks++;
    if (p->is_called) {
        p->is_called = false;
        p->looks = 0;
        p->cpu_us_called = cpu_us;
    }
    if (!is_active) return LIMIT_NONE;
    uint64_t cpu_ms = (cpu_us - p->cpu_us_called) / 1000;
    uint64_t own_ms = p->looks * POLICE_MS / POLICE_OWN_PART; /* it does not charge its worker, who may wait for days in one call */
    if (p->cpu_ms_max && cpu_ms > p->cpu_ms_max + CPU_SLACK_MS + own_ms) return LIMIT_CPU;
    bool is_heavy = p->memory_mb_max && procfs_anonymous_bytes(p->pid, &bytes) == 0 &&
                    bytes > cell_bytes + ((uint64_t)p->memory_mb_max << 20) + BYTES_SLACK +
                                LIMIT_EXEMPT_PER_CODE_BYTE * p->code_bytes;
    return is_heavy ? LIMIT_MEMORY : LIMIT_NONE;
}
