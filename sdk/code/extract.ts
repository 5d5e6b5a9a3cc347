// Finds the code in what a model wrote: fences, prose around it, a JSON wrapper, escapes that went one round too far.
// Lines that are not code become empty, so that every place in the code is the place in what was sent.

import { CodeError, parseProgram, type Node, type Parsed } from "./parse";
import { walk } from "./tree";

/** A line that code may begin with, where prose stands before it. */
const CODE_START =
    /^\s*(?:async\b|const\b|let\b|var\b|function\b|export\b|import\b|await\b|return\b|class\b|type\b|interface\b|enum\b|for\b|if\b|try\b|\(|\{|\/\/|\/\*|[A-Za-z_$][\w$]*(?:\.[\w$]+)*\()/;
const STARTS_MAX = 12;
const PARAGRAPHS_MAX = 6;
const CODE_LANGUAGES = /^(?:|js|jsx|ts|tsx|mjs|mts|javascript|typescript|node|nodejs|es6)$/i;

const isBlank = (line: string): boolean => line.trim() === "";

/** The lines from `from` to `to` where they stood; empty ones instead of all others before them. */
function keepLines(lines: string[], from: number, to: number): string {
    return "\n".repeat(from) + lines.slice(from, to).join("\n");
}

/** Whether a template begins at the line's end: a fence behind it is a part of that. */
const beginsTemplate = (line = ""): boolean => line.endsWith("`") && line.split("`").length === 2;

/** The fenced blocks of a text that may be code; a fence that is never closed goes to the end. */
function fencedBlocks(text: string): string[] {
    const lines = text.split("\n");
    const blocks: string[] = [];
    for (let i = 0; i < lines.length; i++) {
        const open = /^\s*(`{3,}|~{3,})\s*([\w+#.-]*)[^`]*$/.exec(lines[i]!);
        if (!open) continue;
        const isClose = (line: string): boolean => line.trim().startsWith(open[1]!) && /^[`~]+$/.test(line.trim());
        let end = i + 1;
        while (end < lines.length && !isClose(lines[end]!)) end++;
        const call = /^jsonc?$/i.test(open[2]!) ? fromJson(lines.slice(i + 1, end).join("\n")) : undefined;
        if (call !== undefined) blocks.push(call);
        if (CODE_LANGUAGES.test(open[2]!) && !beginsTemplate(lines[i - 1])) blocks.push(keepLines(lines, i + 1, end));
        i = end;
    }
    // ```js code``` on one line.
    const inline = /^\s*```(?:(?:js|ts|javascript|typescript)\s)?([^\n]*?)```\s*$/.exec(text);
    if (blocks.length === 0 && inline) blocks.push(inline[1]!);
    return blocks;
}

/** What a block declares at its outermost level. */
function declaredIn(block: string): string[] {
    const declarations = block.matchAll(/^(?:const|let|var|class|(?:async )?function\*?)\s+(\w+|[[{][^=]*)/gm);
    return [...declarations].flatMap(([, names]) => names!.match(/[A-Za-z_$][\w$]*/g) ?? []);
}

/** The blocks as one program, if a later one uses what those before it declare, and declares none of it anew. */
function joined(blocks: string[]): string | undefined {
    const last = blocks.at(-1);
    const before = blocks.slice(0, -1);
    const names = before.flatMap(declaredIn);
    const isWhole = new Set(names).size === names.length && !declaredIn(last ?? "").some((name) => names.includes(name));
    if (!isWhole || before.some((block) => /^return\b/m.test(block))) return undefined;
    const used = new Set(last?.match(/(?<![\w$.])[A-Za-z_$][\w$]*/g));
    if (!names.some((name) => used.has(name))) return undefined;
    const lines: string[] = [];
    for (const [index, line] of blocks.flatMap((block) => [...block.split("\n").entries()])) lines[index] ||= line;
    return lines.join("\n");
}

export const HAS_FENCE = /^\s*(?:`{3}|~{3})/m;

/** Where a fence was read as code: three backticks are an empty template before another, three tildes are operators. */
function fenceRead({ text, body }: Parsed): number | undefined {
    if (!HAS_FENCE.test(text)) return undefined;
    let found: number | undefined;
    const see = ({ type, start, quasi }: Node): void => {
        const at = type === "TaggedTemplateExpression" ? (quasi as Node).start - 2 : type === "UnaryExpression" ? start : -1;
        if (at >= 0 && /^(?:`{3}|~{3})/.test(text.slice(at, at + 3))) found = Math.min(found ?? at, at);
    };
    for (const statement of body) walk(statement, see);
    return found;
}

/** What no prose has: a part of the code that does not parse is not to be taken for prose, and the rest run. */
const CODE_MARK = /[{}=;]|\)\s*$/m;

/** Readings of a text in which prose stands before or behind the code, without fences. */
function* withoutProse(text: string): Generator<string> {
    const lines = text.split("\n");
    const starts = lines.flatMap((line, index) => (CODE_START.test(line) ? [index] : [])).slice(0, STARTS_MAX);
    const ends = [lines.length];
    for (let i = lines.length - 1; i > 0 && ends.length < PARAGRAPHS_MAX; i--) {
        if (isBlank(lines[i]!) && !isBlank(lines[i - 1]!)) ends.push(i);
    }
    const isProse = (from: number, to: number): boolean => !CODE_MARK.test(lines.slice(from, to).join("\n"));
    for (const start of starts.filter((line) => isProse(0, line))) {
        for (const end of ends.filter((line) => line > start && isProse(line, lines.length))) {
            yield keepLines(lines, start, end);
        }
    }
}

const ENTITIES: Record<string, string> = { "&gt;": ">", "&lt;": "<", "&amp;": "&", "&quot;": '"', "&#39;": "'" };

/** What a tool call says beside its code, and what it is wrapped in. */
const CALL_WORDS = /^(?:code|language|lang|description|explanation|title|reason|reasoning|thought)$/;
const CALL_FRAMES = /^(?:id|type|name|tool|tool_name|recipient_name|action|function|arguments|parameters|params|args|input|action_input)$/;
const FRAMES_MAX = 4;

/** The code of a tool call, whatever it is wrapped in: its arguments may be JSON once more. */
function codeOfCall(call: unknown, depth = 0): string | undefined {
    if (typeof call === "string" && depth > 0) return fromJson(call, depth);
    if (typeof call !== "object" || call === null || depth > FRAMES_MAX) return undefined;
    if (Array.isArray(call)) return call.length === 1 ? codeOfCall(call[0], depth + 1) : undefined;
    const entries = Object.entries(call as Record<string, unknown>);
    const code = entries.find(([key]) => key === "code")?.[1];
    if (typeof code === "string" && entries.every(([key]) => CALL_WORDS.test(key))) return code;
    if (!entries.every(([key]) => CALL_FRAMES.test(key))) return undefined;
    return entries.map(([, inner]) => (typeof inner === "object" || typeof inner === "string" ? codeOfCall(inner, depth + 1) : undefined)).find((one) => one !== undefined);
}

/** The code of a tool call that was written out as text, `{"code": "..."}` at the least. */
function fromJson(text: string, depth = 0): string | undefined {
    if (!/^\s*[{[][^]*\bcode\\*"\s*:/.test(text)) return undefined;
    try {
        return codeOfCall(JSON.parse(text), depth);
    } catch {
        return undefined;
    }
}

/** `\n` and `\"` as they were meant, in a text that is one line because of them. */
function unescaped(text: string): string | undefined {
    if (text.trim().includes("\n") || !/\\n|\\"/.test(text)) return undefined;
    return text.replace(/\\(n|t|r|"|\\)/g, (_, c: string) => ({ n: "\n", t: "\t", r: "\r" })[c] ?? c);
}

/** Elements that models put around code and around calls of tools; some say what they are for, `<function=execute>`. */
const ELEMENT = /^\s*<((?:\w+:)?(?:code|execute|script|tool_code|javascript|typescript|js|ts|tool_calls?|function_calls?|function|invoke|parameter|arguments))(?:=[\w.]+|\s[^<>]*)?>[^]*<\/\1>\s*$/i;

/** What stands in an element like `<code>`, in place. */
function unwrapped(text: string): string | undefined {
    const [whole] = ELEMENT.exec(text) ?? [];
    return whole?.slice(0, whole.lastIndexOf("</")).replace(/<[^<>]*>/, (tag) => " ".repeat(tag.length));
}

/** What stands before a closing fence that was never opened. */
function beforeStrayFence(text: string): string | undefined {
    const [, before] = /^([^]*\n)\s*(?:`{3,}|~{3,})\s*$/.exec(text) ?? [];
    return before !== undefined && !/^\s*(?:`{3}|~{3})/m.test(before) ? before : undefined;
}

/** All readings of the text, the likeliest first. */
function* readings(text: string): Generator<string> {
    const inner = unwrapped(text) ?? beforeStrayFence(text);
    if (inner !== undefined) yield* readings(inner);
    const label = /^\s*(?:js|javascript|ts|typescript)[ \t]*\n/i.exec(text);
    if (label) yield text.replace(label[0].trim(), "");
    const code = fromJson(text);
    if (code !== undefined) yield* readings(code);
    if (!/^\s*(?:`{3}|~{3})/.test(text)) yield text;
    const blocks = fencedBlocks(text);
    const program = joined(blocks);
    if (program !== undefined) yield program;
    yield* blocks.toSorted((a, b) => b.trim().length - a.trim().length);
    if (/&(?:gt|lt|amp|quot|#39);/.test(text)) yield text.replace(/&(?:gt|lt|amp|quot|#39);/g, (entity) => ENTITIES[entity]!);
    const meant = unescaped(text);
    if (meant !== undefined) yield* readings(meant);
    if (blocks.length === 0) yield* withoutProse(text);
}

/** Marks of models' own, as `<|python_tag|>`, around what they wrote. */
const MARKS = /^\s*(?:<\|\w+\|>\s*)+|(?:\s*<\|\w+\|>)+\s*$/g;

/** A text without what is no part of it to whoever wrote it. */
export function cleaned(written: string): string {
    const text = written.replace(/^\uFEFF/, "").replaceAll("\r\n", "\n").replaceAll("\u200b", "").replace(/^#!.*/, "");
    if (!text.includes("<|")) return text; // long white space takes its time
    return text.replace(MARKS, (marks) => marks.replace(/\S/g, " "));
}

/**
 * The first reading of a cleaned text that is code, parsed. If none is, the error of the likeliest one that is more than
 * prose: a fenced block before the text as a whole.
 */
export function extractCode(text: string): Parsed {
    let failure: { error: unknown; isFence: boolean } | undefined;
    const blocks = new Set(fencedBlocks(text));
    for (const reading of readings(text)) {
        try {
            const parsed = parseProgram(reading);
            const at = fenceRead(parsed);
            if (at === undefined) return parsed;
            const line = reading.slice(0, at).split("\n").length;
            throw new CodeError("This fence has no JavaScript or TypeScript in it.", reading, line, 1);
        } catch (error) {
            const isFence = blocks.has(reading);
            if (failure === undefined || (isFence && !failure.isFence)) failure = { error, isFence };
        }
    }
    throw failure!.error;
}
