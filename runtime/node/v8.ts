// node:v8: unenv's numbers, which are zeros. What would have to hold the values it is given throws: unenv's forgets them.

import * as unenv from "unenv/node/v8";
import { notImplemented, notImplementedClass } from "./errors";

const names = ["deserialize", "getHeapSnapshot", "serialize", "setFlagsFromString", "writeHeapSnapshot"] as const;
const [deserialize, getHeapSnapshot, serialize, setFlagsFromString, writeHeapSnapshot] = names.map((name) => notImplemented(`v8.${name}`));
export { deserialize, getHeapSnapshot, serialize, setFlagsFromString, writeHeapSnapshot };
export const DefaultDeserializer = notImplementedClass("v8.DefaultDeserializer");
export const DefaultSerializer = notImplementedClass("v8.DefaultSerializer");
export const Deserializer = notImplementedClass("v8.Deserializer");
export const Serializer = notImplementedClass("v8.Serializer");
export const {
    cachedDataVersionTag, GCProfiler, getHeapCodeStatistics, getHeapSpaceStatistics, getHeapStatistics, promiseHooks, queryObjects,
    setHeapSnapshotNearHeapLimit, startupSnapshot, stopCoverage, takeCoverage,
} = unenv;
export default {
    ...unenv.default, DefaultDeserializer, DefaultSerializer, Deserializer, Serializer,
    deserialize, getHeapSnapshot, serialize, setFlagsFromString, writeHeapSnapshot,
};
