/* The module scanner: what it reports of a source, what it makes of its text, what it refuses. Runs without an engine.

   A report is one line: requests as `"m"`, `"m":json` or `source "m"`; imports as `local<request.name`; exports as
   `exported=local`, `exported=local!` if mutable, or `exported=request.name`; stars as `*=request`; flags. */
#include "cell/module_scan.h"
#include "check.h"
#include <errno.h>
#include <stdlib.h>

static char text[1 << 16];
static size_t text_len;

__attribute__((format(printf, 1, 2))) static void add(const char *format, ...) {
    va_list args;
    va_start(args, format);
    text_len += (size_t)vsnprintf(text + text_len, sizeof text - text_len, format, args);
    va_end(args);
}

static void add_text(const char *before, struct module_text part) {
    add("%s%.*s", before, (int)part.len, part.data);
}

static const char *scan_error(const struct module_scan_error *error, int status) {
    text_len = 0;
    if (status == -EINVAL)
        add("%u:%u %s", error->place.line, error->place.column, error->message);
    else
        add("status %d", status);
    return text;
}

static void add_export(const struct module_export *export) {
    add_text("", export->exported);
    if (export->request == MODULE_LOCAL)
        add_text("=", export->local);
    else if (export->is_namespace)
        add("=%u.*", export->request);
    else
        add("=%u.%.*s", export->request, (int)export->name.len, export->name.data);
    add("%s", export->is_mutable ? "! " : " ");
}

static const char *report(const char *source) {
    struct module_scan scan;
    struct module_scan_error error;
    int status = module_scan(source, strlen(source), &scan, &error);
    if (status < 0) return scan_error(&error, status);
    text_len = 0;
    for (uint32_t i = 0; i < scan.requests_len; i++) {
        add_text(scan.requests[i].phase == MODULE_PHASE_SOURCE ? "source \"" : "\"", scan.requests[i].specifier);
        add_text(scan.requests[i].type.len ? "\":" : "\"", scan.requests[i].type);
        add(" ");
    }
    for (uint32_t i = 0; i < scan.imports_len; i++) {
        add_text("", scan.imports[i].local);
        add("<%u.", scan.imports[i].request);
        add_text(scan.imports[i].is_namespace ? "*" : "", scan.imports[i].name);
        add(" ");
    }
    for (uint32_t i = 0; i < scan.exports_len; i++) add_export(&scan.exports[i]);
    for (uint32_t i = 0; i < scan.stars_len; i++) add("*=%u ", scan.stars[i]);
    add("%s%s%s", scan.has_top_level_await ? "await " : "", scan.has_import_meta ? "meta " : "",
        scan.has_dynamic_import ? "dynamic " : "");
    if (text_len > 0) text[text_len - 1] = '\0';
    module_scan_done(&scan);
    return text_len > 0 ? text : "";
}

static const char *body(const char *source) {
    struct module_scan scan;
    struct module_scan_error error;
    int status = module_scan(source, strlen(source), &scan, &error);
    if (status < 0) return scan_error(&error, status);
    text_len = 0;
    add("%s", scan.body);
    module_scan_done(&scan);
    return text;
}

#define REPORTS(name, source, expected)                                                                                \
    TEST(name) {                                                                                                       \
        EXPECT_STR(report(source), expected);                                                                          \
    }
#define LEAVES(name, source, expected)                                                                                 \
    TEST(name) {                                                                                                       \
        EXPECT_STR(body(source), expected);                                                                            \
    }
#define REFUSES(name, source, expected) REPORTS(name, source, expected)

/* --- Imports ---------------------------------------------------------------------------------------------------- */

