// The names that somebody may have meant who wrote another one.

const COMPARED_MAX = 5000;
/** Of the name that somebody wrote, who may be a sandbox and have all the time of whoever compares. */
export const WANTED_CHARACTERS_MAX = 200;

/** Edits between two words, a swap of neighbours counting as one; stops at `limit`. */
function distance(a: string, b: string, limit: number): number {
    if (Math.abs(a.length - b.length) > limit) return limit + 1;
    let before: number[] = [];
    let last = Array.from({ length: b.length + 1 }, (_, i) => i);
    for (let i = 1; i <= a.length; i++) {
        const row = [i];
        for (let j = 1; j <= b.length; j++) {
            const cost = a[i - 1] === b[j - 1] ? 0 : 1;
            row[j] = Math.min(row[j - 1]! + 1, last[j]! + 1, last[j - 1]! + cost);
            if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) row[j] = Math.min(row[j]!, before[j - 2]! + 1);
        }
        [before, last] = [last, row];
    }
    return last[b.length]!;
}

/** `reposListForUser` as [repos, list, for, user]. */
export function nameWords(name: string): string[] {
    return name
        .replace(/([a-z0-9])([A-Z])/g, "$1 $2")
        .replace(/([A-Z]+)([A-Z][a-z])/g, "$1 $2")
        .toLowerCase()
        .split(/[^a-z0-9]+/)
        .filter((word) => word !== "");
}

const stem = (word: string): string => word.replace(/(?:ies|y)$/, "i").replace(/s$/, "");

/** Share of the words that two names have in common. */
function overlap(a: string[], b: Set<string>): number {
    const common = a.filter((word) => b.has(stem(word))).length;
    return (2 * common) / (a.length + b.size);
}

const editsMax = (wanted: string): number => Math.max(1, Math.floor(wanted.length / 3));

/** Whether one is the other with a slip or two. */
export const isMisspelt = (wanted: string, name: string): boolean => distance(wanted.toLowerCase(), name.toLowerCase(), editsMax(wanted)) <= editsMax(wanted);

/** The `count` nearest of the known names to `wanted`, best first; none that is merely another name. */
export function nearestNames(wanted: string, known: Iterable<string>, count = 3): string[] {
    if (wanted.length > WANTED_CHARACTERS_MAX) return [];
    const lower = wanted.toLowerCase();
    const words = nameWords(wanted);
    const limit = editsMax(wanted);
    const scored: { name: string; score: number }[] = [];
    let compared = 0;
    for (const name of known) {
        if (name === wanted || ++compared > COMPARED_MAX) continue;
        const edits = distance(lower, name.toLowerCase(), limit);
        const spelled = edits <= limit ? 1 - edits / Math.max(wanted.length, name.length) : 0;
        const shared = overlap(words, new Set(nameWords(name).map(stem)));
        const score = Math.max(spelled, shared > 0.45 ? shared * 0.95 : 0);
        if (score > 0) scored.push({ name, score });
    }
    scored.sort((a, b) => b.score - a.score || (a.name < b.name ? -1 : 1));
    return scored.slice(0, count).map(({ name }) => name);
}
