/* The zygote's holders (rewind.h): who waits for a job, who has which cell. Used by the zygote alone. */
#pragma once
#include "cell/rewind.h"

/* Before the jail. See rewind_prepare. Without holders, cells are forked. */
int holders_prepare(int *ret_proc_fd);

/* Once, after rewind_point has returned in the zygote. `are_there`: whether it could. */
void holders_start(bool are_there);

/* Where holders report what cannot wait, and where what can: that a cell was made, or ended in order. -1 without any. */
int holders_fd(void);
int holders_fd_of_order(void);

/* Whether jobs may be given at all, and whether one must be forked for those that were and some further ones. */
bool holders_are_there(void);
bool holders_lack(int further);

/* Forks a holder. Returns 0 or a negative errno. */
int holders_fork(void);

/* Has the next free holder make a cell with this socket, which stays the caller's to close. Returns 0 or a negative errno. */
int holders_give(uint32_t cell, int fd);

/* Nothing will be heard of this job's cell any more: it, or the holder that had taken the job, ended before it could tell. Returns
   whether there was such a job. */
bool holders_forget(uint32_t cell);

/* Reads the next report and keeps account of it. Returns whether there was one; what it says of a cell is the caller's to
   remember. */
bool holders_read(struct holder_msg *ret);

/* The holder of this cell ends, whose address space is then the cell's alone. */
void holders_give_up(pid_t pid);

/* Whether the process that has ended was a holder. `ret_cell`: its cell, of whose end it can tell no more; or 0. */
bool holders_ended(pid_t pid, pid_t *ret_cell);

/* When holders cannot be (one ended before it ever waited): the next job that none took. Returns its descriptor, or -1. */
int holders_take_back(uint32_t *ret_cell);
