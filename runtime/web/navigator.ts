// navigator, which says what Cloudflare's says: much code tells Workers from other places by it.

import { brand } from "./brand";

const construct = Symbol("construct");

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
}
brand(Navigator, "Navigator", ["userAgent", "hardwareConcurrency", "language"]);

export const navigator = new Navigator(construct);