REPORTS(import_bare, "import 'm'", "\"m\"")
REPORTS(import_default, "import a from 'm'", "\"m\" a<0.default")
REPORTS(import_namespace, "import * as ns from \"m\";", "\"m\" ns<0.*")
REPORTS(import_named, "import {a, b as c,} from 'm'", "\"m\" a<0.a c<0.b")
REPORTS(import_default_and_named, "import d, {a} from 'm'", "\"m\" d<0.default a<0.a")
REPORTS(import_default_and_namespace, "import d, * as n from 'm'", "\"m\" d<0.default n<0.*")
REPORTS(import_nothing, "import {} from 'm'", "\"m\"")
REPORTS(import_reserved_name, "import {default as a, if as b} from 'm'", "\"m\" a<0.default b<0.if")
REPORTS(import_string_name, "import {'a b' as c, '*' as d} from 'm'", "\"m\" c<0.a b d<0.*")
REPORTS(import_contextual_names, "import {as, from, as as of, async as get} from 'm'",
        "\"m\" as<0.as from<0.from of<0.as get<0.async")
REPORTS(import_name_called_from, "import from from 'm'", "\"m\" from<0.default")
REPORTS(import_without_spaces, "import*as a from'm';import{b}from'n';import c,{d}from'o'",
        "\"m\" \"n\" \"o\" a<0.* b<1.b c<2.default d<2.d")
REPORTS(import_over_lines, "import /* x */ {\n a, // b\n c\n} /*\n*/ from\n'm'\nlet d", "\"m\" a<0.a c<0.c")
REPORTS(import_escaped_local, "import {a as \\u0062\\u{63}} from 'm'", "\"m\" bc<0.a")
REPORTS(import_escaped_specifier, "import '\\x2e/\\u0061\\\n\\u{1F600}\\ud83d\\ude00\\'\\n\\ud800'",
        "\"./a\xf0\x9f\x98\x80\xf0\x9f\x98\x80'\n\xef\xbf\xbd\"")
REPORTS(import_twice_the_same, "import {a} from 'm'; import {b} from 'm'", "\"m\" \"m\" a<0.a b<1.b")
REPORTS(import_attribute, "import a from 'm' with {type: 'json'}", "\"m\":json a<0.default")
REPORTS(import_attribute_old_form, "import a from 'm' assert {'type': \"json\",}", "\"m\":json a<0.default")
REPORTS(import_no_attributes, "import 'm' with {}", "\"m\"")
REPORTS(import_assert_on_new_line_is_code, "import 'm'\nassert\n{}", "\"m\"")
REPORTS(import_source_phase, "import source w from 'm'", "source \"m\" w<0.default")
REPORTS(import_source_phase_called_from, "import source from from 'm'", "source \"m\" from<0.default")
REPORTS(import_default_called_source, "import source from 'm'", "\"m\" source<0.default")
REPORTS(import_default_called_source_and_more, "import source, {a} from 'm'", "\"m\" source<0.default a<0.a")
REPORTS(import_after_code, "f()\nimport 'm'\n;[1]; import 'n'", "\"m\" \"n\"")
REPORTS(import_after_block, "{} import 'm'; if (a) {} import 'n'; do a(); while (b) import 'o'", "\"m\" \"n\" \"o\"")

LEAVES(body_of_import, "import a from 'm'; a()", ";                ; a()")
LEAVES(body_of_import_over_lines, "import {\n  a,\r\n b } from 'm'\n(a)", ";       \n    \r\n             \n(a)")
LEAVES(body_of_wide_import, "import \xc3\xa4 from '\xe2\x82\xac\xf0\x9f\x98\x80'; x",
       ";      \xc2\xa0       \xe3\x80\x80\xc2\xa0\xc2\xa0 ; x")
LEAVES(body_keeps_wide_line_break, "import a\xe2\x80\xa8 from 'm'", ";       \xe2\x80\xa8         ")

/* --- import() and import.meta ----------------------------------------------------------------------------------- */

REPORTS(dynamic_import, "const a = import('m')", "dynamic")
REPORTS(dynamic_import_as_statement, "import('m').then(f)", "dynamic")
REPORTS(dynamic_source_import, "import.source('m')", "dynamic")
REPORTS(import_meta, "import.meta.url", "meta")
REPORTS(import_meta_spread_out, "a = import /* x */ .\n meta", "meta")
REPORTS(import_as_names, "a.import('m'); a?.import(1); ({import: 1, import() {}, get import() {}}); a.import.meta", "")
REPORTS(import_as_method,
        "class A { import() {} static import(a) { } async *import() {} #import() { this.#import() } }", "")
