// TypeScript and JSX modules: types are stripped in the cell, by sucrase. Lines stay; columns are mapped back.

import { transform } from "sucrase";
import { native } from "../web/host";
import { errorAt, type Place } from "./record";

export interface Stripped {
    bytes: Uint8Array;
    mapPlace(place: Place): Place;
}

const BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/** Decodes a source map's VLQ mappings: for each generated line its [generated column, source line, source column]. */
function decodeMappings(mappings: string): [number, number, number][][] {
    let sourceLine = 0;
    let sourceColumn = 0;
    return mappings.split(";").map((line) => {
        let generated = 0;
        return line
            .split(",")
            .filter((segment) => segment !== "")
            .map((segment): [number, number, number] => {
                const fields: number[] = [];
                let value = 0;
                let shift = 0;
                for (const digit of segment) {
                    const bits = BASE64.indexOf(digit);
                    value |= (bits & 31) << shift;
                    shift += 5;
                    if (bits & 32) continue;
                    fields.push(value & 1 ? -(value >> 1) : value >> 1);
                    value = shift = 0;
                }
                generated += fields[0]!;
                sourceLine += fields[2] ?? 0;
                sourceColumn += fields[3] ?? 0;
                return [generated, sourceLine, sourceColumn];
            });
    });
}

/** Strips a module's types; throws SyntaxError with the place. */
export function stripTypes(name: string, source: string): Stripped {
    const hasJsx = /\.(?:tsx|jsx)$/.test(name);
    try {
        const { code, sourceMap } = transform(source, {
            transforms: hasJsx ? ["typescript", "jsx"] : ["typescript"],
            disableESTransforms: true,
            production: true,
            filePath: name,
            sourceMapOptions: { compiledFilename: name },
        });
        let lines: [number, number, number][][] | undefined;
        return {
            bytes: native.utf8Encode(code),
            mapPlace({ line, column }) {
                lines ??= decodeMappings(sourceMap!.mappings);
                const before = (lines[line - 1] ?? []).filter(([generated]) => generated <= column - 1).at(-1);
                if (before === undefined) return { line, column };
                return { line: before[1] + 1, column: before[2] + (column - 1 - before[0]) + 1 };
            },
        };
    } catch (thrown) {
        const { message, loc } = thrown as { message: string; loc?: { line: number; column: number } };
        const text = message.replace(/^Error transforming [^:]*: /, "").replace(/ \(\d+:\d+\)$/, "");
        const place = loc ? { line: loc.line, column: loc.column } : { line: 1, column: 1 };
        throw errorAt(new SyntaxError(text), name, place);
    }
}
