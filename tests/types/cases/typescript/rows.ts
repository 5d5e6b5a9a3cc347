/** One row. */
export interface Row {
    id: number;
    /** Who has it. */
    owner?: Owner;
    at: Date;
}
interface Owner {
    name: string;
    rows: Row[];
}
export enum Color {
    Red = "red",
    Blue = "blue",
}
export type Opts = { limit?: number; order?: keyof Row; deep?: Partial<Record<string, Map<string, Owner>>> };
/** Not named by anything. */
export interface Unused {}
