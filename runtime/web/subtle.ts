// Where crypto.subtle and its classes come from: a part, loaded when one of them is first asked for.

import { lazy } from "./lazy";
import { part } from "../parts";

export const subtle = lazy(() => part<typeof import("../subtle/main")>("subtle"));
