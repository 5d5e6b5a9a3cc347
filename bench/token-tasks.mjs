// Scripted tasks of N steps, once tool by tool and once by code: what a model reads and writes over all turns, in tokens.
// The transcripts are written down here, so that the figures are the same each time; definitions, declarations and
// search results are those of the real thing.

import { count, documents, readDocument, toolDefinition } from "./token-tools.mjs";
import { importSdk } from "../tests/sdk/bundle.mjs";

const { readOpenApi, mcpSource, readServer, openApiSource, Catalog, Tools, Names, DEFAULT_LIMITS } = await importSdk("bench-tasks", {
    "openapi/operations": ["readOpenApi"],
    "mcp/mcp-source": ["mcpSource", "readServer"],
    "mcp/openapi-source": ["openApiSource"],
    "mcp/catalog": ["Catalog"],
    "mcp/tools": ["Tools"],
    "mcp/execute": ["DEFAULT_LIMITS"],
    "types/names": ["Names"],
});

const SYSTEM = "You are a helpful assistant. Use the tools you are given to do what the user asks, then answer briefly.";
export const STEPS = [1, 3, 10, 31, 100];

/** All turns of a conversation: each reads everything before it, and writes one message. */
function total(definitions, messages) {
    const fixed = count(SYSTEM) + count(JSON.stringify(definitions));
    let history = 0;
    let sum = 0;
    for (const { role, text } of messages) {
        const tokens = count(text);
        if (role === "assistant") sum += fixed + history + tokens;
        history += tokens;
    }
    return sum;
}

/** What `mayfly mcp` has for a model, of sources that are there. */
const toolsOf = (sources) => new Tools(new Catalog(sources), {}, DEFAULT_LIMITS, async () => {});

const user = (text) => ({ role: "user", text });
const says = (text) => ({ role: "assistant", text });
const calls = (name, input) => says(JSON.stringify({ type: "tool_use", name, input }));
const answers = (content) => ({ role: "user", text: JSON.stringify({ type: "tool_result", content }) });
const textOf = ({ content }) => content[0].text;

// --- A calendar: few tools, declared at once --------------------------------------------------------------------------

const time = { type: "string", format: "date-time" };
const event = { calendarId: { type: "string", description: "Calendar identifier" }, summary: { type: "string", description: "Title of the event" }, start: { ...time, description: "Start of the event, RFC 3339" }, end: { ...time, description: "End of the event, RFC 3339" }, attendees: { type: "array", items: { type: "string", format: "email" }, description: "Email addresses of the attendees" }, location: { type: "string", description: "Where it takes place, as free-form text" } };
const id = { eventId: { type: "string", description: "Event identifier" } };
const tool = (name, description, properties, required) => ({ name, description, inputSchema: { type: "object", properties, required } });
const calendarTools = [
    tool("list_calendars", "Returns the calendars on the user's calendar list, with their identifiers, titles and time zones.", {}, []),
    tool("list_events", "Returns events on the specified calendar between two times, ordered by their start.", { calendarId: event.calendarId, from: { ...time, description: "Lower bound for an event's end" }, to: { ...time, description: "Upper bound for an event's start" }, query: { type: "string", description: "Free text search terms" } }, ["calendarId"]),
    tool("get_event", "Returns an event based on its identifier.", { calendarId: event.calendarId, ...id }, ["calendarId", "eventId"]),
    tool("create_event", "Creates an event on the specified calendar and notifies its attendees.", event, ["calendarId", "summary", "start", "end"]),
    tool("update_event", "Updates an event; what is left out stays as it is.", { ...event, ...id }, ["calendarId", "eventId"]),
    tool("delete_event", "Deletes an event.", { calendarId: event.calendarId, ...id }, ["calendarId", "eventId"]),
    tool("find_free_time", "Returns free slots of the given length that all attendees have in common.", { attendees: event.attendees, minutes: { type: "integer", description: "Length of the slot in minutes" }, from: time, to: time }, ["attendees", "minutes"]),
    tool("respond_to_event", "Accepts or declines an invitation.", { calendarId: event.calendarId, ...id, response: { type: "string", enum: ["accepted", "declined", "tentative"], description: "The response" } }, ["calendarId", "eventId", "response"]),
];

const meeting = (n) => ({ summary: `Interview ${n + 1}`, start: `2026-03-${String((n % 28) + 1).padStart(2, "0")}T09:00:00Z`, end: `2026-03-${String((n % 28) + 1).padStart(2, "0")}T10:00:00Z` });
const created = (n) => JSON.stringify({ id: `evt_${1000 + n}`, status: "confirmed", calendarId: "primary", ...meeting(n), htmlLink: `https://calendar.example.com/event?eid=evt_${1000 + n}`, created: "2026-02-01T08:00:00Z", updated: "2026-02-01T08:00:00Z", creator: { email: "me@example.com", self: true }, reminders: { useDefault: true } });

