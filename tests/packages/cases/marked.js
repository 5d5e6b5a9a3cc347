import { Marked } from "marked";

export const run = async () => {
    const marked = new Marked({ gfm: true, renderer: { heading: ({ text, depth }) => `<h${depth} id="${text.toLowerCase()}">${text}</h${depth}>\n` } });
    return marked.parse("# Title\n\n* **a** `b`\n* [c](http://d)\n\n| x | y |\n|---|--:|\n| 1 | 2 |\n");
};
export const expected =
    '<h1 id="title">Title</h1>\n<ul>\n<li><strong>a</strong> <code>b</code></li>\n<li><a href="http://d">c</a></li>\n</ul>\n' +
    '<table>\n<thead>\n<tr>\n<th>x</th>\n<th align="right">y</th>\n</tr>\n</thead>\n<tbody><tr>\n<td>1</td>\n<td align="right">2</td>\n</tr>\n</tbody></table>\n';
