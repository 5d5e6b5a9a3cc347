// A parsed URL as the strings its accessors show, and the short way to get there: most URLs that a worker meets are
// plain http(s) URLs that parsing does not change, or one change away from that: characters to encode, dots to resolve, a
// default port. Whatever this file does not recognise with certainty it leaves to the full parser in url-machine.ts, at
// twenty times the price; what it recognises must come out exactly as it would there.

/** `search` and `hash` are empty for an empty query or fragment, which only `href` then shows. */
export interface Parts {
    href: string;
    origin: string;
    protocol: string;
    username: string;
    password: string;
    hostname: string;
    port: string;
    pathname: string;
    search: string;
    hash: string;
}

// Characters that parsing leaves alone in each component of an http(s) URL, as character classes.
const pathChars = "[!$-;=@-\\[\\]_a-z|~]*";
const queryChars = "[!$-&(-;=?-~]*";
const fragmentChars = "[!#-;=?-_a-~]*";
// The last label begins with a letter, so that the host is no IPv4 address in any of its spellings.
const domain = "(?:[a-z0-9_-]+\\.)*[a-z][a-z0-9_-]*";
const byte = "(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)";
const host = `${domain}|${byte}(?:\\.${byte}){3}`;

const plainUrl = new RegExp(
    `^(https?:)//(${host})(?::([1-9]\\d{0,4}))?(/${pathChars})?(\\?${queryChars})?(#${fragmentChars})?$`,
);
const plainHost = new RegExp(`^(?:${host})$`);
const dotSegment = /\/(?:\.|%2e){1,2}(?:\/|$)/i;

