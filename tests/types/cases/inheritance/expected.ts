export interface Users extends Omit<Repository<User>, "get"> {
  /** Only a user's own. */
  get(key: Key, strict?: boolean): Promise<User>;
  rename(id: Key, name: string): Promise<void>;
}
/** May do more. */
export interface Admin extends Users {
  drop(): Promise<void>;
}
export interface Plain {
  hello(): Promise<string>;
}
export interface Default {
  users(): Promise<Repository<User>> & Repository<User>;
}
interface User {
    id: string;
    name: string;
}
type Key = string | number;
/** What all repositories can. */
interface Repository<T extends { id: string }> {
  /** One by its key. */
  get(key: Key): Promise<T | undefined>;
  all(): Promise<T[]>;
  map<U>(f: (one: T) => U): Promise<U[]>;
}