REPORTS(import_as_field, "class A { import = 1\n import\n static import; x = 1\n import() {} }", "")
REPORTS(import_in_field, "class A { x = import('m') }", "dynamic")
REPORTS(import_in_object, "({a: import('m'), [import('m')]() { return import.meta }})", "meta dynamic")
REPORTS(import_in_template, "`${`${import('m')}`} import('x')`", "dynamic")
REPORTS(import_in_text, "'import(1)'; `import.meta`; /import(1)/; // import('x')\n/* import.meta */", "")

LEAVES(body_of_dynamic_import, "import('m').then(() => import.meta)", "$mf_im('m').then(() => $mf_im.meta)")
LEAVES(body_of_spread_meta, "import\n.meta", "$mf_im\n.meta")
LEAVES(body_of_broken_import, "f(import x)", "f(import x)")

/* --- Exports ---------------------------------------------------------------------------------------------------- */

REPORTS(export_const, "export const a = 1, b = 2", "a=a b=b")
REPORTS(export_let_and_var, "export let a; export var b", "a=a b=b")
REPORTS(export_functions, "export function a() {} export function* b() {} export async function c() {}", "a=a b=b c=c")
REPORTS(export_async_generator, "export async function*a(){}", "a=a")
REPORTS(export_class, "export class A {} export class B extends A {}", "A=A B=B")
REPORTS(export_list, "let a, b; export {a, b as c}", "a=a c=b")
REPORTS(export_list_of_later_names, "export {a, B, f}; const a = 1; class B {} function f() {}", "a=a B=B f=f")
REPORTS(export_hoisted_var,
        "export {a, b, c, d}; if (x) { var a } for (var b of x) { var {c} = b } try {} catch { var d }",
        "a=a b=b c=c d=d")
REPORTS(export_string_name, "let a; export {a as 'b c'}", "b c=a")
REPORTS(export_reserved_name, "let a; export {a as default, a as if}", "default=a if=a")
REPORTS(export_nothing, "export {}", "")
REPORTS(export_from, "export {a, b as c, default} from 'm'", "\"m\" a=0.a c=0.b default=0.default")
REPORTS(export_from_strings, "export {'a b' as c, d as 'e f', 'g'} from 'm'", "\"m\" c=0.a b e f=0.d g=0.g")
REPORTS(export_from_reserved, "export {if, default as else} from 'm'", "\"m\" if=0.if else=0.default")
REPORTS(export_from_with_attribute, "export {default} from 'm' with {type: 'json'}", "\"m\":json default=0.default")
REPORTS(export_star, "export * from 'm'; export*from'n'", "\"m\" \"n\" *=0 *=1")
REPORTS(export_star_as, "export * as a from 'm'; export * as 'b c' from 'm'; export * as default from 'm'",
        "\"m\" \"m\" \"m\" a=0.* b c=1.* default=2.*")
REPORTS(export_of_import, "import d, {a as b} from 'm'; import * as n from 'o'; export {b as c, n, d}",
        "\"m\" \"o\" d<0.default b<0.a n<1.* c=0.a n=1.* d=0.default")
REPORTS(export_of_later_import, "export {a}; import {a} from 'm'", "\"m\" a<0.a a=0.a")
REPORTS(export_object_pattern, "export const {a, b: c, d = {e: 1}, [f]: g, 'h': i, ...j} = k",
        "a=a c=c d=d g=g i=i j=j")
REPORTS(export_array_pattern, "export let [a, , b = [x], [c, {d}], ...[e]] = f, g = 1", "a=a b=b c=c d=d e=e g=g")
REPORTS(
    export_initialisers,
    "export const a = x => y, b = (c, d) => { const e = 1, f = 2 }, g = `${h},${{i: 1}.i}`, j = /,k=/, l = x ? y : z,"
    " m = function n() { var o, p }, q = class R { s = 1; t = 2 }, u = (v, w), X",
    "a=a b=b g=g j=j l=l m=m q=q u=u X=X")
