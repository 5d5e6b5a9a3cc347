import { Mail } from "./mail.ts";
export { Mail };
