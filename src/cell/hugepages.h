/* Memory on huge pages. A forked cell touches each page of 4 KiB at a price of its own (a fault, or on a virtual machine
   with shadow page tables a trap that nobody sees, 4 us each); a huge page costs it once for 512 of them. Run in the
   zygote, before the first fork. */
#pragma once
#include <stddef.h>
#include <stdint.h>

#define HUGE_BYTES (2ul << 20)

/* Moves what cells only read of the shared library whose path contains `name`, its code and constants, onto anonymous
   huge pages, byte for byte: a file's pages are not inherited by a fork. All of it becomes readable and executable,
   since a huge page has one protection. Before the engine starts. Returns the number of bytes moved, 0 if the library
   is not mapped or too small, or a negative errno; the code runs on in either case. */
long hugepages_move_library(const char *name);
