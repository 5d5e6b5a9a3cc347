/* The reader of cells' JSON: no input may make it read beyond its end; what it accepts can be picked apart. */
#include "host/json_text.h"
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct json_slice value, member;
    if (json_text_check((const char *)data, size, &value) < 0) return 0;
    char cut[7];
    json_text_decode(value, cut, sizeof cut);
    free(json_text_copy(value));
    if (!json_text_member(value, "a", &member)) return 0;
    /* A member of a checked text is a checked text. */
    if (json_text_check(member.data, member.len, &value) < 0) abort();
    free(json_text_copy(member));
    return 0;
}