REPORTS(export_ended_by_line_break, "export const a = 1\nb, c\nexport let d = () => {}\ne, f\nexport var g\nh",
        "a=a d=d g=g")
REPORTS(export_continued_over_lines, "export const a = b\n(c), d\n= e\n, f", "a=a d=d f=f")
REPORTS(export_escaped_name, "export const \\u0061b = 1; export {a\\u{62} as c}", "ab=ab c=ab")
REPORTS(export_wide_name, "export const \xc3\xa4\xe2\x82\xac = 1", "\xc3\xa4\xe2\x82\xac=\xc3\xa4\xe2\x82\xac")
REPORTS(export_using, "using a = f(); await using b = g(); export {a, b}", "a=a b=b await")
REPORTS(export_as_names, "a.export; ({export: 1, export() {}}); class A { export() {} export = 1 }", "")

LEAVES(body_of_export, "export const a = 1", ";      const a = 1")
LEAVES(body_of_export_list, "a\nexport {b as c}\n(d); let b", "a\n;              \n(d); let b")
LEAVES(body_of_export_from, "export * from 'm';export {a} from 'n';x", ";                ;;                  ;x")

/* --- export default --------------------------------------------------------------------------------------------- */

REPORTS(default_expression, "export default 1 + 2", "default=$mf_df")
REPORTS(default_object, "export default {a: 1, b() {}}", "default=$mf_df")
REPORTS(default_regex, "export default /}/", "default=$mf_df")
REPORTS(default_function, "export default function () {}", "default=$mf_df")
REPORTS(default_named_function, "export default function f() {}", "default=f")
REPORTS(default_named_class, "export default class A extends B {}", "default=A")
REPORTS(default_async, "export default async () => { await 1 }", "default=$mf_df")
REPORTS(default_async_name, "export default async\nfunction f() {}", "default=$mf_df")
REPORTS(default_and_its_name, "export default function f() {} export {f}", "default=f f=f")
REPORTS(default_class_called_extends, "export default class extends A {}", "default=$mf_df")

LEAVES(body_of_default_expression, "export default a", "let $mf_df=    a")
LEAVES(body_of_default_over_lines, "export\ndefault a", "let   \n$mf_df= a")
LEAVES(body_of_default_without_space, "export default[a]", "let $mf_df=   [a]")
LEAVES(body_of_default_function, "export default function () {}", "function $mf_df         () {}")
LEAVES(body_of_default_generator, "export default function* () {}", "function *$mf_df         () {}")
LEAVES(body_of_default_async, "export default async function() {}", "async function $mf_df        () {}")
LEAVES(body_of_default_async_generator, "export default async function*() {}", "async function *$mf_df        () {}")
LEAVES(body_of_default_function_below, "export default\nfunction() {}", "function      \n$mf_df  () {}")
LEAVES(body_of_default_function_on_three_lines, "export\ndefault\nfunction(){}", "      \n       \nfunction $mf_df(){}")
LEAVES(body_of_default_class, "export default class {}", "class $mf_df         {}")
LEAVES(body_of_default_class_over_lines, "export\ndefault\nclass extends A {}", "class \n$mf_df \n      extends A {}")
LEAVES(body_of_default_with_comment, "export /*\xc3\xa4*/ default function() {}",
       "function \xc2\xa0$mf_df             () {}")
LEAVES(body_of_default_named, "export default class A {}", ";              class A {}")

/* --- Mutable bindings ------------------------------------------------------------------------------------------- */

REPORTS(mutable_by_assignment, "export let a = 1; function f() { a = 2 }", "a=a!")
REPORTS(mutable_by_compound_assignment, "export let a, b, c; () => { a += 1; b ?\?= 1; c >>>= 1 }", "a=a! b=b! c=c!")
REPORTS(mutable_by_update, "export let a, b, c, d; () => { a++; --b; ++(c); (d)-- }", "a=a! b=b! c=c! d=d!")
REPORTS(mutable_by_array_pattern, "export let a, b, c, d; () => { [a, [b], c = 1, ...d] = e }", "a=a! b=b! c=c! d=d!")
REPORTS(mutable_by_object_pattern, "export let a, b, c, d; () => { ({a, x: b, y: {c}, ...d} = e) }",
        "a=a! b=b! c=c! d=d!")
