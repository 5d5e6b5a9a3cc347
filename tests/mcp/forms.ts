// Tools for the tests of mayfly mcp: functions in all the forms in which a module may export them.

import type { Far } from "./far";

export interface SimpleUser { name: string }
interface Deep { user: SimpleUser }
export interface Deep { more: Box<Colour>[] }
export enum Colour { Red = "red" }
export class Box<T> {
    static count = 0;
    private hidden = 1;
    constructor(public value: T, readonly note = "none") {}
    open(): T { return this.hidden > 0 ? this.value : this.value; }
}
class Crate extends Box<number> { label?: string }
type Handler = (input: { id: number }) => string;

/** Its own type, and a class. */
export function own(user: SimpleUser, box: Box<number>): Deep { return { user, more: [] }; }
export const crate = async (): Promise<Crate> => ({ value: 1, note: "", open: () => 1 }) as unknown as Crate;
export const pattern = ({ a = 1, b }: { a?: number; b: string }, [c] = [2], ...rest: number[]) => a + b + c + rest.join();
/** Twice, or again. */
export function over(a: string): string;
export function over(a: number): number;
export function over(a: any): any { return a; }
/** Comes later. */
function later(x: number): number { return x + 1; }
export { later, later as renamed };
export default function standard(q: string): string { return q; }
const wrap = <F>(f: F): F => f;
export const wrapped = wrap((x: number) => x * 2);
export const typed: (a: number, b?: string) => boolean = wrap((a) => a > 0);
export const handler: Handler = ({ id }) => `handled ${id}`;
export const alias = later;
export function first(a = 1, b: string): string { return a + b; }
export function isText(this: unknown, value: unknown): value is string { return typeof value === "string"; }
export function then(a: number): number { return a; }
/** Gives its items one by one. */
export async function* stream(count: number): AsyncGenerator<SimpleUser> { for (let i = 0; i < count; i++) yield { name: `n${i}` }; }
export function* plain() { yield 1; yield 2; }
export function foreign(far: Far, inner: Inside.Inner, more: Map<string, Far>, other: import("./far").Other<Far>): Inside.Inner { return inner ?? { far, more, other }; }
export const table = (key: keyof typeof TABLE, kind: (typeof KINDS)[number], odd: typeof KINDS, deep: typeof TABLE.a): ReturnType<typeof later> => TABLE[key] + KINDS.indexOf(kind) + odd.length + deep;
export const based = (input: Based): string => input.name;
const TABLE = { a: 1, "b-c": -2 };
const KINDS = ["x", "y"] as const;
interface Based extends Far { name: string }
export namespace Inside { export interface Inner { v: number } }
export const notATool = 5;
export type { Handler };
