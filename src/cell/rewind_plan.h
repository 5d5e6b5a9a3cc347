/* What rewind.c prepares for holder.c: read-only for good before the first holder is forked. */
#pragma once
#include "cell/pages.h"
#include <stdint.h>
#include <sys/types.h>

#define PLAN_AREAS_MAX 2048
#define PLAN_HOLES_MAX 512
#define PLAN_SPANS_MAX 64

/* A holder's stack, above which each cell finds what its holder was told. No cell needs it later. */
#define SCRATCH_BYTES (64ul << 10)

/* To which each cell's stack has grown before. */
#define STACK_BYTES (2ul << 20)

/* A holder's descriptors; the last one where the kernel marks writes. */
enum { HOLDER_JOBS_FD = 3, HOLDER_MADE_FD, HOLDER_REPORTS_FD, HOLDER_PAGEMAP_FD, HOLDER_MAPS_FD, HOLDER_IMAGE_FD, HOLDER_WRITES_FD };

enum area_kind {
    AREA_KEPT,  /* cannot be written, nor what is there be dropped */
    AREA_IMAGE, /* the holder maps the image's file here: as that has it, once it was written */
    AREA_COPY,  /* compared with the image each time, for a cell can also be rid of what is here */
    AREA_FRESH, /* no page was there: zeroes, or a file's */
    AREA_LOOSE, /* likewise, in what the engine set aside: not sealed, since it protects pages and maps memory anew there */
    AREA_TUNED, /* the engine's options, which a busy cell changes: then there is no way back */
};

/* The known parts of the address space, in order. */
struct area {
    uintptr_t start, end;
    const uint8_t *image;
    uint32_t image_page; /* where in the image's file */
    uint8_t kind;
    bool is_sealed; /* the holder has the kernel keep this mapping; one that is not must be one mapping again each time */
    bool is_file;   /* FRESH: of a file */
};

struct stretch {
    uintptr_t start, end;
};

struct plan {
    uintptr_t scratch_top; /* holder.c's assembler knows these two by their places */
    uintptr_t stack;       /* each cell's, at its begin */
    uintptr_t brk;
    uintptr_t image_start, image_end; /* all of the image, to be read */
    struct {
        uint16_t len;
        const struct sock_filter *code;
    } seal; /* as the kernel's struct sock_fprog; without instructions: each cell installs its own */
    const struct page_range *lesson;
    int lesson_len;
    bool marks_writes; /* the kernel does, where the image is mapped, by userfaultfd */
    unsigned areas_len, holes_len, spans_len;
    struct area areas[PLAN_AREAS_MAX];
    struct stretch holes[PLAN_HOLES_MAX];
    struct stretch spans[PLAN_SPANS_MAX]; /* that must be searched for pages, marks or not */
};

/* NULL where there are no holders. */
const struct plan *rewind_plan(void);

/* Between rewind_point in the zygote and its return in a cell. `stack`: of whoever returns. */
int rewind_keep(uintptr_t stack);

/* Saves the place to return to, has rewind_keep run there, and returns what that does. Returns again in each cell, one more
   than the descriptor of its owner's socket. */
int holder_point(void);

/* Makes cells, for as long as jobs come. */
_Noreturn void holder_run(const struct plan *plan);
