/* The bundle of sdk/entrypoints/main.ts, an ES module, as part of the mayfly binary. */
#pragma once

extern const char types_source[], types_source_end[];
