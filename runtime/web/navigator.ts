// navigator, which says what Cloudflare's says: much code tells Workers from other places by it.

import { brand } from "./brand";
import { lazy } from "./lazy";

declare const require: (path: string) => unknown;

const construct = Symbol("construct");
const context = lazy(() => require("../context") as typeof import("../context"));

export class Navigator {
    constructor(token?: unknown) {
        if (token !== construct) {
            throw new TypeError("Illegal constructor");
        }
    }
    get userAgent(): string {
        return "Cloudflare-Workers";
    }
    get hardwareConcurrency(): number {
        return 1;
    }
    get language(): string {
        return "en";
    }
    get languages(): readonly string[] {
        return Object.freeze(["en"]);
    }
    get platform(): string {
        return "";
    }

    /** The request outlives the call that sends it; its answer is nobody's. */
    sendBeacon(url: unknown, data?: unknown): boolean {
        const { fetch } = globalThis as unknown as { fetch(url: unknown, init: object): Promise<unknown> };
        context().waitUntil(fetch(url, { method: "POST", body: data }));
        return true;
    }
}
brand(Navigator, "Navigator", ["userAgent", "hardwareConcurrency", "language"]);

export const navigator = new Navigator(construct);
