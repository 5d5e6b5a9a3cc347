/* Memory whose pages the kernel may take without a word: not what a holder knows to restore (rewind.h). */
#include "tests/escape/escapes.h"
#include <sys/mman.h>

const char *escape_droppable_memory(void) {
    const int droppable = 0x08; /* newer than the headers of Debian 12 */
    void *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_ANONYMOUS | droppable, -1, 0);
    return at == MAP_FAILED ? NULL : "memory that may be dropped";
}
