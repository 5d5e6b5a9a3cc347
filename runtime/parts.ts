// Parts of the runtime that few workers need. A part is a bundle of its own (runtime/<part>/main.ts), kept outside the
// engine until a cell first asks for it; what it imports from runtime/web it shares with this bundle, through here.

import * as channelModule from "./channel";
import * as httpModule from "./http";
import * as encoderModule from "./rpc/encoder";
import * as hookModule from "./rpc/hook";
import * as argumentsModule from "./web/arguments";
import * as bodyModule from "./web/body";
import * as brandModule from "./web/brand";
import * as bytesModule from "./web/bytes";
import * as hostModule from "./web/host";
import * as contextModule from "./context";
import * as membersModule from "./rpc/members";
import * as stubsModule from "./rpc/stubs";
import * as lazyModule from "./web/lazy";
import * as requestModule from "./web/request";
import * as responseModule from "./web/response";
import * as recordModule from "./modules/record";
import * as syntheticModule from "./modules/synthetic";
import * as timersModule from "./web/timers";
import { native } from "./web/host";
import { lazy } from "./web/lazy";

declare const require: (path: string) => unknown;

/** What parts may import, by the words of their import statements. */
const shared: Readonly<Record<string, () => unknown>> = {
    "../web/arguments": () => argumentsModule,
    "../web/body": () => bodyModule,
    "../web/brand": () => brandModule,
    "../web/bytes": () => bytesModule,
    "../modules/record": () => recordModule,
    "../modules/synthetic": () => syntheticModule,
    "../async/main": () => contexts(),
    "../node/main": () => nodeModules(),
    "../nodestream/main": () => streamModules(),
    "../channel": () => channelModule,
    "../context": () => contextModule,
    "../http": () => httpModule,
    "../rpc/encoder": () => encoderModule,
    "../rpc/hook": () => hookModule,
    "../rpc/members": () => membersModule,
    "../rpc/stubs": () => stubsModule,
    "../web/clone": () => require("./web/clone"),
    "../web/blob": () => require("./web/blob"),
    "../web/domexception": () => require("./web/domexception"),
    "../web/events": () => require("./web/events"),
    "../web/format": () => require("./web/format"),
    "../web/host": () => hostModule,
    "../web/inspect": () => require("./web/inspect"),
    "../web/lazy": () => lazyModule,
    "../web/request": () => requestModule,
    "../web/response": () => responseModule,
    "../web/timeout": () => require("./web/timeout"),
    "../web/timers": () => timersModule,
    "../web/performance": () => require("./web/performance"),
    "../web/streams": () => require("./web/streams"),
};

interface Module {
    exports: unknown;
}

type PartFunction = (require: (path: string) => unknown, module: Module, exports: unknown) => void;

/** The exports of a part, which is evaluated now: callers keep it with lazy(). */
export function part<T>(name: string): T {
    const module: Module = { exports: {} };
    const evaluate = native.part(name) as PartFunction;
    evaluate(
        (path) => {
            const load = shared[path];
            if (load === undefined) throw new Error(`The part ${name} may not import ${path}.`);
            return load();
        },
        module,
        module.exports,
    );
    return module.exports as T;
}

/** The asynchronous contexts, which the part for Node's modules shares. */
export const contexts = lazy(() => part<typeof import("./async/main")>("async"));

/** What strips types. */
export const typescript = lazy(() => part<typeof import("./typescript/main")>("typescript"));

/** Node's modules. */
export const nodeModules = lazy(() => part<typeof import("./node/main")>("node"));

const streamModules = lazy(() => part("nodestream"));
