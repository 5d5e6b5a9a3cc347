// Reads a wrangler configuration. Runs as a worker in a cell of its own (src/host/config.c starts it), since parsers of
// foreign files belong into the jail; its answer is small, plain and checked again outside.

import { parseJsonc } from "./jsonc";
import { readConfig, type Config, type Problem } from "./schema";
import { parseToml } from "./toml";
import { type Place, SyntaxProblem } from "./tree";

/** Problems beyond this number are only noise. */
const PROBLEMS_MAX = 20;

type Answer =
    | { errors: string[] }
    | (Omit<Config, "vars" | "mainPlace" | "secrets" | "policies" | "services" | "tails"> & {
          services: { binding: string; service: string; at: string; entrypoint: string | null; props: string | null }[];
          tails: { service: string; at: string }[];
          vars: string;
          mainAt: string;
          warning: string | null;
          secrets: string | null;
          policies: string;
          hasPolicies: boolean;
          isClosed: boolean;
      });

function byPlace({ place: a }: Problem, { place: b }: Problem): number {
    return a.line - b.line || a.column - b.column;
}

/** `file` is the name as the user gave it, for messages; its ending tells the format. */
export default function read(file: string, text: string): Answer {
    const at = ({ line, column }: Place): string => `${file}:${line}:${column}`;
    const source = text.startsWith("\uFEFF") ? text.slice(1) : text;
    try {
        const tree = file.endsWith(".toml") ? parseToml(source) : parseJsonc(source);
        const { config, problems, unknown } = readConfig(tree);
        if (problems.length > 0) {
            const first = problems.sort(byPlace).slice(0, PROBLEMS_MAX);
            return { errors: first.map(({ place, text: problem }) => `${at(place)}: ${problem}`) };
        }
        const { mainPlace, vars, secrets, policies, services, tails, ...rest } = config;
        const outbound = {
            secrets: secrets === undefined ? null : JSON.stringify(secrets),
            policies: JSON.stringify(Object.fromEntries(policies.table)),
            hasPolicies: policies.isGiven || secrets !== undefined,
            isClosed: policies.table[0]?.[1] === null,
        };
        const placed = <T extends { place: Place; path: string }>(items: T[]): (Omit<T, "place" | "path"> & { at: string })[] =>
            items.map(({ place, path, ...item }) => ({ ...item, at: `${at(place)}: ${path}` }));
        const ignored = `${file}: keys that mean nothing to mayfly yet and are ignored: ${unknown.join(", ")}`;
        const warning = unknown.length > 0 ? ignored : null;
        return { ...rest, ...outbound, services: placed(services), tails: placed(tails), vars: JSON.stringify(vars), mainAt: at(mainPlace), warning };
    } catch (error) {
        if (error instanceof SyntaxProblem) return { errors: [`${at(error.place)}: ${error.message}`] };
        return { errors: [`${file}: cannot be read: ${String(error)}`] };
    }
}
