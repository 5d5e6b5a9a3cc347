/* The bundle of sdk/mcp/main.ts, an ES module, as part of the mayfly binary. */
#pragma once

extern const char mcp_source[], mcp_source_end[];
