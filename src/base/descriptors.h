/* One descriptor along with bytes, over a socket of this machine. */
#pragma once
#include <stddef.h>
#include <sys/types.h>

/* As send(2), with `fd`, which stays the caller's to close. */
ssize_t descriptors_send(int socket, const void *data, size_t len, int fd, int flags);

/* As recv(2); descriptors are closed on exec. `ret_fd`: the one that came, or -1: there was none, or no number left for it. */
ssize_t descriptors_recv(int socket, void *data, size_t len, int flags, int *ret_fd);
