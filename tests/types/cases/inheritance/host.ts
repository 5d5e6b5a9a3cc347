import * as workers from "cloudflare:workers";
import { Repository, type Key } from "./repository.ts";

interface User {
    id: string;
    name: string;
}

export class Users extends Repository<User> {
    /** Only a user's own. */
    override get(key: Key, strict = true): User {
        return { id: String(key), name: "" };
    }
    rename(id: Key, name: string): void {}
}

/** May do more. */
export class Admin extends Users {
    drop(): void {}
}

export const Plain = class extends workers.WorkerEntrypoint {
    hello(): string {
        return "hello";
    }
};

export class NotReached {
    method(): void {}
}

export default class extends workers.WorkerEntrypoint {
    users(): Repository<User> {
        return undefined as never;
    }
}
