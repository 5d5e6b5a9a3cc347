/* The runtime's bundle (runtime/main.ts and what it imports), as part of the cell's binary. */
#pragma once

extern const char runtime_source[], runtime_source_end[];
