// The core: schemas and the queries that they make. The driver hands rows back as an HTTP proxy to a database would.
import { and, desc, eq, gt } from "drizzle-orm";
import { integer, sqliteTable, text } from "drizzle-orm/sqlite-core";
import { drizzle } from "drizzle-orm/sqlite-proxy";

const users = sqliteTable("users", { id: integer("id").primaryKey(), name: text("name").notNull(), made: integer("made", { mode: "timestamp" }) });

export const run = async () => {
    const asked = [];
    const db = drizzle(async (sql, params, method) => {
        asked.push([sql, params, method]);
        return { rows: method === "all" ? [[1, "Ada", 60]] : [] };
    });
    const rows = await db.select().from(users).where(and(gt(users.id, 0), eq(users.name, "Ada"))).orderBy(desc(users.id)).limit(5);
    await db.insert(users).values({ name: "Bob" });
    return [rows[0].name, rows[0].made.getTime(), asked];
};
export const expected = [
    "Ada",
    60000,
    [
        ['select "id", "name", "made" from "users" where ("users"."id" > ? and "users"."name" = ?) order by "users"."id" desc limit ?', [0, "Ada", 5], "all"],
        ['insert into "users" ("id", "name", "made") values (null, ?, null)', ["Bob"], "run"],
    ],
];
