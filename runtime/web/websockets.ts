// Where WebSocket comes from: a part, loaded when a worker names it, or a request asks to go on as one.

import { lazy } from "./lazy";
import { part } from "../parts";

export const websockets = lazy(() => part<typeof import("../websocket/main")>("websocket"));
