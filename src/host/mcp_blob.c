/* MCP_FILE is the bundle that the build made; the assembler takes it in as it is. */
#include "host/mcp_blob.h"

__asm__(".section .rodata\n"
        ".global mcp_source\n"
        ".hidden mcp_source\n"
        "mcp_source: .incbin \"" MCP_FILE "\"\n"
        ".global mcp_source_end\n"
        ".hidden mcp_source_end\n"
        "mcp_source_end: .byte 0\n"
        ".section .note.GNU-stack,\"\",@progbits\n"
        ".text\n");