REPORTS(mutable_by_loop, "export let a, b, c; () => { for (a of x); for (b in x); for ([c] of x); }", "a=a! b=b! c=c!")
REPORTS(mutable_in_parentheses, "export let a, b; () => { (a) = 1; [(b)] = x }", "a=a! b=b!")
REPORTS(mutable_function_and_class, "export function f() { f = 1 } export class A { static { A = 1 } }", "f=f! A=A!")
REPORTS(mutable_in_arrow, "export let a; const f = () => a = 1, g = 1", "a=a!")
REPORTS(mutable_in_field, "export let a; class A { x = a++ }", "a=a!")
REPORTS(mutable_in_method, "export let a, b; ({ f() { a = 1 }, get g() { b = 1 } })", "a=a! b=b!")
REPORTS(mutable_in_parameters, "export let a; function f(x = a++) {}", "a=a!")
REPORTS(mutable_by_eval, "export let a; export const b = 1; eval(x)", "a=a! b=b")
REPORTS(mutable_under_another_name, "let a; export {a as b, a as c}; function f() { a++ }", "b=a! c=a!")
REPORTS(mutable_by_escaped_name, "export let a; () => { \\u0061 = 1 }", "a=a!")
REPORTS(constant_never_mutable, "export const a = 1; function f(a) { a = 2 }", "a=a")
REPORTS(settled_by_module_code, "export let a; a = 1; if (x) a = 2; for (a of b); [a] = c; a++", "a=a")
REPORTS(settled_enumeration, "export var A; (function (A) { A[A.x = 0] = 'x' })(A || (A = {}))", "A=A")
REPORTS(not_mutable_by_properties, "export let a; () => { a.b = 1; a[0]++; ++a.b; x.a = 1; ({a: 1}); [a]; a == 1 }",
        "a=a")
REPORTS(not_mutable_by_declarations,
        "export let a, b, c; function f() { let a = 1; var {b} = x, [c] = y } function g(a = 1, {b} = {}, [c] = []) {}"
        " try {} catch ({a}) { for (const b of x); for (let [c] = y;;); }",
        "a=a b=b c=c")

/* --- Top-level await -------------------------------------------------------------------------------------------- */

REPORTS(await_top_level, "await f()", "await")
REPORTS(await_in_block, "if (a) { await f() }", "await")
REPORTS(await_loop, "for await (const a of b) {}", "await")
REPORTS(await_in_expression, "const a = [await f(), `${await g()}`]", "await")
REPORTS(await_in_function, "async function f() { await 1; for await (const a of b) {} }", "")
REPORTS(await_in_arrow, "const f = async x => await x, g = async () => { await 1 }", "")
REPORTS(await_after_arrow, "const f = async x => await x\nawait f()", "await")
REPORTS(await_after_arrow_in_list, "f(async x => x, await 1)", "await")
REPORTS(await_after_arrow_in_ternary, "a ? async x => x : await 1", "await")
REPORTS(await_in_method, "({async f() { await 1 }}); class A { async f() { await 1 } static async *g() { await 1 } }",
        "")
REPORTS(await_in_computed_name, "class A { [await 1]() {} }", "await")
REPORTS(await_in_heritage, "class A extends (await 1) {}", "await")
REPORTS(await_as_name, "a.await; ({await: 1, await() {}}); class A { await() {} }", "")
REPORTS(await_in_text, "'await'; /await/; `await`", "")

/* --- What a slash is -------------------------------------------------------------------------------------------- */

