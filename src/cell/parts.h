/* The rare parts of the runtime, and the natives that only they use. */
#pragma once
#include "cell/cell.h"

void cell_parts_add(struct cell *cell);

/* native.crypto(operation, ...), for runtime/subtle. */
void cell_crypto_add(struct cell *cell);

/* native.codec(operation, ...), for runtime/compression. */
void cell_compression_add(struct cell *cell);

/* native.socket(operation, ...), for runtime/websocket. */
void cell_websocket_add(struct cell *cell);
