// Objects of the web platform as values: what travels by value, and what brings a stream along. Loaded when the first one
// is met.

import type { Decoder } from "./decoder";
import type { Encoder } from "./encoder";
import { ProtocolError } from "./values";

/** The expression for an object of the platform; undefined for any other. */
export function encodePlatform(_encoder: Encoder, _value: object): unknown[] | undefined {
    return undefined;
}

export function decodePlatform(_decoder: Decoder, _expression: unknown[]): unknown {
    throw new ProtocolError("unknown kind of value");
}
