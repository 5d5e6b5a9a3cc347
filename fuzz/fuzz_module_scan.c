/* Feeds arbitrary bytes to the module scanner (libFuzzer). What it promises of every scan is checked: indexes in
   range, no NUL lost, a body that is the source's length but for insertions, and as many lines. */
#include "base/macros.h"
#include "cell/module_scan.h"
#include <string.h>

static size_t count_breaks(const char *text, size_t len) {
    size_t count = 0;
    for (size_t i = 0; i < len; i++) count += text[i] == '\n';
    return count;
}

static void check_scan(const struct module_scan *scan, const char *source, size_t len) {
    bool has_mark = len >= 3 && memcmp(source, "\xef\xbb\xbf", 3) == 0;
    CHECK(scan->body_len >= len - (has_mark ? 3 : 0));
    CHECK(scan->body[scan->body_len] == '\0');
    CHECK(count_breaks(scan->body, scan->body_len) == count_breaks(source, len));
    for (uint32_t i = 0; i < scan->imports_len; i++) CHECK(scan->imports[i].request < scan->requests_len);
    for (uint32_t i = 0; i < scan->stars_len; i++) CHECK(scan->stars[i] < scan->requests_len);
    for (uint32_t i = 0; i < scan->exports_len; i++) {
        const struct module_export *export = &scan->exports[i];
        CHECK((export->request == MODULE_LOCAL) == (export->local.len > 0));
        CHECK(export->request == MODULE_LOCAL || export->request < scan->requests_len);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
    struct module_scan scan;
    struct module_scan_error error;
    if (module_scan((const char *)data, len, &scan, &error) == 0) {
        check_scan(&scan, (const char *)data, len);
        module_scan_done(&scan);
    }
    if (module_scan_script((const char *)data, len, &scan, &error) == 0) {
        check_scan(&scan, (const char *)data, len);
        CHECK(scan.requests_len == 0 && scan.exports_len == 0 && !scan.has_import_meta && !scan.has_top_level_await);
        module_scan_done(&scan);
    }
    return 0;
}
