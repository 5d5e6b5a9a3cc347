#pragma once

/* `mayfly serve`; argv[0] is "serve". Returns the exit status. */
int serve_main(int argc, char **argv);
