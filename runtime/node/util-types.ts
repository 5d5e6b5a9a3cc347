// node:util/types, as far as a value shows what it is.

const tagOf = (value: unknown): string => Object.prototype.toString.call(value).slice(8, -1);
const typedArrayTag = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(Uint8Array.prototype), Symbol.toStringTag)!.get!;
const typedArrayKind = (value: unknown): string | undefined => typedArrayTag.call(value) as string | undefined;

const is = (tag: string) => (value: unknown): boolean => typeof value === "object" && value !== null && tagOf(value) === tag;
const isKind = (kind: string) => (value: unknown): boolean => typedArrayKind(value) === kind;
const isFunctionOf = (prototype: object) => (value: unknown): boolean =>
    typeof value === "function" && Object.prototype.isPrototypeOf.call(prototype, value);

export const isAnyArrayBuffer = (value: unknown): boolean => is("ArrayBuffer")(value) || is("SharedArrayBuffer")(value);
export const isArgumentsObject = is("Arguments");
export const isArrayBuffer = is("ArrayBuffer");
export const isArrayBufferView = (value: unknown): boolean => ArrayBuffer.isView(value);
export const isAsyncFunction = (value: unknown): boolean => typeof value === "function" && /^Async/.test(tagOf(value));
export const isBigInt64Array = isKind("BigInt64Array");
export const isBigUint64Array = isKind("BigUint64Array");
export const isBooleanObject = is("Boolean");
export const isBoxedPrimitive = (value: unknown): boolean =>
    typeof value === "object" && value !== null && /^(?:Boolean|Number|String|Symbol|BigInt)$/.test(tagOf(value));
export const isCryptoKey = is("CryptoKey");
export const isDataView = is("DataView");
export const isDate = is("Date");
export const isExternal = (): boolean => false;
export const isFloat32Array = isKind("Float32Array");
export const isFloat64Array = isKind("Float64Array");
export const isGeneratorFunction = isFunctionOf(Object.getPrototypeOf(function* () {}) as object);
export const isGeneratorObject = is("Generator");
export const isInt8Array = isKind("Int8Array");
export const isInt16Array = isKind("Int16Array");
export const isInt32Array = isKind("Int32Array");
export const isKeyObject = (): boolean => false;
export const isMap = is("Map");
export const isMapIterator = is("Map Iterator");
export const isModuleNamespaceObject = is("Module");
export const isNativeError = (value: unknown): boolean => value instanceof Error && is("Error")(value);
export const isNumberObject = is("Number");
export const isPromise = is("Promise");
export const isProxy = (): boolean => false;
export const isRegExp = is("RegExp");
export const isSet = is("Set");
export const isSetIterator = is("Set Iterator");
export const isSharedArrayBuffer = is("SharedArrayBuffer");
export const isStringObject = is("String");
export const isSymbolObject = is("Symbol");
export const isTypedArray = (value: unknown): boolean => typedArrayKind(value) !== undefined;
export const isUint8Array = isKind("Uint8Array");
export const isUint8ClampedArray = isKind("Uint8ClampedArray");
export const isUint16Array = isKind("Uint16Array");
export const isUint32Array = isKind("Uint32Array");
export const isWeakMap = is("WeakMap");
export const isWeakSet = is("WeakSet");
