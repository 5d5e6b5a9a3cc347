/* RUNTIME_FILE is the bundle that the build made; the assembler takes it in as it is. */
#include "cell/runtime_blob.h"

__asm__(".section .rodata\n"
        ".global runtime_source\n"
        "runtime_source: .incbin \"" RUNTIME_FILE "\"\n"
        ".global runtime_source_end\n"
        "runtime_source_end: .byte 0\n"
        ".section .note.GNU-stack,\"\",@progbits\n"
        ".text\n");
