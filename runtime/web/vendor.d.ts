// The parts of untyped npm packages that the web platform uses, and nothing more of them.

declare module "*/node_modules/@exodus/bytes/fallback/single-byte.js" {
    export function encodingDecoder(encoding: string): (bytes: Uint8Array, loose: boolean) => string;
}

declare module "*/node_modules/@exodus/bytes/fallback/encoding.labels.js" {
    const labels: Record<string, string[]>;
    export default labels;
}

declare module "whatwg-url/lib/url-state-machine.js" {
    export interface UrlRecord {
        scheme: string;
        username: string;
        password: string;
        host: string | number | number[] | null;
        port: number | null;
        path: string | string[];
        query: string | null;
        fragment: string | null;
    }
    interface ParseOptions {
        baseURL?: UrlRecord | null;
        url?: UrlRecord;
        stateOverride?: string;
    }
    export function basicURLParse(input: string, options?: ParseOptions): UrlRecord | null;
    export function serializeURL(url: UrlRecord): string;
    export function serializeURLOrigin(url: UrlRecord): string;
    export function serializeHost(host: string | number | number[]): string;
    export function serializePath(url: UrlRecord): string;
    export function setTheUsername(url: UrlRecord, username: string): void;
    export function setThePassword(url: UrlRecord, password: string): void;
    export function cannotHaveAUsernamePasswordPort(url: UrlRecord): boolean;
    export function hasAnOpaquePath(url: UrlRecord): boolean;
}

declare module "*/node_modules/@exodus/bytes/fallback/multi-byte.js" {
    /** The decoder keeps the state of a stream between calls. */
    export function multibyteDecoder(encoding: string, loose: boolean): (bytes: Uint8Array, stream: boolean) => string;
}