/** What no plain URL has: most that are not plain show it here, and plainUrl is slow to find out. */
const notPlain = /[^!#-;=?-_a-z|~]|\/(?:\.|%2e)/i;
const nearlyPlainUrl = /^(https?:)\/\/([A-Za-z0-9._-]+)(?::(\d{0,5}))?(\/[^?#]*)?(\?[^#]*)?(#.*)?$/s;
/** What the parser drops or takes for something else. */
const ambiguous = /^[\0-\x20]|[\0-\x20]$|[\t\n\r\\]/;
const lineBreaks = /[\t\n\r]/;
const scheme = /^[A-Za-z][A-Za-z0-9+.-]*:/;
/** Always matches: what is before the query, the query, the fragment. */
const relative = /^([^?#]*)((?:\?[^#]*)?)((?:#.*)?)$/s;
const encodeComponent = encodeURIComponent;

/** The characters of a component that are not in `chars`, as a pattern. */
const except = (chars: string) => new RegExp(`[^${chars.slice(1, -2)}]`, "gu");
const notOfPath = except(pathChars);
const notOfQuery = except(queryChars);
const notOfFragment = except(fragmentChars);

const percentEncode = (char: string) => (char === "'" ? "%27" : encodeComponent(char));

function encode(text: string, not: RegExp): string {
    if (text.search(not) < 0) {
        return text;
    }
    // Nearly always it is a space, which goes faster by itself.
    const spaced = text.replaceAll(" ", "%20");
    return spaced.search(not) < 0 ? spaced : spaced.replace(not, percentEncode);
}

/** An absolute path without dot segments, its characters encoded. */
function normalisePath(path: string): string {
    const encoded = encode(path, notOfPath);
    if (!dotSegment.test(encoded)) {
        return encoded;
    }
    const kept: string[] = [];
    const segments = encoded.slice(1).split("/");
    const last = segments.length - 1;
    for (let at = 0; at <= last; at++) {
        const segment = segments[at]!;
        const dots = segment.startsWith("%") ? segment.replace(/%2e/gi, ".") : segment.startsWith(".") ? segment.replace(/%2e$/i, ".") : "";
        if (dots !== "." && dots !== "..") {
            kept.push(segment);
            continue;
        }
        if (dots === "..") {
            kept.pop();
        }
        if (at === last) {
            kept.push("");
        }
    }
    return `/${kept.join("/")}`;
}

const defaultPorts: Record<string, string> = { "http:": "80", "https:": "443" };

function compose(parts: Omit<Parts, "href" | "origin" | "username" | "password">): Parts {
    const { protocol, hostname, port, pathname, search, hash } = parts;
    const origin = port === "" ? `${protocol}//${hostname}` : `${protocol}//${hostname}:${port}`;
    // A query or fragment that is empty shows in the URL alone, not in `search` and `hash`.
    return {
        href: origin + pathname + search + hash,
        origin,
        protocol,
        username: "",
        password: "",
        hostname,
        port,
        pathname,
        search: search === "?" ? "" : search,
        hash: hash === "#" ? "" : hash,
    };
}

/** The parts of a plain absolute URL, or nearly plain one, or undefined for the full parser to decide. */
export function parsePlain(input: string): Parts | undefined {
    const match = notPlain.test(input) ? null : plainUrl.exec(input);
    if (match === null) {
        return parseNearlyPlain(input);
    }
    const [, protocol, hostname, port = "", pathname = "/", search = "", hash = ""] = match as unknown as string[];
    if (port === defaultPorts[protocol!] || Number(port) > 65535) {
        return parseNearlyPlain(input);
    }
    return compose({ protocol: protocol!, hostname: hostname!, port, pathname, search, hash });
}

function parseNearlyPlain(input: string): Parts | undefined {
    const match = ambiguous.test(input) ? null : nearlyPlainUrl.exec(input);
    if (match === null) {
        return undefined;
    }
    const [, protocol, mixedHost, digits = "", path = "/", query = "", fragment = ""] = match as unknown as string[];
    const hostname = mixedHost!.toLowerCase();
    if (!plainHost.test(hostname) || Number(digits) > 65535) {
        return undefined;
    }
    const number = digits === "" ? "" : String(Number(digits));
    return compose({
        protocol: protocol!,
        hostname,
        port: number === defaultPorts[protocol!] ? "" : number,
        pathname: normalisePath(path),
        search: query && `?${encode(query.slice(1), notOfQuery)}`,
        hash: fragment && `#${encode(fragment.slice(1), notOfFragment)}`,
    });
}

function isPlain(parts: Parts): boolean {
    return (parts.protocol === "http:" || parts.protocol === "https:") && parts.username + parts.password === "";
}

/** The parts of `input`, which is no absolute URL, against a plain base; undefined for the full parser. */
export function resolvePlain(input: string, base: Parts): Parts | undefined {
    if (!isPlain(base) || ambiguous.test(input) || input.startsWith("//") || scheme.test(input)) {
        return undefined;
    }
    const [, path, query, fragment] = relative.exec(input) as unknown as [string, string, string, string];
    if (path === "" && query === "") {
        return parsePlain(base.href.split("#", 1)[0]! + fragment);
    }
    const folder = path.startsWith("/") ? "" : base.pathname.slice(0, base.pathname.lastIndexOf("/") + 1);
    return compose({
        ...base,
        pathname: path === "" ? base.pathname : normalisePath(folder + path),
        search: query && `?${encode(query.slice(1), notOfQuery)}`,
        hash: fragment && `#${encode(fragment.slice(1), notOfFragment)}`,
    });
}

/** Where the query or fragment of a serialised URL begins. */
function prefixLength(href: string): number {
    const end = href.search(/[?#]/);
    return end < 0 ? href.length : end;
}

/** The parts with another query, which must be valid as it is; null for none. */
export function withQuery(parts: Parts, query: string | null): Parts {
    const search = query === null ? "" : `?${query}`;
    const fragment = parts.href.indexOf("#");
    const rest = fragment < 0 ? "" : parts.href.slice(fragment);
    const href = parts.href.slice(0, prefixLength(parts.href)) + search + rest;
    return { ...parts, href, search: search === "?" ? "" : search };
}

type Component = "hash" | "hostname" | "pathname" | "search";

/** What setting a component to a value makes of it; undefined for the full parser to decide. */
const components: Record<Component, (value: string) => string | undefined> = {
    hash: (value) => encode(value, notOfFragment),
    hostname: (value) => (plainHost.test(value) ? value : undefined),
    pathname: (value) => (value.startsWith("/") && !value.includes("\\") ? normalisePath(value) : undefined),
    search: (value) => encode(value, notOfQuery),
};

/** The parts with one component set to a non-empty value; undefined for the full parser to decide. */
export function editPlain(parts: Parts, component: string, value: string): Parts | undefined {
    if (!Object.hasOwn(components, component) || value === "" || lineBreaks.test(value) || !isPlain(parts)) {
        return undefined;
    }
    const mark = component === "hash" ? "#" : component === "search" ? "?" : "";
    const bare = components[component as Component](mark !== "" && value.startsWith(mark) ? value.slice(1) : value);
    if (bare === undefined) {
        return undefined;
    }
    if (component === "search") {
        return withQuery(parts, bare);
    }
    const start = parts.href.length - parts.hash.length;
    if (component === "hash") {
        const end = parts.href.indexOf("#");
        return { ...parts, href: `${parts.href.slice(0, end < 0 ? start : end)}#${bare}`, hash: bare && `#${bare}` };
    }
    const tail = parts.href.slice(prefixLength(parts.href));
    const search = tail.split("#", 1)[0]!;
    return compose({ ...parts, [component]: bare, search, hash: tail.slice(search.length) });
}