#define AFTER "; import 'm'"
REPORTS(slash_divides, "a / b / 'x'; a++ / 1 / '}'; (a) / 1 / '}'; a[0] / 1 / '}'" AFTER, "\"m\"")
REPORTS(slash_divides_after_literals, "1 / '/'; 'a' / '/'; `a` / '/'; /a/ / '/'; this / '/'; a.if / '/'" AFTER, "\"m\"")
REPORTS(slash_divides_after_object, "a = {} / '/'; f({} / '/'); a = function () {} / '/'; a = class {} / '/'" AFTER,
        "\"m\"")
REPORTS(slash_opens_regex, "a = /'/; f(/'/); [/'/]; !/'/; a ? /'/ : /'/; a && /'/; return_ => /'/" AFTER, "\"m\"")
REPORTS(slash_opens_regex_after_words, "typeof /'/; void /'/; a in /'/; a instanceof /'/; () => { return /'/ }" AFTER,
        "\"m\"")
REPORTS(slash_opens_regex_after_heads, "if (a) /'/.b; while (a) /'/.b; for (;;) /'/.b; else_: /'/.b" AFTER, "\"m\"")
REPORTS(slash_opens_regex_after_blocks,
        "{} /'/.b; function f() {} /'/.b; class A {} /'/.b; do {} while (a) /'/.b" AFTER, "\"m\"")
REPORTS(slash_opens_regex_after_arrow_block, "a = () => {}\n/'/.b" AFTER, "\"m\"")
REPORTS(slash_opens_regex_after_of, "for (const a of /'/.b) {}" AFTER, "\"m\"")
REPORTS(slash_opens_regex_after_label, "a: for (;;) { break a\n/'/.b }" AFTER, "\"m\"")
REPORTS(regex_with_class, "a = /[/'\\]]\\/'/gu" AFTER, "\"m\"")
REPORTS(numbers, "1..a / '/'; 1.e5 / '/'; .5 / '/'; 0x1f.a / '/'; 1_0n / '/'" AFTER, "\"m\"")
REPORTS(question_and_dots, "a?.5:'/'; a?.b / '/'; a?.[0] / '/'; a ?? /'/; [...a]" AFTER, "\"m\"")
REPORTS(templates, "`a${`b${{c: '}'}}`}` + `\\`${1}`" AFTER, "\"m\"")
REPORTS(strings, "'\\'' + \"\\\\\" + '\\\r\n' + '\xe2\x80\xa8'" AFTER, "\"m\"")
REPORTS(private_names, "class A { #a = 1; static f(o) { return #a in o / o.#a / '/' } }" AFTER, "\"m\"")
REPORTS(switch_cases, "switch (a) { case /'/: case b: { /'/ } default: /'/ }" AFTER, "\"m\"")
REPORTS(restricted_words, "() => { return\n{ /'/.a } }; function* f() { yield\n{ /'/.a } }" AFTER, "\"m\"")

LEAVES(hashbang, "#!/usr/bin/env node '\na", "///usr/bin/env node '\na")
LEAVES(byte_order_mark,
       "\xef\xbb\xbf"
       "a",
       "a")
LEAVES(html_open, "a<!--b", "a< !--b")
LEAVES(html_open_behind_space, "a <!--b", "a< !--b")
LEAVES(html_open_in_text, "'<!--'; `<!--`; /<!--/; // <!--", "'<!--'; `<!--`; /<!--/; // <!--")

/* --- Refusals --------------------------------------------------------------------------------------------------- */

