// node:v8: unenv's numbers, which are zeros. What would have to hold the values it is given throws: unenv's forgets them.

import * as unenv from "unenv/node/v8";

function absent(name: string): () => never {
    return () => {
        throw Object.assign(new Error(`The v8.${name} method is not implemented`), { code: "ERR_METHOD_NOT_IMPLEMENTED" });
    };
}

/** A class that cannot be made. */
function absentClass(name: string): new () => object {
    return class {
        constructor() {
            absent(name)();
        }
    };
}

const names = ["deserialize", "getHeapSnapshot", "serialize", "setFlagsFromString", "writeHeapSnapshot"] as const;
const [deserialize, getHeapSnapshot, serialize, setFlagsFromString, writeHeapSnapshot] = names.map(absent);
export { deserialize, getHeapSnapshot, serialize, setFlagsFromString, writeHeapSnapshot };
export const DefaultDeserializer = absentClass("DefaultDeserializer");
export const DefaultSerializer = absentClass("DefaultSerializer");
export const Deserializer = absentClass("Deserializer");
export const Serializer = absentClass("Serializer");
export const {
    cachedDataVersionTag, GCProfiler, getHeapCodeStatistics, getHeapSpaceStatistics, getHeapStatistics, promiseHooks, queryObjects,
    setHeapSnapshotNearHeapLimit, startupSnapshot, stopCoverage, takeCoverage,
} = unenv;
export default {
    ...unenv.default, DefaultDeserializer, DefaultSerializer, Deserializer, Serializer,
    deserialize, getHeapSnapshot, serialize, setFlagsFromString, writeHeapSnapshot,
};
