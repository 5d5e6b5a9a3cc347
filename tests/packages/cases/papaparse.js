import Papa from "papaparse";

export const run = () => {
    const { data, errors, meta } = Papa.parse('name;n\n"a ""b""; c";1\nd;2\n', { header: true, dynamicTyping: true, skipEmptyLines: true });
    const rows = Array.from({ length: 2000 }, (_, i) => ({ i, text: `a,"${i}"\n` }));
    return [data, errors, meta.delimiter, Papa.parse(Papa.unparse(rows), { header: true, dynamicTyping: true }).data[1999]];
};
export const expected = [[{ name: 'a "b"; c', n: 1 }, { name: "d", n: 2 }], [], ";", { i: 1999, text: 'a,"1999"\n' }];
