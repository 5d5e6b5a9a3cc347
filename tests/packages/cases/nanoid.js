import { customAlphabet, nanoid } from "nanoid";

export const run = () => {
    const ids = Array.from({ length: 500 }, () => nanoid());
    return [new Set(ids).size, ids.every((id) => /^[\w-]{21}$/.test(id)), /^[01]{64}$/.test(customAlphabet("01", 64)())];
};
export const expected = [500, true, true];
