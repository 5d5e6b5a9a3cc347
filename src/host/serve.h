#pragma once

/* `mayfly serve`; argv[0] is "serve". Returns the exit status. */
int serve_main(int argc, char **argv);

/* The same for a project that this program has made, in the directory that argv names; `config` is what its configuration
   says, as config_take has it. */
int serve_project(const char *config, int argc, char **argv);
