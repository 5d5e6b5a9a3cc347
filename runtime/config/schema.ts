// What mayfly understands of a wrangler configuration. Every problem is found, not only the first, and each names its
// place and its key.

import { problemOfDate } from "../dates";
import { parseCron } from "../scheduled/cron";
import { type Member, type Node, type Place, toValue } from "./tree";

const COMPATIBILITY_DATE_DEFAULT = "2026-01-01";
const NAME_DEFAULT = "worker";

export interface Config {
    name: string;
    main: string;
    /** Where `main` stands, for what only the file system can tell about it. */
    mainPlace: Place;
    compatibilityDate: string;
    compatibilityFlags: string[];
    vars: Record<string, unknown>;
    /** way: the place among the policies of what its workers may reach; -1 as the host worker itself, -2 nothing. jit: they
     * may be compiled. */
    loaders: { binding: string; id: string | null; way: number; jit: boolean }[];
    outbounds: { binding: string; way: number }[];
    secrets: unknown;
    policies: Policies;
    /** place: where `service` stands; props: JSON. */
    services: { binding: string; service: string; place: Place; path: string; entrypoint: string | null; props: string | null }[];
    /** Cron expressions that parseCron takes. */
    crons: string[];
    /** Whose tail handlers are told what happens in its own handlers. */
    tails: { service: string; place: Place; path: string }[];
    /** Those that are set. */
    limits: Record<string, number>;
}

export interface Problem {
    place: Place;
    text: string;
}

export interface Reading {
    config: Config;
    problems: Problem[];
    unknown: string[];
}

type Article = `${"a" | "an"} ${Node["kind"]}` | "null";

function described(node: Node): Article {
    if (node.kind === "null") return "null";
    return node.kind === "array" || node.kind === "object" ? `an ${node.kind}` : `a ${node.kind}`;
}

/** One object of the file: its members are taken by name, and what nobody took is unknown. */
class Section {
    readonly place: Place;
    readonly #reader: Reader;
    readonly #path: string;
    readonly #members = new Map<string, Member>();
    /** The names that were asked for. */
    readonly #known = new Set<string>();

    constructor(reader: Reader, path: string, node: Node) {
        this.#reader = reader;
        this.#path = path;
        this.place = node.place;
        if (node.kind !== "object") {
            reader.problem(node.place, path || "the file", `expected an object, not ${described(node)}`);
            return;
        }
        for (const member of node.members) {
            if (this.#members.has(member.name)) {
                reader.problem(member.place, this.pathOf(member.name), "this key is there twice");
            }
            this.#members.set(member.name, member);
        }
    }

    pathOf(name: string): string {
        return this.#path === "" ? name : `${this.#path}.${name}`;
    }

    take(name: string): Node | undefined {
        const member = this.#members.get(name);
        this.#members.delete(name);
        this.#known.add(name);
        return member?.value;
    }

    /** Where a member's value stands; the section itself if there is none. */
    placeOf(name: string): Place {
        return this.#members.get(name)?.value.place ?? this.place;
    }

    problem(place: Place, name: string, text: string): void {
        this.#reader.problem(place, this.pathOf(name), text);
    }

    /** A string that `rule` accepts; undefined without one, or after a problem. */
    text(name: string, required: boolean, rule?: { pattern: RegExp; expected: string }): string | undefined {
        const node = this.take(name);
        if (node === undefined) {
            if (required) this.problem(this.place, name, "is missing");
            return undefined;
        }
        if (node.kind !== "string") {
            this.problem(node.place, name, `expected a string, not ${described(node)}`);
            return undefined;
        }
        if (rule !== undefined && !rule.pattern.test(node.value)) {
            this.problem(node.place, name, `expected ${rule.expected}`);
            return undefined;
        }
        return node.value;
    }

