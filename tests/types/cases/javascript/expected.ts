/** What the code finds in env. */
export interface Env {
  LIBRARY: Library;
}
/** The library, in JavaScript. */
interface Library {
  /** Finds books. @param query words of the title */
  search(query: string, options?: { /** so many at most */ limit?: number; order: Order; }): Promise<Array<Book>>;
  pick<T extends Book>(books: T[], onBook?: OnBook, ...tags: (string)[]): Promise<T>;
  shelf(): Promise<Shelf> & Shelf;
  untyped(a: unknown, b?: string, input?: unknown, ...rest: unknown[]): Promise<void>;
  odd(x: unknown): Promise<number | string>;
  /** All on one line, to a@b odd and @home. @param n how often */
  line(n: number): Promise<string[]>;
  two(flag: unknown): Promise<unknown>;
  /** @deprecated */
  old(): Promise<Date>;
}
type Book = { /** how it is called */ title: string; year?: number; authors: Author[]; };
type Order = "title" | "year";
type OnBook = (book: Book) => boolean;
/** A shelf of books. */
interface Shelf {
  readonly size: Promise<number>;
  first(): Promise<Book | null>;
}
type Author = { name: string, born?: Date };
