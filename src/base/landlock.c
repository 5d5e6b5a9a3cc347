#include "base/landlock.h"
#include <errno.h>
#include <linux/landlock.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The whole of struct landlock_ruleset_attr, of which the headers of Debian 12 have the first field. A kernel that does
   not know a field must not be given it, unless it is zero. */
struct ruleset {
    uint64_t files, network, scopes;
};

static struct ruleset everything(long version) {
    struct ruleset all = {.files = (1u << 13) - 1};
    if (version >= 2) all.files |= 1u << 13; /* links and renames to elsewhere */
    if (version >= 3) all.files |= 1u << 14; /* truncation */
    if (version >= 5) all.files |= 1u << 15; /* ioctl on devices */
    if (version >= 4) all.network = 3;       /* bind and connect of TCP */
    if (version >= 6) all.scopes = LANDLOCK_SCOPE_ABSTRACT_SOCKETS | LANDLOCK_SCOPE_SIGNALS;
    return all;
}

int landlock_new(bool has_network, uint64_t scopes) {
    long version = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    if (version <= 0) return version < 0 ? -errno : -ENOSYS;
    struct ruleset all = everything(version);
    all.scopes &= scopes;
    if (!has_network) all.network = 0;
    int ruleset = (int)syscall(SYS_landlock_create_ruleset, &all, sizeof all, 0);
    return ruleset < 0 ? -errno : ruleset;
}

bool landlock_let_read(int ruleset, int directory) {
    struct landlock_path_beneath_attr rule = {.allowed_access = LANDLOCK_ACCESS_FS_READ_FILE, .parent_fd = directory};
    return syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) == 0;
}

bool landlock_enter(int ruleset) {
    bool holds = syscall(SYS_landlock_restrict_self, ruleset, 0) == 0;
    close(ruleset);
    return holds;
}
