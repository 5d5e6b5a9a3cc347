// A host worker's cell practises what it is for while nobody asks for anything: code that the engine has not compiled yet
// costs thrice as much, and a server's first few hundred loads would pay for that. What is practised are requests whose
// handler loads a worker and asks it, or calls it and is called back, on channels that lead nowhere: no cell runs, and
// nobody else hears of it. (The rehearsal is of what workers do, and the zygote's.)

import { Cell } from "./cells";
import { Channel, type ChannelHandler, onFrame, register, unregister } from "./channel";
import { Entrypoints } from "./entrypoint";
import type { Exchange } from "./exchange";
import * as F from "./frames";
import { answerAsk } from "./http";
import { isQuiet } from "./leases";
import { Admission, OperatorLimits } from "./limits";
import { Home, WorkerLoader } from "./loader";
import { encode } from "./rpc/encoder";
import type { Service } from "./rpc/target";
import { native } from "./web/host";
import { Request } from "./web/request";
import { Response } from "./web/response";
import { URL } from "./web/url";
import { setTimeout } from "./web/timers";

/** The engine compiles what has run some 330 times (engine_jsc.c), and optimizes it after some more; 0.7 s of CPU. */
const LOADS = 1500;
const LOADS_A_TURN = 8;
/** One load of so many is called. */
const CALLED = 4;
/** What a called worker calls back, one after the other. */
const CALLBACKS = 3;
/** Between two turns, and after one in which there was something to do. */
const PAUSE_MS = 4;
const BUSY_MS = 100;
/** A host worker that always has something to do learns by that. */
const TURNS_MAX = 2 * (LOADS / LOADS_A_TURN);

const JOBS_MAX = 200;

/** Channels and cells have numbers from 0 on. */
const CLIENT = -1;
const CELL = -2;

const SOURCE = "export default { fetch(request, env) { return new Response(env.NAME); } };";
const CALL_PATH = "/call";
/** Heads are JSON, as in frames: of other objects than what is parsed, code that was optimized would know nothing. */
const requestTo = (path: string, headers: string[][]) => JSON.stringify({ method: "GET", url: `http://practice${path}?n=1`, headers });
const HEADERS = [["host", "practice"], ["accept", "*/*"], ["user-agent", "practice"]];
const REQUESTS = [requestTo("/path", HEADERS.slice(0, 1)), requestTo("/path", HEADERS)];
const CALL = requestTo(CALL_PATH, HEADERS.slice(0, 2));
const STARTED = JSON.stringify({});
const RESPONSES = [
    JSON.stringify({ status: 200, statusText: "", headers: [["content-type", "text/plain;charset=UTF-8"]] }),
    JSON.stringify({ status: 200, statusText: "", headers: [["content-type", "application/json"], ["cache-control", "no-store"]] }),
];
const BODY = "practice";

const handler = {
    fetch() {},
    frame() {},
    closed() {},
    bootstrap: {
        entrypoint(): never {
            throw new Error("Nobody is there.");
        },
    },
};

const nowhere = new Channel(CLIENT, false, handler);

/** The last that was taken: workers run in a cell that is none. */
let cell: Cell | undefined;

const takeCell = (): Cell => (cell = new Cell(CELL, CELL, { flags: 0, idle: [], waiting: [] }, nowhere));
const loaderWith = (take: () => Cell): WorkerLoader =>
    new WorkerLoader(new Home(":practice", true, new Admission(new OperatorLimits({}).defaults), take), null);

// Of whatever is not the same in a host worker there are two kinds: code that was optimized for one alone would be of no use for others.
const loaders = [loaderWith(takeCell), loaderWith(() => takeCell())];

interface Practised {
    fetch(request: Request): Promise<Response>;
    each(add: (numbers: Numbers) => { sum: number }): Promise<{ sum: number }>;
}

interface Numbers {
    a: number;
    b: number;
}

const add = ({ a, b }: Numbers): { sum: number } => ({ sum: a + b });

/** What a host worker does: it asks the worker itself, and has it answer the request that came; or calls it. */
const worker = {
    async fetch(request: Request): Promise<Response> {
        const { pathname, searchParams } = new URL(request.url);
        const stub = loaders[(loads >> 1) % loaders.length]!.load({
            compatibilityDate: "2026-01-01",
            mainModule: "main.js",
            modules: { "main.js": `${SOURCE} // ${searchParams.get("n")}` },
            env: { NAME: "practice" },
            globalOutbound: null,
        });
        const entrypoint = stub.getEntrypoint() as unknown as Practised;
        if (pathname === CALL_PATH) return Response.json(await entrypoint.each(add));
        const answer = await entrypoint.fetch(new Request("http://practice/", { headers: { accept: "*/*" } }));
        const said = await answer.text();
        return said === BODY ? entrypoint.fetch(request) : Response.json({ said });
    },
};

