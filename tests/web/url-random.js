// URLs made at random, from a fixed seed: what the short ways of runtime/web/url-parts.ts make of them must be what the
// full parser, whatwg-url's, makes of them.

import { basicURLParse, serializeURL } from "whatwg-url/lib/url-state-machine.js";
import { equal, suite } from "./harness.js";

const { test, run } = suite("url, at random");
export { run };

const ROUNDS = 1500;
const bits = ["a", "b", ".", "..", "/", "/", "?", "#", " ", "%20", "%2e", "%", "é", "😀", "'", '"', "<", ">", "`", "{", "}", "^", "|", "\\", "[", "@", ":",
    "=", "&", "+", "~", "\x7f", "\x01", "\t", "A", "1", "-", "_", ";", "!", "$", "*", "("];
const hosts = ["example.com", "EXAMPLE.com", "a.b-c.d_e", "1.2.3.4", "1.2.3", "a..b", "xn--caf-dma.com", "localhost", "a.1", "exa mple", "[::1]", "a.b.", "é.com"];
const ports = ["", "", ":80", ":443", ":8080", ":", ":00080", ":65536", ":65535", ":0"];

let seed = 1;
const random = (n) => (seed = (seed * 48271) % 2147483647) % n;
const pick = (list) => list[random(list.length)];
const some = (n) => Array.from({ length: random(n) }, () => pick(bits)).join("");
const absolute = () => pick(["http:", "https:", "https:", "HTTP:", "ws:"]) + "//" + pick(["", "", "u@"]) + pick(hosts) + pick(ports) + pick(["", "/"]) + some(8);
const relative = () => pick(["", "", "/", "//", "?", "#", "../", "./", "http:", "a/"]) + some(7);

const parsed = (input, base) => {
    const record = basicURLParse(input, { baseURL: base === undefined ? null : basicURLParse(base) });
    return record && serializeURL(record);
};

const setters = {
    hash: (record, value) => basicURLParse(value.replace(/^#/, ""), { url: Object.assign(record, { fragment: "" }), stateOverride: "fragment" }),
    pathname: (record, value) => basicURLParse(value, { url: Object.assign(record, { path: [] }), stateOverride: "path start" }),
    search: (record, value) => basicURLParse(value.replace(/^\?/, ""), { url: Object.assign(record, { query: "" }), stateOverride: "query" }),
};

test("absolute, relative, and edited", () => {
    for (let i = 0; i < ROUNDS; i++) {
        const input = absolute();
        const url = URL.parse(input);
        equal([input, url?.href ?? null], [input, parsed(input)]);
        if (url === null) continue;
        const other = relative();
        equal([other, input, URL.parse(other, url)?.href ?? null], [other, input, parsed(other, url.href)]);
        const component = pick(Object.keys(setters));
        const value = pick(["/", "?", "#", "x"]) + some(6);
        const record = basicURLParse(url.href);
        setters[component](record, value);
        const before = url.href;
        url[component] = value;
        equal([before, component, value, url.href], [before, component, value, serializeURL(record)]);
    }
});