    /** The elements of an array, with the path of each. */
    items(name: string): { node: Node; path: string }[] {
        const node = this.take(name);
        if (node === undefined) return [];
        if (node.kind !== "array") {
            this.problem(node.place, name, `expected an array, not ${described(node)}`);
            return [];
        }
        return node.items.map((item, i) => ({ node: item, path: `${this.pathOf(name)}[${i}]` }));
    }

    /**
     * Ends the section: the names that nobody asked for. One that is nearly another's is misspelt, and would leave open what
     * it was to close; so would any where all names are mayfly's own.
     */
    close(isStrict = false): void {
        for (const { name, place } of this.#members.values()) {
            const meant = [...this.#known].find((known) => isNearly(name, known));
            if (meant !== undefined) this.problem(place, name, `there is no such key; did you mean ${meant}?`);
            else if (isStrict) this.problem(place, name, `there is no such key; the keys here are ${[...this.#known].join(", ")}`);
            else this.#reader.unknown.push(this.pathOf(name));
        }
    }
}

/** Whether two names differ by one letter, by two that are swapped, or by how their words are joined. */
function isNearly(name: string, other: string): boolean {
    const [a, b] = [name, other].map((text) => text.toLowerCase().replace(/[-_]/g, "")) as [string, string];
    const shorter = Math.min(a.length, b.length);
    let start = 0;
    let end = 0;
    while (start < shorter && a[start] === b[start]) start++;
    while (end < shorter - start && a.at(-1 - end) === b.at(-1 - end)) end++;
    const [x, y] = [a.slice(start, a.length - end), b.slice(start, b.length - end)];
    return Math.max(x.length, y.length) <= 1 || (x.length === 2 && x === [...y].reverse().join(""));
}

/** Who may reach what: {NAME: policy}, in an order that bindings refer to. */
export class Policies {
    readonly table: [name: string, policy: unknown][] = [];
    /** Whether the file says anything about it. */
    isGiven = false;

    push(name: string, policy: unknown): number {
        this.isGiven = true;
        return this.table.push([name, policy]) - 1;
    }

    /** The place of a policy; -2 for null, and -1 where there is none, unless it has a default. */
    add(name: string, node: Node | undefined, byDefault?: unknown): number {
        if (node === undefined && byDefault === undefined) return -1;
        if (node !== undefined) this.isGiven = true;
        const policy = node === undefined ? byDefault : toValue(node);
        const way = this.table.push([name, policy]) - 1;
        return policy === null ? -2 : way;
    }
}

class Reader {
    readonly problems: Problem[] = [];
    readonly unknown: string[] = [];
    /** Which key gave a name in env its meaning. */
    readonly #env = new Map<string, string>();

    problem(place: Place, path: string, text: string): void {
        this.problems.push({ place, text: `${path}: ${text}` });
    }

    bind(name: string, place: Place, path: string): void {
        const other = this.#env.get(name);
        if (other !== undefined) this.problem(place, path, `${JSON.stringify(name)} is the name of ${other} already`);
        else this.#env.set(name, path);
    }

    /** The name in env that an element of a list gives itself; "" after a problem. */
    binding(section: Section, node: Node): string {
        const place = section.placeOf("binding");
        const name = section.text("binding", node.kind === "object", NOT_EMPTY);
        if (name !== undefined) this.bind(name, place, section.pathOf("binding"));
        return name ?? "";
    }

    date(root: Section): string {
        const place = root.placeOf("compatibility_date");
        const date = root.text("compatibility_date", false, DATE);
        const problem = date === undefined ? undefined : problemOfDate(date);
        if (problem !== undefined) root.problem(place, "compatibility_date", problem);
        return date ?? COMPATIBILITY_DATE_DEFAULT;
    }

    flags(root: Section): string[] {
        const flags: string[] = [];
        for (const { node, path } of root.items("compatibility_flags")) {
            if (node.kind !== "string") this.problem(node.place, path, `expected a string, not ${described(node)}`);
            else if (!/^[a-z0-9_]+$/.test(node.value)) this.problem(node.place, path, "expected the name of a flag");
            else if (flags.includes(node.value)) this.problem(node.place, path, `${node.value} is there twice`);
            else flags.push(node.value);
        }
        return flags;
    }

