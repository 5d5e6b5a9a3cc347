import { WorkerEntrypoint } from "cloudflare:workers";
class Internal extends WorkerEntrypoint {
    next(): Event {
        return {} as Event;
    }
}
interface Event {
    title: string;
}
export { Internal };
export default class Todo extends WorkerEntrypoint {}
