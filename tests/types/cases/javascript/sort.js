/** @typedef {"title" | "year"} Order */
export {};
