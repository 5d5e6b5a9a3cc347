/* /dev/urandom without a descriptor: the engine opens it at its start and reads it for ever after. open and read are
   symbols of the cell's binary that stand before libc's; of that one file they make the kernel's getrandom. Runs in the
   zygote and in cells. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* A number that no descriptor has: the kernel's largest is far smaller. */
#define RANDOM_FD 0x7fffff00

#define IN_PLACE_OF(name) __asm__(name) __attribute__((visibility("default"), used))

int open_for_engine(const char *path, int flags, ...) IN_PLACE_OF("open");
ssize_t read_for_engine(int fd, void *out, size_t len) IN_PLACE_OF("read");

int open_for_engine(const char *path, int flags, ...) {
    va_list args;
    va_start(args, flags);
    int mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(args, int) : 0;
    va_end(args);
    if (strcmp(path, "/dev/urandom") == 0) return RANDOM_FD;
    return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

ssize_t read_for_engine(int fd, void *out, size_t len) {
    return fd == RANDOM_FD ? syscall(SYS_getrandom, out, len, 0) : syscall(SYS_read, fd, out, len);
}
