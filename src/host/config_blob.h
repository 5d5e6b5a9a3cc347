/* The bundle of runtime/config/main.ts, an ES module, as part of the mayfly binary. */
#pragma once

extern const char config_source[], config_source_end[];
