// FormData: an ordered list of names and values, each a string or a File.

import { needArguments, wrongType } from "./arguments";
import { fileFromBlob, File, type Blob } from "./blob";
import { brand } from "./brand";
import { kinds } from "./kinds";
import { definePairIteration, type PairIteration } from "./pair-iterator";

export type FormDataValue = string | File;

let entriesOf: (form: FormData) => [string, FormDataValue][];
let isForm: (value: object) => value is FormData;

/** What a worker passes as a value becomes a string or a File; a file name makes sense for a Blob only. */
function makeValue(method: string, value: unknown, filename: unknown, given: number): FormDataValue {
    needArguments(`execute '${method}' on 'FormData'`, 2, given);
    if (kinds.blob(value)) {
        if (filename === undefined) {
            return value instanceof File ? value : fileFromBlob(value, "blob");
        }
        return fileFromBlob(value, String(filename), value instanceof File ? value.lastModified : undefined);
    }
    if (given > 2) {
        throw wrongType(`execute '${method}' on 'FormData'`, 2, "Blob");
    }
    return String(value).toWellFormed();
}

function wellFormed(name: unknown): string {
    return String(name).toWellFormed();
}

/** Names and strings are made well-formed at the door; line ends are normalised only when a form is serialised. */
export class FormData {
    #entries: [string, FormDataValue][] = [];

    static {
        entriesOf = (form) => form.#entries;
        isForm = (value): value is FormData => #entries in value;
    }

    constructor(form?: undefined) {
        if (form !== undefined) {
            throw new TypeError("Failed to construct 'FormData': there are no forms here to read.");
        }
    }

    append(name: string, value: string | Blob, filename?: string): void {
        this.#entries.push([wellFormed(name), makeValue("append", value, filename, arguments.length)]);
    }

    delete(name: string): void {
        const wanted = wellFormed(name);
        this.#entries = this.#entries.filter((entry) => entry[0] !== wanted);
    }

    get(name: string): FormDataValue | null {
        const wanted = wellFormed(name);
        return this.#entries.find((entry) => entry[0] === wanted)?.[1] ?? null;
    }

    getAll(name: string): FormDataValue[] {
        const wanted = wellFormed(name);
        return this.#entries.filter((entry) => entry[0] === wanted).map((entry) => entry[1]);
    }

    has(name: string): boolean {
        const wanted = wellFormed(name);
        return this.#entries.some((entry) => entry[0] === wanted);
    }

    set(name: string, value: string | Blob, filename?: string): void {
        const wanted = wellFormed(name);
        const made = makeValue("set", value, filename, arguments.length);
        const index = this.#entries.findIndex((entry) => entry[0] === wanted);
        if (index < 0) {
            this.#entries.push([wanted, made]);
            return;
        }
        this.#entries = this.#entries.filter((entry, at) => at <= index || entry[0] !== wanted);
        this.#entries[index] = [wanted, made];
    }
}

export interface FormData extends PairIteration<FormDataValue> {}

definePairIteration(FormData, "FormData", (form) => (at) => entriesOf(form)[at]);
brand(FormData, "FormData");

kinds.form = (value): value is FormData => typeof value === "object" && value !== null && isForm(value);

/** The form's own list; the caller must not change it. */
export function formEntries(form: FormData): readonly [string, FormDataValue][] {
    return entriesOf(form);
}
