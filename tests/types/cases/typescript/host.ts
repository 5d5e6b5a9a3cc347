import { RpcTarget, WorkerEntrypoint } from "cloudflare:workers";
import type { Row, Color, Opts as Options } from "./rows";
import { z } from "zod";
import * as shapes from "./shapes.ts";

interface Env {
    LOADER: WorkerLoader;
}

/** A counter that lives on. */
class Counter extends RpcTarget {
    #n = 0;
    field = 7;
    /** Adds, and tells the sum. */
    add(k = 1): number {
        return (this.#n += k);
    }
    /** The sum. */
    get value(): number {
        return this.#n;
    }
    set value(n: number) {
        this.#n = n;
    }
    get isZero() {
        return this.#n === 0;
    }
}

const schema = z.object({});

/**
 * The database of one user.
 *
 * How it is built is nobody's business.
 */
export class Database extends WorkerEntrypoint<Env, { user: string }> {
    /**
     * Finds rows.
     *
     * @param query what to look for
     * @param options how many, and in which order
     */
    async find<T extends Row>(query: string, options: Options = {}): Promise<T[]> {
        return [];
    }
    counter() {
        return new Counter();
    }
    counters(): Promise<Counter[]> {
        return Promise.resolve([]);
    }
    open(name?: string): Promise<Counter> {
        return Promise.resolve(new Counter());
    }
    /** Calls back for each row; a destructured parameter gets a name. */
    each(f: (row: Row) => void | Promise<void>, { from, to }: { from: number; to?: shapes.Shape }): void {}
    maker(step: number): (n: number) => number {
        return (n) => n + step;
    }
    color(color: Color, red: Color.Red, parsed: z.infer<typeof schema>): "none" | Promise<Color | null> {
        return "none";
    }
    late(first = 1, second: string): boolean {
        return true;
    }
    over(a: string): string;
    over(a: number): number;
    over(a: unknown): unknown {
        return a;
    }
    "list-all"(...names: string[]): ReadableStream<Uint8Array> {
        return new ReadableStream();
    }
    isRow(value: unknown): value is Row {
        return false;
    }
    unknownGlobal(value: DurableObjectState, stub: RpcStub<Counter>): typeof schema {
        return schema;
    }
    fetch(request: Request): Response {
        return new Response(request.url);
    }

    private secret(): void {}
    protected hidden(): void {}
    #mine(): void {}
    /** @internal */
    internal(): void {}
    static make(): void {}
    alarm(): void {}
    dup(): void {}
    field = () => 1;
    [Symbol.dispose](): void {}
}

export default {
    async fetch(request: Request, env: Env, ctx: ExecutionContext) {
        const worker = env.LOADER.load({
            mainModule: "main.js",
            modules: {},
            env: { DB: ctx.exports.Database({ props: { user: "ann" } }), GREETING: "hello", NESTED: { n: 1, on: true } },
        });
        return worker.getEntrypoint().fetch(request);
    },
};
