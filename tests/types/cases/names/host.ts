import { WorkerEntrypoint } from "cloudflare:workers";
import type { Options as Theirs, Request as Wish } from "./other.ts";

interface Env {
    secret: string;
}
type Options = { mine: true; __proto__?: null };

export class Api extends WorkerEntrypoint {
    both(mine: Options, theirs: Theirs, wish: Wish, env: Env): Promise<void> {
        return Promise.resolve();
    }
    shadow<Options>(value: Options): Options {
        return value;
    }
    infers(value: unknown): typeof value extends (infer Env)[] ? Env : never {
        return undefined as never;
    }
    delete(class_: string): void {}
    __proto__(): void {}
    then(): void {}
    "with space"(): void {}
    "*/ evil"(): void {}
    /** Ends the comment: *\/ and goes on. */
    0(): void {}
    fetch(request: Request): Response {
        return new Response();
    }
}
