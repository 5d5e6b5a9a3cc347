import { XMLBuilder, XMLParser, XMLValidator } from "fast-xml-parser";

export const run = () => {
    const options = { ignoreAttributes: false, attributeNamePrefix: "@" };
    const parsed = new XMLParser(options).parse('<r v="1"><i>a &amp; b</i><i n="2">3</i><![CDATA[<x>]]></r>');
    return [parsed, new XMLBuilder(options).build({ r: { "@v": "1", i: ["a", "b"] } }), XMLValidator.validate("<a><b></a>").err.code];
};
export const expected = [{ r: { i: ["a & b", { "#text": 3, "@n": "2" }], "#text": "<x>", "@v": "1" } }, '<r v="1"><i>a</i><i>b</i></r>', "InvalidTag"];
