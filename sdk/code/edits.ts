// Changes to a text that leave its lines where they are, and the way back: which place in the original one in the
// changed text is.

export interface Place {
    line: number;
    column: number;
}

interface Edit {
    start: number;
    end: number;
    text: string;
}

export class Edits {
    readonly #text: string;
    readonly #edits: Edit[] = [];

    constructor(text: string) {
        this.#text = text;
    }

    insert(at: number, text: string): void {
        this.#edits.push({ start: at, end: at, text });
    }

    /** Replaces by blanks; line ends stay. */
    blank(start: number, end: number): void {
        this.#edits.push({ start, end, text: this.#text.slice(start, end).replace(/[^\n]/g, " ") });
    }

    /** The changed text, and a function from its places to the original's. */
    apply(): { text: string; original: (place: Place) => Place } {
        const sorted = this.#edits.toSorted((a, b) => a.start - b.start || a.end - b.end);
        let text = "";
        let from = 0;
        /** For each insertion the line and column where it begins in the changed text, and its length. */
        const shifts: (Place & { length: number })[] = [];
        for (const { start, end, text: replacement } of sorted) {
            text += this.#text.slice(from, start);
            const lineStart = text.lastIndexOf("\n") + 1;
            const line = text.split("\n").length;
            if (start === end) shifts.push({ line, column: text.length - lineStart + 1, length: replacement.length });
            text += replacement;
            from = end;
        }
        text += this.#text.slice(from);
        const original = ({ line, column }: Place): Place => {
            const before = shifts.filter((shift) => shift.line === line && shift.column < column);
            const moved = before.reduce((sum, shift) => sum + Math.min(shift.length, column - shift.column), 0);
            return { line, column: column - moved };
        };
        return { text, original };
    }
}
