// Everything that code may call, whatever it comes from: entries with names and words to search by, declared when asked
// for and called through their source.

import { nearestNames, nameWords } from "../code/nearest";
import { missingMethod } from "../code/errors";

/** One function. */
export interface Entry {
    name: string;
    /** One line that says what it does. */
    summary: string;
    /** More words to be found by: path, tags, the rest of the description. */
    words: string;
}

/** The declaration of a function or of a type. */
export interface Declaration {
    name: string;
    text: string;
}

export interface Source {
    namespace: string;
    title: string;
    entries: Entry[];
    /** What its functions give whose declarations do not say it. */
    unsaid?: string;
    /** The signatures of these functions, in their order, and the types that they mention, nearest first. */
    declare(names: string[]): { signatures: Declaration[]; types: Declaration[] };
    /** The declaration of one named type, with what it mentions; none if there is no such type. */
    type(name: string): Declaration[];
    /** `signal` tells that nobody waits any more. */
    call(name: string, args: unknown[], signal?: AbortSignal): Promise<unknown>;
    /** The source as it is now, if it has said that it is another than when it was read. */
    renew?(): Promise<Source> | undefined;
}

export interface Found {
    namespace: string;
    entry: Entry;
}

/** Words of an entry with their weights; made once. */
interface Indexed extends Found {
    name: Set<string>;
    pairs: Set<string>;
    summary: Set<string>;
    words: Set<string>;
}

/** What counts of an entry that has next to nothing of what is asked. */
const ANSWERED_MIN = 0.25;

const WEIGHTS = { name: 10, summary: 4, words: 1 };

/** One form of a word for all: repositories, branches, merging, starred, invite(-ation). */
const stem = (word: string): string =>
    word
        .replace(/ies$/, "y")
        .replace(/(?<=[^su])s$/, "")
        .replace(/(?<=..)(?:ing|ed)$/, "")
        .replace(/([bgmnprt])\1$/, "$1")
        .replace(/(?<=...)e$/, "");

const stemsOf = (text: string): string[] => nameWords(text).map(stem);

const wordsOf = (text: string): Set<string> => new Set(stemsOf(text));

const COMPOUND_PART_MIN = 3;
/** A longer one is no two words, and servers of others may have any. */
const COMPOUND_MAX = 40;

/** Two words that are written as one, `listremotes`, if both are known alone. */
function partsOf(word: string, isKnown: (part: string) => boolean): string[] {
    if (word.length > COMPOUND_MAX) return [];
    for (let at = COMPOUND_PART_MIN; at <= word.length - COMPOUND_PART_MIN; at++) {
        const parts = [word.slice(0, at), word.slice(at)].map(stem);
        if (parts.every(isKnown)) return parts;
    }
    return [];
}

/** What APIs call one thing and who asks another, each with the others of its line. */
const ALIKE = new Map<string, Set<string>>();
for (const line of [
    "get list show fetch read retrieve view",
    "search find query",
    "create add new make post insert open",
    "delete remove destroy",
    "update edit change modify set put patch close",
    "run trigger dispatch start",
    "i me my current own authenticated",
    "pr pull",
    "org organization",
]) {
    const words = stemsOf(line);
    for (const word of words) ALIKE.set(word, new Set(words));
}

/** Words that tell nothing apart. */
const FILLERS = /^(?:a|an|the|of|to|for|in|on|and|or|with|by)$/;

/** Each two words that follow one another, one of which tells nothing alone: "on call". */
function pairsOf(text: string): Set<string> {
    const all = stemsOf(text);
    return new Set(all.slice(1).flatMap((word, n) => (FILLERS.test(word) || FILLERS.test(all[n]!) ? [`${all[n]} ${word}`] : [])));
}

/** Words of a question that tell nothing of what is asked. */
const ASKING = /^(?:who|what|which|how|is|are|am|be|do|does|can|i|now|right|please|all)$/;

/** Whether one word begins with the other. */
const isForm = (word: string, other: string): boolean => (word.length > 2 && other.startsWith(word)) || (other.length > 3 && word.startsWith(other));

/** A word that is searched: itself, others that mean the same, and those that begin with it or that it begins with. */
interface Wanted {
    word: string;
    alike: string[];
    forms: string[];
    weight: number;
}

function match({ word, alike, forms }: Wanted, words: Set<string>): number {
    const isThere = (other: string): boolean => words.has(other);
    return isThere(word) ? 1 : alike.some(isThere) ? 0.8 : forms.some(isThere) ? 0.6 : 0;
}

const REASON_CHARACTERS_MAX = 300;

export class Catalog {
    sources: readonly Source[];
    /** Reads sources again that have said that they are others now; set by who replaces them. */
    renew: () => Promise<unknown> = async () => {};
    /** Sources that there should be, by their names, with why there are not; a model may have been told of them. */
    readonly #missing = new Map<string, string>();
    #index: Indexed[] | undefined;
    #frequency = new Map<string, number>();

    constructor(sources: readonly Source[]) {
        this.sources = sources;
    }

    /** Sources may come later than others. */
    replace(sources: readonly Source[]): void {
        this.sources = sources;
        this.#index = undefined;
        this.#frequency.clear();
    }

    /** `why` a source is left out; undefined once it is there. */
    setMissing(namespace: string, why: string | undefined): void {
        if (why === undefined) this.#missing.delete(namespace);
        else this.#missing.set(namespace, why.replace(/\s+/g, " ").trim().slice(0, REASON_CHARACTERS_MAX));
    }

