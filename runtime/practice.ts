// A host worker's cell practises what it is for while nobody asks for anything: code that the engine has not compiled yet
// costs thrice as much, and a server's first few hundred loads would pay for that. What is practised is a request whose
// handler loads a worker and asks it, on channels that lead nowhere: no cell runs, and nobody else hears of it. (The
// rehearsal is of what workers do, and the zygote's.)

import { Cell } from "./cells";
import { Channel, onFrame, register, unregister } from "./channel";
import { Entrypoints } from "./entrypoint";
import * as F from "./frames";
import { answerAsk } from "./http";
import { isQuiet } from "./leases";
import { Admission, OperatorLimits } from "./limits";
import { Home, WorkerLoader } from "./loader";
import { native } from "./web/host";
import { Request } from "./web/request";
import { Response } from "./web/response";
import { URL } from "./web/url";
import { setTimeout } from "./web/timers";

/** The engine compiles what has run some 330 times (engine_jsc.c), and optimizes it after some more; 0.6 s of CPU. */
const LOADS = 1500;
const LOADS_A_TURN = 8;
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
const REQUEST = { method: "GET", url: "http://practice/path?n=1", headers: [["accept", "*/*"]] };
const RESPONSE = { status: 200, statusText: "", headers: [["content-type", "text/plain"]] };
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

/** Whose workers run in a cell that is none. */
class PracticeHome extends Home {
    cell!: Cell;

    constructor() {
        super(":practice", true, new Admission(new OperatorLimits({}).defaults));
    }

    override takeCell(): Cell {
        return (this.cell = new Cell(CELL, CELL, { flags: 0, idle: [], waiting: [] }, nowhere));
    }
}

const home = new PracticeHome();
const loader = new WorkerLoader(home, null);

interface Service {
    fetch(request: Request): Promise<Response>;
}

/** What a host worker does: it asks the worker itself, and has it answer the request that came. */
const host = new Entrypoints(
    {
        default: {
            async fetch(request: Request): Promise<Response> {
                const { searchParams } = new URL(request.url);
                const stub = loader.load({
                    compatibilityDate: "2026-01-01",
                    mainModule: "main.js",
                    modules: { "main.js": `${SOURCE} // ${searchParams.get("n")}` },
                    env: { NAME: "practice" },
                    globalOutbound: null,
                });
                const entrypoint = stub.getEntrypoint() as unknown as Service;
                const answer = await entrypoint.fetch(new Request("http://practice/", { headers: { accept: "*/*" } }));
                const said = await answer.text();
                return said === BODY ? entrypoint.fetch(request) : Response.json({ said });
            },
        },
    },
    {},
);

function take(number: number, type: number, flags: number, id: number, head: object, tail?: Uint8Array): void {
    onFrame(number, type, flags, id, head, tail, undefined);
}

/** What comes next is some jobs away, or does not come. */
async function until(isSo: () => boolean): Promise<void> {
    for (let jobs = 0; !isSo(); jobs++) {
        if (jobs === JOBS_MAX) throw new Error("Practice came to nothing: the first loads will be slower.");
        await undefined;
    }
}

/** The frames of the client and of the cell, each once what comes before it has been sent. */
async function practiseLoad(): Promise<void> {
    const service: Service = { fetch: (request) => host.fetch(undefined, undefined, request) };
    const client = new Channel(CLIENT, false, { ...handler, fetch: (exchange, frame) => void answerAsk(exchange, frame, service) });
    register(client);
    take(CLIENT, F.FETCH, F.FIN | F.NOBODY, 2, REQUEST);
    const { channel } = home.cell;
    for (const id of [2, 4]) {
        await until(() => channel.active > 0);
        if (id === 2) take(CELL, F.STARTED, 0, 0, {});
        take(CELL, F.RESPONSE, F.FIN, id, RESPONSE, native.utf8Encode(BODY));
        await until(() => channel.active === 0);
    }
    await until(() => client.active === 0);
    unregister(client);
    unregister(channel);
}

let loads = 0;
let turns = 0;

async function practise(): Promise<void> {
    const isIdle = isQuiet();
    for (let i = 0; i < LOADS_A_TURN && isQuiet(); i++, loads++) await practiseLoad();
    if (loads < LOADS && ++turns < TURNS_MAX) setTimeout(() => void practise(), isIdle ? PAUSE_MS : BUSY_MS);
}

/** To be called once the host worker has started; its first request may follow at once. */
export function startPractice(): void {
    setTimeout(() => void practise(), BUSY_MS);
}
