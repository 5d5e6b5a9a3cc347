/** What the code finds in env. */
export interface Env {
  CART: Cart;
  LIMIT: number;
  TAGS: string[];
  THEME: { dark: boolean; "odd key": null };
  OTHER: unknown;
}
/** What is to be bought. */
interface Cart {
  add(item: string, count: number): Promise<number>;
}
