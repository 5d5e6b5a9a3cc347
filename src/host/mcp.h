/* The command `mayfly mcp`. */
#pragma once
int mcp_main(int argc, char **argv);
