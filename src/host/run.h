#pragma once

/* `mayfly run`; argv[0] is "mayfly run". Returns the exit status. */
int run_main(int argc, char **argv);
