/* CONFIG_FILE is the bundle that the build made; the assembler takes it in as it is. */
#include "host/config_blob.h"

__asm__(".section .rodata\n"
        ".global config_source\n"
        ".hidden config_source\n"
        "config_source: .incbin \"" CONFIG_FILE "\"\n"
        ".global config_source_end\n"
        ".hidden config_source_end\n"
        "config_source_end: .byte 0\n"
        ".section .note.GNU-stack,\"\",@progbits\n"
        ".text\n");
