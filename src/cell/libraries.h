/* The libraries of a cell. The engine's library comes with two dozen others, most of which only its unused parts call; each costs
   every fork five mappings to copy and to undo, and offers an attacker its code. */
#pragma once

/* In the zygote, when all is loaded: keeps out of every fork the libraries that no cell calls. Returns how many mappings
   that were. Their code is not there in a cell: a call to it ends the cell with SIGSEGV. */
int libraries_leave_behind(void);
