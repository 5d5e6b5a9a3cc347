export interface Api {
  both(mine: Options, theirs: Options2, wish: Request2, env: Env2): Promise<void>;
  shadow<Options>(value: Options): Promise<Options>;
  infers(value: unknown): Promise<unknown extends (infer Env)[] ? Env : never>;
  delete(class_: string): Promise<void>;
  __proto__(): Promise<void>;
  then(): Promise<void>;
  "with space"(): Promise<void>;
  "*/ evil"(): Promise<void>;
  /** Ends the comment: *\/ and goes on. */
  "0"(): Promise<void>;
  fetch(input: Request | string | URL, init?: RequestInit): Promise<Response>;
}
type Options = { mine: true; __proto__?: null };
interface Options2 {
    theirs: true;
    next?: Options2;
}
interface Request2 {
    wish: string;
}
interface Env2 {
    secret: string;
}
