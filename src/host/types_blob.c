/* TYPES_FILE is the bundle that the build made; the assembler takes it in as it is. */
#include "host/types_blob.h"

__asm__(".section .rodata\n"
        ".global types_source\n"
        ".hidden types_source\n"
        "types_source: .incbin \"" TYPES_FILE "\"\n"
        ".global types_source_end\n"
        ".hidden types_source_end\n"
        "types_source_end: .byte 0\n"
        ".section .note.GNU-stack,\"\",@progbits\n"
        ".text\n");