REFUSES(refuse_string, "\n 'a\n'", "2:2 Unterminated string")
REFUSES(refuse_template, "x + `a${b}", "1:10 Unterminated template")
REFUSES(refuse_comment, "a /* b", "1:3 Unterminated comment")
REFUSES(refuse_regex, "a = /b\n/", "1:5 Unterminated regular expression")
REFUSES(refuse_brace_that_closes_the_function, "} {", "1:1 Unexpected token '}'")
REFUSES(refuse_breakout, "}), evil(), (function () {", "1:1 Unexpected token '}'")
REFUSES(refuse_crossed_brackets, "f([)]", "1:4 Unexpected token ')'")
REFUSES(refuse_semicolon_in_brackets, "a = (;\n)", "1:6 Unexpected token ';'")
REFUSES(refuse_open_end, "f({\n", "2:1 Unexpected end of module")
REFUSES(refuse_import_of_nothing, "import", "1:7 Unexpected end of module")
REFUSES(refuse_import_without_from, "import a 'm'", "1:10 Unexpected string")
REFUSES(refuse_import_of_number, "import a from 5", "1:15 Unexpected token '5'")
REFUSES(refuse_import_reserved_local, "import {a as if} from 'm'", "1:14 Unexpected token 'if'")
REFUSES(refuse_import_default_without_as, "import {default} from 'm'", "1:9 Unexpected token 'default'")
REFUSES(refuse_import_eval, "import eval from 'm'", "1:8 Unexpected token 'eval'")
REFUSES(refuse_import_string_without_as, "import {'a'} from 'm'", "1:9 Unexpected string")
REFUSES(refuse_import_followed_by_code, "import 'm' f()", "1:12 Unexpected token 'f'")
REFUSES(refuse_import_attribute, "import 'm' with {kind: 'x'}", "1:18 Import attribute 'kind' is not supported")
REFUSES(refuse_import_attribute_twice, "import 'm' with {type: 'x', type: 'y'}",
        "1:29 Duplicate import attribute 'type'")
REFUSES(refuse_import_local_twice, "import a from 'm'; import {a} from 'n'",
        "1:28 Cannot declare an imported binding name twice: 'a'")
REFUSES(refuse_escape_in_specifier, "import '\\u{110000}'", "1:8 Invalid escape in string")
REFUSES(refuse_octal_in_specifier, "import '\\07'", "1:8 Invalid escape in string")
REFUSES(refuse_half_a_character, "let a; export {a as '\\ud800'}",
        "1:21 A name in a string must be well-formed Unicode")
REFUSES(refuse_injected_name, "export const a\\u0028b = 1", "1:15 Invalid escape in identifier")
REFUSES(refuse_duplicate_export, "export const a = 1\nexport {a}", "2:9 Duplicate export of 'a'")
REFUSES(refuse_duplicate_default, "export default 1; export default 2", "1:26 Duplicate export of 'default'")
REFUSES(refuse_undeclared_export, "export {a}; { let a }", "1:9 Export 'a' is not defined in module")
REFUSES(refuse_export_of_string, "export {'a'}", "1:9 Unexpected string")
REFUSES(refuse_export_of_reserved, "export {if}", "1:9 Unexpected token 'if'")
REFUSES(refuse_export_of_expression, "export a + 1", "1:8 Unexpected token 'a'")
REFUSES(refuse_two_defaults_in_one, "export default a, b", "1:17 Unexpected token ','")
REFUSES(refuse_return, "if (a) return", "1:8 Unexpected token 'return'")
REFUSES(refuse_yield, "yield 1", "1:1 Unexpected token 'yield'")
REFUSES(refuse_html_close, "a\n--> b", "2:1 A module has no HTML comments: unexpected '-->'")
REFUSES(refuse_wide_column, "'\xf0\x9f\x98\x80\xc3\xa4'; }", "1:8 Unexpected token '}'")

/* --- Scripts ---------------------------------------------------------------------------------------------------- */

static const char *script_body(const char *source) {
    struct module_scan scan;
    struct module_scan_error error;
    int status = module_scan_script(source, strlen(source), &scan, &error);
    if (status < 0) return scan_error(&error, status);
    text_len = 0;
    add("%s%s", scan.body, scan.has_dynamic_import ? " // dynamic" : "");
    module_scan_done(&scan);
    return text;
}

#define SCRIPT_LEAVES(name, source, expected)                                                                          \
    TEST(name) {                                                                                                       \
        EXPECT_STR(script_body(source), expected);                                                                     \
    }

SCRIPT_LEAVES(script_import, "exports.f = () => import('m'); return",
              "exports.f = () => $mf_im('m'); return // dynamic")
