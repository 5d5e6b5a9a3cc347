// The runtime's bundle begins here. It is evaluated once, in the zygote; everything that belongs to one cell happens
// later, in the handlers.

import "./symbols";
import type { Native } from "./native";
import { onClosed, onFrame, register } from "./channel";
import { fetch } from "./fetch";
import { Fetcher } from "./rpc/stubs";
import { worker } from "./worker";
import { rehearse } from "./rehearsal";
import { reseed } from "./random";
import { hooks } from "./web/host";
import { install, installParts } from "./web/install";
import { onTimer } from "./web/timers";
import { define } from "./web/lazy";
import { dispatchRejection } from "./web/global";
import { restrictWebAssembly } from "./webassembly";

declare const __native: Native;

install(__native);
define(globalThis, "fetch", fetch);
define(globalThis, "Fetcher", Fetcher);
reseed();
restrictWebAssembly();
__native.forbidEval("Code generation from strings disallowed for this context");
register(worker.channel);

__native.handlers({
    frame: onFrame,
    closed: onClosed,
    timer: onTimer,
    warm: rehearse,
    stuck: () => worker.stuck(),
    rejection(promise, reason) {
        hooks.enter?.();
        if (dispatchRejection("unhandledrejection", promise, reason)) {
            hooks.report(reason);
        }
    },
});

installParts();
