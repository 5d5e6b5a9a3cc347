/* What an ES module asks for and offers, and its text made fit to stand in a function.

   JavaScriptCore's C API evaluates scripts only, so the cell links modules itself. The scanner reads one module's
   source, takes every static `import` and `export` out of it and reports them as tables; runtime/modules links by
   them. The text that remains, the body, is what stands between `(function ($mf) { "use strict";` and `})`.

   Runs in a cell, on hostile source: time and memory are linear in its length (names are sorted once), nesting is
   bounded, and nothing recurses. It is not a parser: what it cannot be sure of it leaves to the engine, whose parser
   reads the body next. It promises only that a body never closes the function around it.

   Where the text is changed:

       import a from "b"              ;                              static imports and export lists become blanks
       export const x = 1             ;      const x = 1
       export default 1 + 2           let $mf_df=    1 + 2
       export default function () {}  function $mf_df         () {}  named functions and classes keep their names
       import("x"), import.meta       $mf_im("x"), $mf_im.meta       and so does import.source("x")
       #!/usr/bin/env node            ///usr/bin/env node
       a<!--b                         a< !--b                        a comment in scripts, two operators in modules

   Lines never move. Columns (in UTF-16 units) move only behind a `<!--` with no space before it, and behind an
   anonymous `export default function` with a line break between each two of these words. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The names that stand in a body. Whoever wraps it declares MODULE_IMPORT, a function with properties `meta` and
   `source`, where the flags below ask for it. MODULE_DEFAULT is declared by the body itself. Both have six letters,
   as many as `import` and `export`: that is why columns stay. */
#define MODULE_DEFAULT "$mf_df"
#define MODULE_IMPORT  "$mf_im"

#define MODULE_SOURCE_BYTES_MAX (64u << 20)
#define MODULE_NESTING_MAX      (64u << 10)

/* UTF-8, not terminated; may hold NUL. Lives as long as the scan it belongs to. */
struct module_text {
    const char *data;
    uint32_t len;
};

/* A place in the source as given: both count from 1, columns in UTF-16 units. */
struct module_place {
    uint32_t line;
    uint32_t column;
};

enum module_phase { MODULE_PHASE_EVALUATION, MODULE_PHASE_SOURCE };

/* One specifier of a static import or export, in source order; not merged when a specifier comes twice. */
struct module_request {
    struct module_text specifier; /* decoded; a lone surrogate has become U+FFFD */
    struct module_text type;      /* of `with { type: "json" }`; len 0 if none */
    struct module_place place;    /* of the specifier */
    enum module_phase phase;
};

/* `import { name as local }`; name is "default" for a default import, and empty for `* as local`. */
struct module_import {
    uint32_t request;
    bool is_namespace;
    struct module_text name;
    struct module_text local;  /* an identifier, escapes decoded */
    struct module_place place; /* of the imported name; of the local one where only that is written */
};

/* A local export (request is MODULE_LOCAL) offers the binding `local` as `exported`. Any other offers `name` of a
   request, or its whole namespace; an imported binding that is exported again is reported in this way, too. */
struct module_export {
    struct module_text exported;
    struct module_text local; /* an identifier; empty unless local */
    struct module_text name;  /* empty if local or is_namespace */
    uint32_t request;
    bool is_namespace;
    /* The binding may change after the module's evaluation has ended: some function in the module assigns to a
       variable of that name. False is a promise, true may be a guess. Always false unless local. */
    bool is_mutable;
    struct module_place place; /* of the exported name, of `default`, or of the declared name */
};

#define MODULE_LOCAL UINT32_MAX

struct module_arena;

/* Room before and behind a large body, for what is to stand around it; a small one is copied as soon. */
#define MODULE_ROOM      2048
#define MODULE_LEN_LARGE (64 * 1024)

struct module_scan {
    char *block; /* from malloc: `room` bytes, the body, its NUL, and `room` bytes */
    char *body;  /* body_len bytes and a NUL */
    size_t body_len, room;
    struct module_request *requests;
    struct module_import *imports;
    struct module_export *exports;
    uint32_t *stars; /* requests of `export * from` */
    uint32_t requests_len, imports_len, exports_len, stars_len;
    bool has_top_level_await;
    bool has_import_meta;
    bool has_dynamic_import;    /* import() or import.source() */
    struct module_arena *arena; /* private: holds the texts */
};

/* What is wrong with a source, in the words of a SyntaxError. */
struct module_scan_error {
    char message[160];
    struct module_place place;
};

/* Scans `len` bytes of UTF-8; bytes that are not UTF-8 pass through as they are. A byte order mark at the start is
   dropped. Returns 0 and a scan that module_scan_done frees, -EINVAL and an error for a source that is no module,
   -EFBIG for more than MODULE_SOURCE_BYTES_MAX, or -ENOMEM. */
int module_scan(const char *source, size_t len, struct module_scan *ret_scan, struct module_scan_error *ret_error);

/* The same for a script, such as a CommonJS module: only `import()` and a `#!` change, requests and exports are none.
   A script may return, and has HTML comments; what modules alone have is left to the engine to refuse. */
int module_scan_script(const char *source, size_t len, struct module_scan *ret_scan,
                       struct module_scan_error *ret_error);

/* Frees what a successful scan returned. An all-zero scan is fine, too. */
void module_scan_done(struct module_scan *scan);
