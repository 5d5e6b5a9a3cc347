/* An event loop that looks for work before it sleeps (base/patience.h): the supervisor's and egress's, through which every
   request goes. */
#pragma once
#include <uv.h>

/* Runs until nothing is left to wait for, like uv_run(loop, UV_RUN_DEFAULT). */
void loop_run(uv_loop_t *loop);
