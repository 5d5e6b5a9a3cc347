import { z } from "zod";

const User = z.object({ name: z.string().min(2), age: z.coerce.number().int().positive(), tags: z.array(z.enum(["a", "b"])).default([]) });

export const run = () => {
    const good = User.parse({ name: "Ada", age: "36" });
    const bad = User.safeParse({ name: "x", age: -1, tags: ["c"] });
    return [good, bad.success, bad.error.issues.map((issue) => issue.path.join("."))];
};
export const expected = [{ name: "Ada", age: 36, tags: [] }, false, ["name", "age", "tags.0"]];
