// Calls of native.crypto (src/cell/crypto.c), which answers undefined where an operation fails.

import { concatBytes } from "../web/bytes";
import { native } from "../web/host";
import { operationError } from "./errors";

type Argument = string | number | Uint8Array;

/** The answer's bytes, or undefined where the operation failed. */
export function attempt(operation: string, ...args: Argument[]): Uint8Array | undefined {
    return native.crypto(operation, ...args) as Uint8Array | undefined;
}

/** The answer's bytes; a failure is an OperationError. */
export function perform(operation: string, ...args: Argument[]): Uint8Array {
    const answer = attempt(operation, ...args);
    if (answer === undefined) throw operationError();
    return answer;
}

/** Whether two byte strings are the same, in a time that does not tell where they differ. */
export function areEqual(a: Uint8Array, b: Uint8Array): boolean {
    return native.crypto("equal", a, b) as boolean;
}

/** Fields as the natives take them: 32-bit lengths in host order, and bytes. */
export function pack(fields: readonly (Uint8Array | undefined)[]): Uint8Array {
    return concatBytes(
        fields.flatMap((field = new Uint8Array(0)) => [new Uint8Array(Uint32Array.of(field.length).buffer), field]),
    );
}

/** The fields of an answer; the first is text. */
export function unpack(bytes: Uint8Array): { type: string; fields: Uint8Array[] } {
    const all: Uint8Array[] = [];
    for (let at = 0; at < bytes.length; ) {
        const length = new Uint32Array(bytes.slice(at, at + 4).buffer)[0]!;
        all.push(bytes.slice(at + 4, at + 4 + length));
        at += 4 + length;
    }
    const [type, ...fields] = all;
    return { type: String.fromCharCode(...type!), fields };
}
