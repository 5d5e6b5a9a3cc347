// TypeScript and JSX modules: types are stripped in the cell, by sucrase. Lines stay; columns are mapped back.

import { decode, type SourceMapMappings } from "@jridgewell/sourcemap-codec";
import { transform } from "sucrase";
import { native } from "../web/host";
import { refuseNamespaces } from "./namespaces";
import { errorAt, type Place } from "../modules/record";

export interface Stripped {
    bytes: Uint8Array;
    mapPlace(place: Place): Place;
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
        refuseNamespaces(source, hasJsx);
        let lines: SourceMapMappings | undefined;
        return {
            bytes: native.utf8Encode(code),
            mapPlace({ line, column }) {
                lines ??= decode(sourceMap!.mappings);
                const before = (lines[line - 1] ?? []).findLast(([generated]) => generated <= column - 1);
                if (before === undefined || before.length === 1) return { line, column };
                return { line: before[2] + 1, column: before[3] + (column - 1 - before[0]) + 1 };
            },
        };
    } catch (thrown) {
        const { message, loc } = thrown as { message: string; loc?: { line: number; column: number } };
        const text = message.replace(/^Error transforming [^:]*: /, "").replace(/ \(\d+:\d+\)$/, "");
        const place = loc ? { line: loc.line, column: loc.column } : { line: 1, column: 1 };
        throw errorAt(new SyntaxError(text), name, place);
    }
}