const hosts = [new Entrypoints({ default: worker }, {}), new Entrypoints({ Other: class {}, default: worker }, {})];

class Front implements ChannelHandler {
    frame = handler.frame;
    closed = handler.closed;
    bootstrap = handler.bootstrap;

    fetch(exchange: Exchange, frame: F.Frame): void {
        exchange.isFromOutside = true;
        const host = hosts[loads % hosts.length]!;
        const fetches = [async (request: Request) => host.fetch(undefined, undefined, request), (request: Request) => host.fetch(undefined, undefined, request)];
        void answerAsk(exchange, frame, { call: () => undefined, fetch: fetches[(loads >> 1) % fetches.length], connect: undefined } as Service);
    }
}

const fronts: ChannelHandler[] = [new Front(), { ...handler, fetch: (exchange, frame) => new Front().fetch(exchange, frame) }];

function take(number: number, type: number, flags: number, id: number, head: string, tail?: Uint8Array): void {
    onFrame(number, type, flags, id, JSON.parse(head) as object, tail, undefined);
}

/** What comes next is some jobs away, or does not come. */
async function until(isSo: () => boolean): Promise<void> {
    for (let jobs = 0; !isSo(); jobs++) {
        if (jobs === JOBS_MAX) throw new Error("Practice came to nothing: the first loads will be slower.");
        await undefined;
    }
}

/** The cell's answers to the two requests. */
async function answerFetches(): Promise<void> {
    const { channel } = cell!;
    for (const id of [2, 4]) {
        await until(() => channel.active > 0);
        if (id === 2) take(CELL, F.STARTED, 0, 0, STARTED);
        take(CELL, F.RESPONSE, F.FIN, id, RESPONSES[loads % RESPONSES.length]!, native.utf8Encode(BODY));
        await until(() => channel.active === 0);
    }
}

/** The cell's calls of what it was given, and its answer. */
async function answerCall(): Promise<void> {
    const { channel } = cell!;
    await until(() => channel.unanswered > 0);
    take(CELL, F.STARTED, 0, 0, STARTED);
    for (let call = 1; call <= CALLBACKS; call++) {
        const push = ["push", ["pipeline", -1, [], encode([{ a: call, b: 1 }], "rpc").head]];
        take(CELL, F.RPC, 0, 0, JSON.stringify(call === 1 ? push : [...push, [call - 1]]));
        await until(() => channel.unanswered + channel.owed === 1);
    }
    take(CELL, F.RPC, 0, 0, JSON.stringify(["release", -1]));
    take(CELL, F.RPC, 0, 0, JSON.stringify(["resolve", 2, encode({ sum: 1 }, "rpc").head]));
}

/** The frames of the client and of the cell, each once what comes before it has been sent. */
async function practiseLoad(isCalled: boolean, client: Channel): Promise<void> {
    register(client);
    take(CLIENT, F.FETCH, F.FIN | F.NOBODY, 2, isCalled ? CALL : REQUESTS[loads % REQUESTS.length]!);
    await (isCalled ? answerCall() : answerFetches());
    await until(() => client.isEmpty);
    unregister(client);
    unregister(cell!.channel);
}

let loads = 0;
let turns = 0;

/** Where it comes to nothing, since the host worker has replaced what is practised, nothing stays under way: no lease, above all. */
async function practiseLoadOrEnd(): Promise<void> {
    const client = new Channel(CLIENT, false, fronts[loads % fronts.length]!);
    try {
        await practiseLoad(loads % CALLED === 0, client);
    } catch (error) {
        unregister(client);
        client.lost(error);
        if (cell !== undefined) unregister(cell.channel);
        cell?.abandon(error);
        throw error;
    }
}

async function practise(): Promise<void> {
    const isIdle = isQuiet();
    for (let i = 0; i < LOADS_A_TURN && isQuiet(); i++, loads++) await practiseLoadOrEnd();
    if (loads < LOADS && ++turns < TURNS_MAX) setTimeout(() => void practise(), isIdle ? PAUSE_MS : BUSY_MS);
    else if (loads === LOADS) native.collect(true); // what is left of it, which one of the first requests would wait for
}

/** To be called once the host worker has started; its first request may follow at once. */
export function startPractice(): void {
    setTimeout(() => void practise(), BUSY_MS);
}
