// A parsed URL as the strings its accessors show, and the short way to get there: most URLs that a worker meets are
// plain http(s) URLs that parsing does not change. Whatever this file does not recognise with certainty it leaves to
// the full parser in url-machine.ts; what it recognises must come out exactly as it would there.

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
const plainPath = new RegExp(`^/${pathChars}$`);
const plainQuery = new RegExp(`^${queryChars}$`);
const plainFragment = new RegExp(`^${fragmentChars}$`);
const dotSegment = /\/(?:\.|%2e){1,2}(?:\/|$)/i;

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

/** The parts of a plain absolute URL, or undefined for the full parser to decide. */
export function parsePlain(input: string): Parts | undefined {
    const match = plainUrl.exec(input);
    if (match === null) {
        return undefined;
    }
    const [, protocol, hostname, port = "", pathname = "/", search = "", hash = ""] = match as unknown as string[];
    if (port === defaultPorts[protocol!] || Number(port) > 65535 || dotSegment.test(pathname)) {
        return undefined;
    }
    return compose({ protocol: protocol!, hostname: hostname!, port, pathname, search, hash });
}

function isPlain(parts: Parts): boolean {
    return (parts.protocol === "http:" || parts.protocol === "https:") && parts.username + parts.password === "";
}

/** The parts of `input`, an absolute path with what follows it, against a plain base; undefined for the full parser. */
export function resolvePlain(input: string, base: Parts): Parts | undefined {
    const rooted = input.startsWith("/") && !input.startsWith("//") && !input.startsWith("/\\");
    return rooted && isPlain(base) ? parsePlain(base.origin + input) : undefined;
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

const plainComponents: Record<Component, (value: string) => boolean> = {
    hash: (value) => plainFragment.test(value),
    hostname: (value) => plainHost.test(value),
    pathname: (value) => plainPath.test(value) && !dotSegment.test(value),
    search: (value) => plainQuery.test(value),
};

/** The parts with one component set to a plain, non-empty value; undefined for the full parser to decide. */
export function editPlain(parts: Parts, component: string, value: string): Parts | undefined {
    if (!Object.hasOwn(plainComponents, component) || value === "" || !isPlain(parts)) {
        return undefined;
    }
    const mark = component === "hash" ? "#" : component === "search" ? "?" : "";
    const bare = mark !== "" && value.startsWith(mark) ? value.slice(1) : value;
    if (!plainComponents[component as Component](bare)) {
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