SCRIPT_LEAVES(script_module_syntax, "import 'm'; export {a}; import.meta", "import 'm'; export {a}; import.meta")
SCRIPT_LEAVES(script_hashbang, "#!node\na", "//node\na")
SCRIPT_LEAVES(script_html_comments, "a <!-- '\n--> '\n/* */ --> '\nb --> c", "a <!-- '\n--> '\n/* */ --> '\nb --> c")
SCRIPT_LEAVES(script_await, "await / 1; '/'; import('m')", "await / 1; '/'; $mf_im('m') // dynamic")
SCRIPT_LEAVES(script_breakout, "}), evil(), (function () {", "1:1 Unexpected token '}'")

/* --- Places, sizes ---------------------------------------------------------------------------------------------- */

TEST(places) {
    struct module_scan scan;
    struct module_scan_error error;
    const char *source =
        "/* \xf0\x9f\x98\x80 */ import {a} from 'm'\r\nimport b\xe2\x80\xa9 from 'n'; export {x}; let x";
    EXPECT_INT(module_scan(source, strlen(source), &scan, &error), 0);
    EXPECT_INT(scan.imports[0].place.column, 18);
    EXPECT_INT(scan.requests[0].place.column, 26);
    EXPECT_INT(scan.imports[1].place.line, 2);
    EXPECT_INT(scan.requests[1].place.line, 3);
    EXPECT_INT(scan.requests[1].place.column, 7);
    EXPECT_INT(scan.exports[0].place.column, 20);
    module_scan_done(&scan);
}

TEST(every_beginning_of_a_module) {
    static const char source[] =
        "import a, {b as c} from 'm' with {type: 'json'}; export default async function* () { yield\n"
        "/x[/]/.test(`${a}`) } export const {d, e: [f = 1]} = {}; class A { static { a <!-- b } }"
        "export * as n from 'n'; for await (const x of import('y')) (y) = import.meta";
    for (size_t len = 0; len < sizeof source; len++) {
        struct module_scan scan = {0};
        struct module_scan_error error;
        char *exact = malloc(len ? len : 1);
        memcpy(exact, source, len);
        int status = module_scan(exact, len, &scan, &error);
        free(exact);
        EXPECT(status == 0 || status == -EINVAL);
        module_scan_done(&scan);
    }
}

/* Scans `part` as often as it fits into a megabyte. */
static int scan_repeated(const char *part) {
    size_t len = strlen(part), count = (1 << 20) / len;
    struct module_scan scan = {0};
    struct module_scan_error error;
    char *source = malloc(len * count);
    for (size_t i = 0; i < count; i++) memcpy(source + i * len, part, len);
    int status = module_scan(source, len * count, &scan, &error);
    free(source);
    module_scan_done(&scan);
    return status;
}

TEST(long_chains) {
    EXPECT_INT(scan_repeated("a?b:"), 0);
    EXPECT_INT(scan_repeated("import 'm';"), 0);
    EXPECT_INT(scan_repeated("if(a)b;else "), 0);
    EXPECT_INT(scan_repeated("()=>{a=1};"), 0);
    EXPECT_INT(scan_repeated("<!--a"), 0);
}

TEST(refuse_depth) {
    EXPECT_INT(scan_repeated("["), -EINVAL);
    EXPECT_INT(scan_repeated("a=>"), -EINVAL);
    EXPECT_INT(scan_repeated("`${"), -EINVAL);
    EXPECT_INT(scan_repeated("class "), -EINVAL);
    EXPECT_INT(scan_repeated("[[{a=[({"), -EINVAL);
}

TEST(refuse_size) {
    struct module_scan scan;
    struct module_scan_error error;
    EXPECT_INT(module_scan("", (size_t)MODULE_SOURCE_BYTES_MAX + 1, &scan, &error), -EFBIG);
}

TEST(zero_bytes_in_text) {
    struct module_scan scan;
    struct module_scan_error error;
    EXPECT_INT(module_scan("'\0'; import 'm\0n'", 17, &scan, &error), 0);
    EXPECT_INT(scan.body_len, 17);
    EXPECT_INT(scan.requests[0].specifier.len, 3);
    module_scan_done(&scan);
}

TEST_MAIN()
