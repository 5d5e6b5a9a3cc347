// The full URL parser, from whatwg-url; its state machine only, since the URL class is our own. Reached for URLs that
// url-parts.ts does not recognise.

import {
    basicURLParse, cannotHaveAUsernamePasswordPort, hasAnOpaquePath, serializeHost, serializePath, serializeURL,
    serializeURLOrigin, setThePassword, setTheUsername, type UrlRecord,
} from "whatwg-url/lib/url-state-machine.js";
import type { Parts } from "./url-parts";

export type { UrlRecord } from "whatwg-url/lib/url-state-machine.js";

/** Parses against a serialised base, if there is one; null if it is no URL. */
export function parseRecord(input: string, base?: string): UrlRecord | null {
    const baseURL = base === undefined ? null : basicURLParse(base);
    return basicURLParse(input, { baseURL });
}

/** What the accessors of a URL show of a record. */
export function partsOf(record: UrlRecord): Parts {
    return {
        href: serializeURL(record),
        origin: serializeURLOrigin(record),
        protocol: `${record.scheme}:`,
        username: record.username,
        password: record.password,
        hostname: record.host === null ? "" : serializeHost(record.host),
        port: record.port === null ? "" : String(record.port),
        pathname: serializePath(record),
        search: record.query === null || record.query === "" ? "" : `?${record.query}`,
        hash: record.fragment === null || record.fragment === "" ? "" : `#${record.fragment}`,
    };
}

function override(record: UrlRecord, value: string, stateOverride: string): void {
    basicURLParse(value, { url: record, stateOverride });
}

function unlessOpaque(record: UrlRecord, value: string, stateOverride: string): void {
    if (!hasAnOpaquePath(record)) {
        override(record, value, stateOverride);
    }
}

/** What the setter of each component does to a record, after the URL standard's "API" section. */
const setters: Record<string, (record: UrlRecord, value: string) => void> = {
    protocol: (record, value) => override(record, `${value}:`, "scheme start"),
    username(record, value) {
        if (!cannotHaveAUsernamePasswordPort(record)) {
            setTheUsername(record, value);
        }
    },
    password(record, value) {
        if (!cannotHaveAUsernamePasswordPort(record)) {
            setThePassword(record, value);
        }
    },
    host: (record, value) => unlessOpaque(record, value, "host"),
    hostname: (record, value) => unlessOpaque(record, value, "hostname"),
    port(record, value) {
        if (cannotHaveAUsernamePasswordPort(record)) {
            return;
        }
        if (value === "") {
            record.port = null;
        } else {
            override(record, value, "port");
        }
    },
    pathname(record, value) {
        if (!hasAnOpaquePath(record)) {
            record.path = [];
            override(record, value, "path start");
        }
    },
    search(record, value) {
        record.query = value === "" ? null : "";
        if (value !== "") {
            override(record, value.replace(/^\?/, ""), "query");
        }
    },
    hash(record, value) {
        record.fragment = value === "" ? null : "";
        if (value !== "") {
            override(record, value.replace(/^#/, ""), "fragment");
        }
    },
};

/** The parts of a serialised URL after one of its components was set. */
export function edit(href: string, component: string, value: string): Parts {
    const record = parseRecord(href)!;
    setters[component]!(record, value);
    return partsOf(record);
}