    vars(root: Section): Record<string, unknown> {
        const node = root.take("vars");
        if (node === undefined) return {};
        if (node.kind !== "object") {
            root.problem(node.place, "vars", `expected an object, not ${described(node)}`);
            return {};
        }
        const names = new Set<string>();
        for (const { name, place } of node.members) {
            if (names.has(name)) this.problem(place, `vars.${name}`, "this key is there twice");
            else this.bind(name, place, `vars.${name}`);
            names.add(name);
        }
        return toValue(node) as Record<string, unknown>;
    }

    loaders(root: Section, policies: Policies): Config["loaders"] {
        return root.items("worker_loaders").map(({ node, path }) => {
            const section = new Section(this, path, node);
            const binding = this.binding(section, node);
            const id = section.text("id", false, NOT_EMPTY);
            const policy = section.take("outbound");
            const jit = section.take("jit");
            if (jit !== undefined && jit.kind !== "boolean") section.problem(jit.place, "jit", `expected a boolean, not ${described(jit)}`);
            section.close(true);
            return { binding, id: id ?? null, jit: jit?.kind !== "boolean" || jit.value, way: policies.add(`worker_loaders.${binding}.outbound`, policy) };
        });
    }

    /** Cloudflare's cpu_ms and subrequests, and mayfly's own beside them; 0 is no limit. */
    limits(root: Section): Config["limits"] {
        const node = root.take("limits");
        if (node === undefined) return {};
        const section = new Section(this, "limits", node);
        const limits: Config["limits"] = {};
        for (const name of LIMITS) {
            const value = section.take(name);
            if (value === undefined) continue;
            if (value.kind === "number" && Number.isInteger(value.value) && value.value >= 0 && value.value <= LIMIT_MAX) {
                limits[name] = value.value;
            } else {
                section.problem(value.place, name, `expected a whole number from 0 to ${LIMIT_MAX}`);
            }
        }
        section.close(true);
        return limits;
    }

    outbounds(section: Section, policies: Policies): Config["outbounds"] {
        return section.items("outbounds").map(({ node, path }) => {
            const item = new Section(this, path, node);
            const binding = this.binding(item, node);
            const allow = item.take("allow");
            if (allow === undefined) this.problem(node.place, path, "an outbound needs allow, a list of rules");
            item.close(true);
            const policy = { allow: allow === undefined ? [] : toValue(allow) };
            return { binding, way: policies.push(`mayfly.outbounds.${binding}`, policy) };
        });
    }

    /** What is mayfly's own. Policies are checked by the process that enforces them. */
    mayfly(root: Section, policies: Policies): { outbounds: Config["outbounds"]; secrets: unknown } {
        const node = root.take("mayfly");
        if (node === undefined) {
            policies.add("mayfly.outbound", undefined, "public");
            return { outbounds: [], secrets: undefined };
        }
        const section = new Section(this, "mayfly", node);
        policies.add("mayfly.outbound", section.take("outbound"), "public");
        const outbounds = this.outbounds(section, policies);
        const secrets = section.take("secrets");
        if (secrets !== undefined && secrets.kind !== "object") {
            section.problem(secrets.place, "secrets", `expected an object, not ${described(secrets)}`);
        }
        section.close(true);
        return { outbounds, secrets: secrets && toValue(secrets) };
    }

