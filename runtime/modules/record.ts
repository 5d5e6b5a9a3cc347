// One module of a worker: what was given, what the scanner found, and how far it has come.
//
//   added --> loaded (scanned, requests resolved) --> evaluating --> evaluated
//                                                         '-------> failed, for ever with the same error

import type { Scan } from "../native";

export type Kind = "esm" | "cjs" | "text" | "data" | "json" | "wasm" | "builtin";

/** How an exported name is read once its module runs. */
export interface Binding {
    /** Set when the value can no longer change. */
    value?: unknown;
    get?: () => unknown;
}

export interface ModuleRecord {
    readonly name: string;
    readonly kind: Kind;
    /** The source: UTF-8 text or bytes; for builtins the namespace itself. */
    readonly content: Uint8Array | Record<string, unknown>;
    /** Maps a place in the text that the engine saw to the text as given; TypeScript only. */
    readonly mapPlace?: (place: Place) => Place;
    state: "added" | "loaded" | "evaluating" | "evaluated" | "failed";
    error?: unknown;
    /** While its evaluation waits for something. */
    promise?: Promise<void>;
    scan?: Scan;
    /** What each of scan.requests stands for. */
    requested: ModuleRecord[];
    /** Strongly connected modules; more than one, or one that imports itself, is a cycle. */
    component: Component;
    /** Exported local bindings by their local name; for synthetic modules by exported name. */
    readonly bindings: Map<string, Binding>;
    /** Characters that the wrapper put before column 1 of line 1. */
    prefixLength: number;
    namespace?: object;
    /** Runs a cyclic module: up to its hoisted functions first, then the rest. */
    run?: Generator | AsyncGenerator;
    /** module.exports of a CommonJS module, from the start of its evaluation. */
    exports?: { exports: unknown };
}

export interface Component {
    members: ModuleRecord[];
    isCycle: boolean;
    isHoisted: boolean;
}

/** Lines and columns count from 1, columns in UTF-16 units. */
export interface Place {
    line: number;
    column: number;
}

export function makeRecord(
    name: string,
    kind: Kind,
    content: ModuleRecord["content"],
    mapPlace?: ModuleRecord["mapPlace"],
): ModuleRecord {
    const record: ModuleRecord = {
        name,
        kind,
        content,
        mapPlace,
        state: "added",
        requested: [],
        component: { members: [], isCycle: false, isHoisted: false },
        bindings: new Map(),
        prefixLength: 0,
    };
    record.component.members.push(record);
    return record;
}

/** Places that are known exactly, whatever the engine set on the error. */
export const exactPlaces = new WeakMap<Error, Place & { module: string }>();

/** Gives an error the place in a module's source that it is about. */
export function errorAt(error: Error, module: string, { line, column }: Place): Error {
    exactPlaces.set(error, { module, line, column });
    return error;
}