async function calendar() {
    const exchange = async ({ id: number, method }) => ({ id: number, result: method === "tools/list" ? { tools: calendarTools } : { serverInfo: { name: "calendar" } } });
    const source = mcpSource("calendar", await readServer(() => exchange), Names.ofTypes());
    const definitions = await toolsOf([source]).definitions();
    return STEPS.map((steps) => {
        const meetings = Array.from({ length: steps }, (_, n) => meeting(n));
        const prompt = user(`Put these into my primary calendar:\n${meetings.map(({ summary, start, end }) => `${summary}: ${start} to ${end}`).join("\n")}`);
        const done = says(steps === 1 ? "The event is in your calendar." : `All ${steps} events are in your calendar.`);
        const byTool = meetings.flatMap((one, n) => [calls("create_event", { calendarId: "primary", ...one }), answers(created(n))]);
        // One day and one hour each: a program says what a list of calls has to spell out.
        const code =
            steps === 1
                ? `return (await calendar.create_event({ calendarId: "primary", summary: "${meetings[0].summary}", start: "${meetings[0].start}", end: "${meetings[0].end}" })).id;`
                : `const ids = [];\nfor (let n = 0; n < ${steps}; n++) {\n  const day = \`2026-03-\${String((n % 28) + 1).padStart(2, "0")}\`;\n  const { id } = await calendar.create_event({ calendarId: "primary", summary: \`Interview \${n + 1}\`, start: \`\${day}T09:00:00Z\`, end: \`\${day}T10:00:00Z\` });\n  ids.push(id);\n}\nreturn ids.length;`;
        const byCode = [calls("execute", { code }), answers(steps === 1 ? "evt_1000" : String(steps))];
        return [total(calendarTools, [prompt, ...byTool, done]), total(definitions, [prompt, ...byCode, done])];
    });
}

// --- Figma's API: 54 operations, found by search ---------------------------------------------------------------------

const comment = (n) => ({ id: String(900 + n), message: `Please check the spacing of frame ${n}`, file_key: "k", parent_id: "", user: { id: "1", handle: "ana", img_url: "https://s3.example.com/ana.png" }, created_at: "2026-02-01T08:00:00Z", resolved_at: n % 2 ? "2026-02-02T08:00:00Z" : null, order_id: n, reactions: [] });

async function figma() {
    const root = readDocument(documents.figma);
    const api = readOpenApi(root);
    const byToolDefinitions = api.operations.map((operation) => toolDefinition(api, operation));
    const tools = toolsOf([openApiSource({ namespace: "figma", text: JSON.stringify(root) }, Names.ofTypes(), () => {})]);
    const definitions = await tools.definitions();
    const found = textOf(await tools.call("search", { query: "get comments of a file", limit: 5 }));
    const declared = textOf(await tools.call("types", { names: ["figma.getComments"] }));
    return STEPS.map((steps) => {
        const keys = Array.from({ length: steps }, (_, n) => `Fk${(n * 7919 + 104729).toString(36)}`);
        const prompt = user(`How many open comments do these Figma files have? ${keys.join(", ")}`);
        const done = says(`They have ${3 * steps} open comments.`);
        const byTool = keys.flatMap((file_key) => [calls("getComments", { file_key }), answers(JSON.stringify({ comments: [0, 1, 2, 3, 4].map(comment) }))]);
        const code = `const keys = ${JSON.stringify(keys)};\nconst all = await Promise.all(keys.map((file_key) => figma.getComments({ file_key })));\nreturn all.flatMap(({ comments }) => comments).filter((c) => !c.resolved_at).length;`;
        const byCode = [
            calls("search", { query: "get comments of a file", limit: 5 }), answers(found),
            calls("types", { names: ["figma.getComments"] }), answers(declared),
            calls("execute", { code }), answers(String(3 * steps)),
        ];
        return [total(byToolDefinitions, [prompt, ...byTool, done]), total(definitions, [prompt, ...byCode, done])];
    });
}

/** [task, [[tool by tool, by code] for each number of steps]] */
export async function tasks() {
    return [["8 calendar tools, declared at once", await calendar()], ["54 operations of Figma, by search", await figma()]];
}

/** What stands before a model for these documents together, at first. */
export async function footprint(paths) {
    const names = Names.ofTypes();
    const sources = Object.entries(paths).map(([namespace, path]) => openApiSource({ namespace, text: JSON.stringify(readDocument(path)) }, names, () => {}));
    return count(JSON.stringify(await toolsOf(sources).definitions()));
}
