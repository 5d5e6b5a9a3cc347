// One module of a worker: what was given, what the scanner found, and how far it has come.
//
//   added --> loaded (scanned, requests resolved) --> evaluating --> evaluated
//                                                         '-------> failed, for ever with the same error

import type { Scan, ScanExport } from "../native";
import type { Shifts } from "./shifts";

export type Kind = "esm" | "cjs" | "text" | "data" | "json" | "wasm" | "builtin";

/** How an exported name is read once its module runs. */
export interface Binding {
    /** Set when the value can no longer change. */
    value?: unknown;
    get?: () => unknown;
}

/** A name of the module's own that it exports. */
export interface LocalExport {
    local: string;
    mutable: boolean;
}

/** What the wrapped body of an ES module is: called once, with what it finds under `$mf` and `$mf_im`. */
export type Body = (frame: object, dynamicImport: unknown) => unknown;

export interface ModuleRecord {
    readonly name: string;
    readonly kind: Kind;
    /** The source: UTF-8 text or bytes; for builtins the namespace itself. */
    readonly content: Uint8Array | Record<string, unknown>;
    /** Maps a place in the text that the engine saw to the text as given; TypeScript only. */
    readonly mapPlace?: (place: Place) => Place;
    state: "added" | "loaded" | "evaluating" | "evaluated" | "failed";
    error?: unknown;
    /** While what it requests has to be asked for. */
    loading?: Promise<unknown>;
    /** While its evaluation waits for something. */
    promise?: Promise<void>;
    scan?: Scan;
    /** Those of scan.exports that are the module's own, each once. */
    locals?: LocalExport[];
    /** The scan's exports by name, once somebody asked. */
    exported?: Map<string, ScanExport>;
    /** What each of scan.requests stands for. */
    requested: ModuleRecord[];
    /** Strongly connected modules; undefined until they are found. */
    component?: Component;
    /** Exported local bindings by their local name; for synthetic modules by exported name. */
    readonly bindings: Map<string, Binding>;
    body?: Body;
    /** Characters that the wrapper put before column 1 of line 1. */
    prefixLength: number;
    /** What the rewriting of its body moved, the first first. */
    shifts?: Shifts[];
    namespace?: object;
    /** Runs a cyclic module: up to its hoisted functions first, then the rest. */
    run?: Generator | AsyncGenerator;
    /** `module` of a CommonJS module, from the start of its evaluation. */
    commonJs?: { exports: unknown };
}

/** An ES module whose requests are resolved. */
export type EsModule = ModuleRecord & { scan: Scan };

/** A cycle has several members, or one that imports itself. */
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
    return { name, kind, content, mapPlace, state: "added", requested: [], bindings: new Map(), prefixLength: 0 };
}

/** Places that are known exactly, whatever the engine set on the error. */
export const exactPlaces = new WeakMap<Error, Place & { module: string }>();

/** Gives an error the place in a module's source that it is about. */
export function errorAt(error: Error, module: string, { line, column }: Place): Error {
    exactPlaces.set(error, { module, line, column });
    return error;
}
