import { WorkerEntrypoint as Entrypoint } from "cloudflare:workers";

export type Key = string | number;

/** What all repositories can. */
export abstract class Repository<T extends { id: string }> extends Entrypoint {
    /** One by its key. */
    get(key: Key): T | undefined {
        return undefined;
    }
    abstract all(): Promise<T[]>;
    map<U>(f: (one: T) => U): U[] {
        return [];
    }
}
