#pragma once

/* `mayfly types`; argv[0] is "mayfly types". Returns the exit status. */
int types_main(int argc, char **argv);
