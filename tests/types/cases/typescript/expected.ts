/** What the code finds in env. */
export interface Env {
  DB: Database;
  GREETING: string;
  NESTED: { n: number; on: boolean };
}
/** The database of one user. */
interface Database {
  /** Finds rows. @param query what to look for @param options how many, and in which order */
  find<T extends Row>(query: string, options?: Opts): Promise<T[]>;
  counter(): Promise<Counter> & Counter;
  counters(): Promise<Counter[]>;
  open(name?: string): Promise<Counter> & Counter;
  /** Calls back for each row; a destructured parameter gets a name. */
  each(f: (row: Row) => void | Promise<void>, input: { from: number; to?: Shape }): Promise<void>;
  maker(step: number): Promise<(n: number) => Promise<number>>;
  color(color: Color, red: "red", parsed: unknown): Promise<"none" | Color | null>;
  late(first: number | undefined, second: string): Promise<boolean>;
  over(a: string): Promise<string>;
  over(a: number): Promise<number>;
  "list-all"(...names: string[]): Promise<ReadableStream<Uint8Array>>;
  isRow(value: unknown): Promise<boolean>;
  unknownGlobal(value: unknown, stub: Counter): Promise<unknown>;
  fetch(input: Request | string | URL, init?: RequestInit): Promise<Response>;
}
/** One row. */
interface Row {
    id: number;
    /** Who has it. */
    owner?: Owner;
    at: Date;
}
type Opts = { limit?: number; order?: keyof Row; deep?: Partial<Record<string, Map<string, Owner>>> };
/** A counter that lives on. */
interface Counter {
  /** Adds, and tells the sum. */
  add(k?: number): Promise<number>;
  /** The sum. */
  readonly value: Promise<number>;
  readonly isZero: Promise<boolean>;
}
type Shape = { kind: "a" } | { kind: "b" };
type Color = "red" | "blue";
interface Owner {
    name: string;
    rows: Row[];
}
