/* Where the programs of mayfly find one another. Used by the command line and by libmayfly. */
#pragma once
#include <stddef.h>

/* The cell binary: $MAYFLY_CELL, else "mayfly-cell" in the directory of the running program. Returns 0 or
 * -ENAMETOOLONG. */
int paths_cell_binary(char *out, size_t out_len);

/* The egress binary: $MAYFLY_EGRESS, else "mayfly-egress" likewise. */
int paths_egress_binary(char *out, size_t out_len);
