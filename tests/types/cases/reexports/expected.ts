/** What the code finds in env. */
export interface Env {
  MAIL: Mail;
  CAL?: Calendar;
  MAILER?: unknown;
  KIND?: 7 | 8;
}
/** Sends mail. */
interface Mail {
  send(to: Address, text: string): Promise<{ id: string }>;
}
interface Calendar {
  next(): Promise<Event>;
}
type Address = `${string}@${string}`;
interface Event {
    title: string;
}