    /** triggers: {crons: [...]} */
    crons(root: Section): string[] {
        const node = root.take("triggers");
        if (node === undefined) return [];
        const section = new Section(this, "triggers", node);
        const items = section.items("crons");
        section.close();
        for (const { node: extra, path } of items.slice(CRONS_MAX)) this.problem(extra.place, path, `expected at most ${CRONS_MAX} triggers`);
        return items.flatMap(({ node: cron, path }) => {
            const problem = cron.kind === "string" ? problemOfCron(cron.value) : `expected a string, not ${described(cron)}`;
            if (problem !== undefined) this.problem(cron.place, path, problem);
            return cron.kind === "string" ? [cron.value] : [];
        });
    }

    /** tail_consumers: [{service}] */
    tails(root: Section): Config["tails"] {
        return root.items("tail_consumers").map(({ node, path }) => {
            const section = new Section(this, path, node);
            const place = section.placeOf("service");
            const service = section.text("service", node.kind === "object", NOT_EMPTY) ?? "";
            section.close();
            return { service, place, path: section.pathOf("service") };
        });
    }

    services(root: Section): Config["services"] {
        return root.items("services").map(({ node, path }) => {
            const section = new Section(this, path, node);
            const binding = this.binding(section, node);
            const place = section.placeOf("service");
            const service = section.text("service", node.kind === "object", NOT_EMPTY) ?? "";
            const entrypoint = section.text("entrypoint", false, NOT_EMPTY);
            const props = section.take("props");
            if (props !== undefined && props.kind !== "object") {
                section.problem(props.place, "props", `expected an object, not ${described(props)}`);
            }
            section.close();
            const given = props === undefined ? null : JSON.stringify(toValue(props));
            return { binding, service, place, path: section.pathOf("service"), entrypoint: entrypoint ?? null, props: given };
        });
    }
}

/** src/host/limits.h */
const LIMITS = [
    "cpu_ms",
    "wall_ms",
    "memory_mb",
    "subrequests",
    "connections",
    "rpc_message_bytes",
    "response_bytes",
    "log_bytes",
    "code_bytes",
    "env_bytes",
    "open_stubs",
    "live_cells",
    "loads_per_second",
];
const LIMIT_MAX = 0x7fffffff;

/** As on Cloudflare. */
const CRONS_MAX = 250;

/** What is wrong with a cron expression; undefined if nothing is. */
function problemOfCron(expression: string): string | undefined {
    try {
        return parseCron(expression)(0) === undefined ? "this time never comes" : undefined;
    } catch (error) {
        return `expected a cron expression: ${(error as Error).message}`;
    }
}

const NOT_EMPTY = { pattern: /^[^\0]+$/, expected: "a string that is not empty" };
const NAME = { pattern: /^[A-Za-z0-9_][A-Za-z0-9_-]*$/, expected: "a name of letters, digits, - and _" };
const MAIN = {
    pattern: /^[^\0]+\.(?:js|mjs|jsx|ts|mts|tsx)$/,
    expected: "the path of a .js, .mjs, .jsx, .ts, .mts or .tsx file",
};
const DATE = { pattern: /^\d{4}-\d\d-\d\d$/, expected: "a date as 2026-01-31" };

export function readConfig(file: Node): Reading {
    const reader = new Reader();
    const root = new Section(reader, "", file);
    if (file.kind !== "object") return { config: {} as Config, problems: reader.problems, unknown: [] };
    root.take("$schema");
    const name = root.text("name", false, NAME) ?? NAME_DEFAULT;
    const mainPlace = root.placeOf("main");
    const policies = new Policies();
    const { outbounds, secrets } = reader.mayfly(root, policies);
    const config: Config = {
        name,
        main: root.text("main", true, MAIN) ?? "",
        mainPlace,
        compatibilityDate: reader.date(root),
        compatibilityFlags: reader.flags(root),
        vars: reader.vars(root),
        loaders: reader.loaders(root, policies),
        outbounds,
        secrets,
        policies,
        services: reader.services(root),
        crons: reader.crons(root),
        tails: reader.tails(root),
        limits: reader.limits(root),
    };
    root.close();
    return { config, problems: reader.problems, unknown: reader.unknown };
}
