/* The engine's code on huge pages. A file's pages are not inherited by a fork: every cell would fault in the code that
   it runs, a hundred times over. As anonymous huge pages the whole of it comes along in a dozen entries. */
#pragma once

/* In the zygote, before the engine starts: moves the executable mapping of the shared library whose path contains
   `name` onto anonymous huge pages, byte for byte, still read-only and executable. Returns the number of bytes moved,
   0 if the library is not mapped or too small, or a negative errno; the code runs on in either case. */
long hugetext_move(const char *name);