    get missing(): string[] {
        return [...this.#missing.keys()];
    }

    /** One line that says why there is no such source, if there should be one. */
    whyMissing(namespace: string): string | undefined {
        const why = this.#missing.get(namespace);
        return why === undefined ? undefined : `${namespace} is not available: ${why}`;
    }

    get namespaces(): string[] {
        return this.sources.map(({ namespace }) => namespace);
    }

    source(namespace: string): Source | undefined {
        return this.sources.find((source) => source.namespace === namespace);
    }

    #indexed(): Indexed[] {
        if (this.#index) return this.#index;
        this.#index = this.sources.flatMap(({ namespace, entries }) =>
            entries.map((entry) => ({
                namespace,
                entry,
                name: wordsOf(`${namespace} ${entry.name}`),
                pairs: pairsOf(entry.name),
                summary: wordsOf(entry.summary),
                words: wordsOf(entry.words),
            })),
        );
        this.#partCompounds(this.#index);
        for (const { name, summary, words } of this.#index) {
            for (const word of new Set([...name, ...summary, ...words])) {
                this.#frequency.set(word, (this.#frequency.get(word) ?? 0) + 1);
            }
        }
        return this.#index;
    }

    /** Words of names that are two in one are found by each; what summaries have as one word is one. */
    #partCompounds(index: Indexed[]): void {
        const written = new Set(index.flatMap(({ summary }) => [...summary]));
        const known = new Set([...written, ...index.flatMap(({ name }) => [...name])]);
        for (const { namespace, name } of index) {
            const own = wordsOf(namespace);
            for (const word of [...name]) {
                if (!written.has(word) && !own.has(word)) for (const part of partsOf(word, (one) => known.has(one))) name.add(part);
            }
        }
    }

    /** Rare words count more; of those that mean the same, the most frequent says how rare they are. */
    #weightOf(words: string[], count: number): number {
        return Math.log(1 + count / (1 + Math.max(...words.map((word) => this.#frequency.get(word) ?? 0))));
    }

    #wanted(word: string, count: number): Wanted {
        const alike = [...(ALIKE.get(word) ?? [])];
        const forms = [...this.#frequency.keys()].filter((other) => isForm(word, other));
        return { word, alike, forms, weight: this.#weightOf([word, ...alike], count) };
    }

    /** Entries that have to do with these words, best first: rare words count more, names more than descriptions. */
    search(query: string): Found[] {
        const index = this.#indexed();
        const asked = nameWords(query).filter((word) => !FILLERS.test(word));
        const telling = asked.filter((word) => !ASKING.test(word));
        const wanted = [...new Set((telling.length > 0 ? telling : asked).map(stem))].map((word) => this.#wanted(word, index.length));
        const pairs = [...pairsOf(query)];
        const exact = query.trim().toLowerCase();
        const asking = wanted.reduce((sum, { weight }) => sum + weight, 0);
        const scored = index.map((item) => {
            let score = 0;
            let answered = 0;
            for (const one of wanted) {
                const fields = (["name", "summary", "words"] as const).map((field) => WEIGHTS[field] * match(one, item[field]));
                score += Math.max(...fields) * one.weight;
                if (Math.max(...fields) > 0) answered += one.weight;
            }
            // A rare word that is found says more than that something is listed or shown, as much is.
            score *= ANSWERED_MIN + answered / Math.max(asking, Number.MIN_VALUE);
            for (const pair of pairs) if (item.pairs.has(pair)) score += WEIGHTS.name * this.#weightOf([pair.split(" ").find((word) => !FILLERS.test(word)) ?? pair], index.length);
            const full = `${item.namespace}.${item.entry.name}`.toLowerCase();
            if (full === exact || item.entry.name.toLowerCase() === exact) score += 1000;
            // Of two that match alike, the one whose name says little else is meant.
            const told = [...item.name].filter((word) => !FILLERS.test(word) && word !== item.namespace.toLowerCase());
            const meant = told.filter((word) => wanted.some(({ word: other, alike }) => other.startsWith(word) || word.startsWith(other) || alike.includes(word)));
            return { item, score: score * (0.5 + meant.length / Math.max(1, told.length)) };
        });
        const found = scored.filter(({ score }) => score > 0);
        found.sort((a, b) => b.score - a.score || (a.item.entry.name < b.item.entry.name ? -1 : 1));
        const best = found[0]?.score ?? 0;
        return found.filter(({ score }) => score > best / 5).map(({ item }) => item);
    }

    /** The names that `wanted` may have meant, as namespace.name. */
    near(wanted: string): string[] {
        const names = this.sources.flatMap(({ namespace, entries }) => entries.map(({ name }) => `${namespace}.${name}`));
        return nearestNames(wanted, names);
    }

    async call(namespace: string, name: string, args: unknown[], signal?: AbortSignal): Promise<unknown> {
        const has = (one: Source | undefined): boolean => one !== undefined && one.entries.some((entry) => entry.name === name);
        // A function may have come with the call before this one.
        if (!has(this.source(namespace))) await this.renew();
        const source = this.source(namespace);
        if (!source) throw new TypeError(this.whyMissing(namespace) ?? `There is no ${namespace}.`);
        if (!has(source)) {
            const search = (words: string): string[] => this.search(words).filter((found) => found.namespace === namespace).map(({ entry }) => entry.name);
            throw new TypeError(missingMethod(namespace, name, source.entries.map((entry) => entry.name), search));
        }
        return source.call(name, args, signal);
    }
}
