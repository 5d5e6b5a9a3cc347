// JSON Web Keys: reading what a worker passed, the checks that all key types share, and base64url.

import { dataError } from "./errors";
import type { Usage } from "./key";

export interface JsonWebKey {
    kty?: string;
    use?: string;
    key_ops?: string[];
    alg?: string;
    ext?: boolean;
    oth?: unknown;
    [field: string]: unknown;
}

const textFields = ["alg", "crv", "d", "dp", "dq", "e", "k", "kty", "n", "p", "q", "qi", "use", "x", "y"];

/** The dictionary behind any object; its members are read once. */
export function toJwk(value: object): JsonWebKey {
    const from = value as Record<string, unknown>;
    const jwk: JsonWebKey = {};
    for (const name of textFields) {
        if (from[name] !== undefined) jwk[name] = String(from[name]);
    }
    if (from.ext !== undefined) jwk.ext = !!from.ext;
    if (from.oth !== undefined) jwk.oth = from.oth;
    if (from.key_ops !== undefined) jwk.key_ops = Array.from(from.key_ops as Iterable<unknown>, String);
    return jwk;
}

export function encode64(bytes: Uint8Array): string {
    const options = { alphabet: "base64url", omitPadding: true };
    return (bytes as unknown as { toBase64(options: object): string }).toBase64(options);
}

/** The bytes of a base64url member; DataError if it is absent or no base64url. */
export function field(jwk: JsonWebKey, name: string): Uint8Array {
    const value = jwk[name];
    if (typeof value === "string" && /^[\w-]*$/.test(value)) {
        try {
            return (Uint8Array as unknown as { fromBase64(text: string, options: object): Uint8Array }).fromBase64(value, {
                alphabet: "base64url",
            });
        } catch {
            // The same as one that is absent.
        }
    }
    throw dataError(`Missing or invalid "${name}" in the JSON Web Key.`);
}

/** Checks kty, use, key_ops and ext against what is asked for; `use` is what the key type's use is called. */
export function checkJwk(
    jwk: JsonWebKey,
    kty: string,
    use: "sig" | "enc",
    extractable: boolean,
    usages: readonly Usage[],
): void {
    if (jwk.kty !== kty) throw dataError(`The JSON Web Key's "kty" must be "${kty}".`);
    if (usages.length > 0 && jwk.use !== undefined && jwk.use !== use) {
        throw dataError(`The JSON Web Key's "use" must be "${use}".`);
    }
    if (jwk.key_ops !== undefined) {
        const doubled = new Set(jwk.key_ops).size !== jwk.key_ops.length;
        if (doubled || !usages.every((usage) => jwk.key_ops!.includes(usage))) {
            throw dataError('The JSON Web Key\'s "key_ops" do not allow the usages asked for.');
        }
    }
    if (jwk.ext === false && extractable) throw dataError('The JSON Web Key\'s "ext" does not allow extraction.');
}

/** Throws DataError if the key names another algorithm than one of these. */
export function checkAlg(jwk: JsonWebKey, ...allowed: string[]): void {
    if (jwk.alg !== undefined && !allowed.includes(jwk.alg)) {
        throw dataError(`The JSON Web Key's "alg" is "${jwk.alg}", where "${allowed[0]}" was expected.`);
    }
}
