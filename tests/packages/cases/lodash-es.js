import { chunk, cloneDeep, debounce, groupBy, merge, orderBy, template } from "lodash-es";

export const run = async () => {
    let calls = 0;
    const late = debounce(() => calls++, 5);
    late();
    late();
    await new Promise((resolve) => setTimeout(resolve, 60));
    let refused = "compiled";
    try {
        template("<%= a %>")({ a: 1 });
    } catch (thrown) {
        refused = thrown.name;
    }
    const deep = { a: [new Map([[1, new Date(0)]])] };
    const copy = cloneDeep(deep);
    return [chunk([1, 2, 3], 2), groupBy(["one", "two", "three"], "length"), merge({ a: { b: 1 } }, { a: { c: 2 } }),
        orderBy([{ n: 1 }, { n: 3 }, { n: 2 }], "n", "desc"), calls, refused, copy.a[0] !== deep.a[0] && copy.a[0].get(1).getTime()];
};
export const expected = [[[1, 2], [3]], { 3: ["one", "two"], 5: ["three"] }, { a: { b: 1, c: 2 } }, [{ n: 3 }, { n: 2 }, { n: 1 }], 1, "EvalError", 0];
