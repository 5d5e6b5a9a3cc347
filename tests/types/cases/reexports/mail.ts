import { WorkerEntrypoint } from "cloudflare:workers";
export * from "./host.ts";
/** Sends mail. */
export class Mail extends WorkerEntrypoint {
    send(to: Address, text: string): Promise<{ id: string }> {
        return Promise.resolve({ id: "" });
    }
}
export type Address = `${string}@${string}`;
export default Mail;
