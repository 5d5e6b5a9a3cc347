// Keys of node:crypto: KeyObject, what makes one, and what any function takes for one.

import { encode64, field, type JsonWebKey } from "../subtle/jwk";
import { areEqual, attempt, pack, unpack } from "../subtle/natives";
import { concatBytes } from "../web/bytes";
import { native } from "../web/host";
import { Buffer } from "./buffer";
import { bytesOf, encoded, invalidArgument, tellLater, withCode, type Data, type Done } from "./crypto-data";
import {
    pkcs1OfPkcs8, pkcs1OfSpki, pkcs8OfPkcs1, pkcs8OfSec1, readPem, sec1OfPkcs8, spkiOfCertificate, spkiOfPkcs1, writePem,
} from "./crypto-der";

type Kind = "secret" | "public" | "private";

/** The natives' name of a key's type, and its numbers. */
interface Facts {
    type: string;
    fields: Uint8Array[];
}

interface ExportOptions {
    format?: "pem" | "der" | "jwk" | "buffer";
    type?: "spki" | "pkcs1" | "pkcs8" | "sec1";
    cipher?: string;
    passphrase?: unknown;
}

const construct = Symbol("construct");
/** By the natives' names. */
export const CURVES: Record<string, string> = { "P-256": "prime256v1", "P-384": "secp384r1", "P-521": "secp521r1" };
const RSA_FIELDS = ["n", "e", "d", "p", "q", "dp", "dq", "qi"];

let bytesIn: (key: KeyObject) => Uint8Array;

/** A secret as it is, a private key as PKCS #8, a public key as SubjectPublicKeyInfo. */
export class KeyObject {
    readonly #kind: Kind;
    readonly #bytes: Uint8Array;
    #facts: Facts | undefined;

    static {
        bytesIn = (key) => key.#bytes;
    }

    constructor(token: unknown, kind?: Kind, bytes?: Uint8Array) {
        if (token !== construct) throw withCode(new TypeError("Illegal constructor"), "ERR_ILLEGAL_CONSTRUCTOR");
        this.#kind = kind!;
        this.#bytes = bytes!;
    }

    get type(): Kind {
        return this.#kind;
    }

    get symmetricKeySize(): number | undefined {
        return this.#kind === "secret" ? this.#bytes.length : undefined;
    }

    get asymmetricKeyType(): string | undefined {
        if (this.#kind === "secret") return undefined;
        const { type } = factsOf(this);
        return Object.hasOwn(CURVES, type) ? "ec" : type.toLowerCase();
    }

    get asymmetricKeyDetails(): object | undefined {
        if (this.#kind === "secret") return undefined;
        const { type, fields } = factsOf(this);
        if (Object.hasOwn(CURVES, type)) return { namedCurve: CURVES[type] };
        if (type !== "RSA") return {};
        const [modulus, exponent] = [fields[0]!, fields[1]!];
        const publicExponent = exponent.reduce((sum, byte) => sum * 256n + BigInt(byte), 0n);
        return { modulusLength: modulus.length * 8 - Math.clz32(modulus[0]!) + 24, publicExponent };
    }

    equals(other: KeyObject): boolean {
        return this.#kind === other.type && areEqual(this.#bytes, other.#bytes);
    }

    export(options: ExportOptions = {}): Uint8Array | string | JsonWebKey {
        if (options.format === "jwk") return this.#kind === "secret" ? { kty: "oct", k: encode64(this.#bytes) } : jwkOf(this);
        if (this.#kind === "secret") return encoded(this.#bytes);
        if (options.cipher !== undefined) throw new Error("Keys cannot be exported encrypted.");
        const [label, der] = this.#form(options.type);
        if (options.format === "der") return encoded(der);
        if (options.format === "pem") return writePem(label, der);
        throw withCode(new TypeError("The property 'options.format' is invalid."), "ERR_INVALID_ARG_VALUE");
    }

    #form(type: string | undefined): [label: string, der: Uint8Array] {
        const isPublic = this.#kind === "public";
        const isRsa = factsOf(this).type === "RSA";
        if (type === (isPublic ? "spki" : "pkcs8")) return [isPublic ? "PUBLIC KEY" : "PRIVATE KEY", this.#bytes];
        if (type === "pkcs1" && isRsa) {
            return isPublic ? ["RSA PUBLIC KEY", pkcs1OfSpki(this.#bytes)] : ["RSA PRIVATE KEY", pkcs1OfPkcs8(this.#bytes)];
        }
        if (type === "sec1" && !isPublic && this.asymmetricKeyType === "ec") return ["EC PRIVATE KEY", sec1OfPkcs8(this.#bytes)];
        throw withCode(new TypeError("The property 'options.type' is invalid for this key."), "ERR_INVALID_ARG_VALUE");
    }

    /** What the natives say of an asymmetric key. */
    static factsOf(key: KeyObject): Facts {
        return (key.#facts ??= unpack(attempt(key.#kind === "public" ? "read public" : "read private", key.#bytes)!));
    }
}

const { factsOf } = KeyObject;
export { bytesIn, factsOf };

// --- Reading ---------------------------------------------------------------------------------------------------------

const unreadable = () => withCode(new Error("error:1E08010C:DECODER routines::unsupported"), "ERR_OSSL_UNSUPPORTED");

/** A key from DER, if the natives know one in it. */
function fromDer(kind: "public" | "private", der: Uint8Array): KeyObject | undefined {
    const isKnown = attempt(kind === "public" ? "read public" : "read private", der) !== undefined;
    return isKnown ? new KeyObject(construct, kind, Uint8Array.from(der)) : undefined;
}

/** The forms of keys, by the labels that they have in PEM. */
const FORMS: Record<string, (der: Uint8Array) => KeyObject | undefined> = {
    "PRIVATE KEY": (der) => fromDer("private", der),
    "RSA PRIVATE KEY": (der) => fromDer("private", pkcs8OfPkcs1(der)),
    "EC PRIVATE KEY": (der) => fromDer("private", pkcs8OfSec1(der)),
    "PUBLIC KEY": (der) => fromDer("public", der),
    "RSA PUBLIC KEY": (der) => fromDer("public", spkiOfPkcs1(der)),
    CERTIFICATE: (der) => fromDer("public", spkiOfCertificate(der)),
};
const LABELS: Record<string, Record<string, string>> = {
    public: { spki: "PUBLIC KEY", pkcs1: "RSA PUBLIC KEY" },
    private: { pkcs8: "PRIVATE KEY", pkcs1: "RSA PRIVATE KEY", sec1: "EC PRIVATE KEY" },
};

interface KeyInput {
    key: Data | JsonWebKey;
    format?: "pem" | "der" | "jwk";
    type?: string;
    encoding?: string;
    passphrase?: unknown;
}

function fromJwk(jwk: JsonWebKey): KeyObject {
    const numbers = (...names: string[]) => names.map((name) => (jwk[name] === undefined ? undefined : field(jwk, name)));
    const [type, fields] =
        jwk.kty === "RSA" ? ["RSA", numbers(...RSA_FIELDS)]
        : jwk.kty === "EC" ? [String(jwk.crv), [concatBytes([Uint8Array.of(4), field(jwk, "x"), field(jwk, "y")]), ...numbers("d")]]
        : [String(jwk.crv).toUpperCase(), numbers("x", "d")];
    const der = attempt("build", type, pack(fields));
    if (der === undefined) throw withCode(new Error("Invalid JWK data"), "ERR_CRYPTO_INVALID_JWK");
    return new KeyObject(construct, jwk.d === undefined ? "public" : "private", der);
}

function jwkOf(key: KeyObject): JsonWebKey {
    const { type, fields } = factsOf(key);
    const isNamed = type !== "RSA";
    const isEc = Object.hasOwn(CURVES, type);
    const names = isEc ? ["x", "y", "d"] : isNamed ? ["x", "d"] : RSA_FIELDS;
    const jwk: JsonWebKey = { kty: isEc ? "EC" : isNamed ? "OKP" : "RSA" };
    if (isNamed) jwk.crv = isEc ? type : type[0] + type.slice(1).toLowerCase();
    for (const [i, number] of fields.entries()) {
        const zeros = isNamed ? 0 : number.findIndex((byte) => byte !== 0);
        jwk[names[i]!] = encode64(number.subarray(Math.max(0, zeros)));
    }
    return jwk;
}

function read(kind: "public" | "private", input: unknown): KeyObject {
    const isBare = typeof input === "string" || ArrayBuffer.isView(input) || input instanceof ArrayBuffer;
    const { key, format = "pem", type, encoding } = (isBare ? { key: input } : (input ?? {})) as KeyInput;
    if (format === "jwk") return fromJwk(key as JsonWebKey);
    const bytes = bytesOf(key as Data, encoding);
    try {
        const pem = format === "pem" ? readPem(Buffer.from(bytes).toString("latin1")) : undefined;
        const label = format === "pem" ? pem?.label : LABELS[kind]![type ?? ""];
        const found = FORMS[label ?? ""]?.(pem?.der ?? bytes);
        if (found !== undefined) return found;
    } catch {
        // DER that is none.
    }
    throw unreadable();
}

export function createSecretKey(key: Data, encoding?: string): KeyObject {
    return new KeyObject(construct, "secret", Uint8Array.from(bytesOf(key, encoding)));
}

export function createPrivateKey(input: unknown): KeyObject {
    const key = read("private", input);
    if (key.type !== "private") throw unreadable();
    return key;
}

/** Of a private key its public half. */
export function createPublicKey(input: unknown): KeyObject {
    const key = input instanceof KeyObject ? input : read("public", input);
    if (key.type === "public") return key;
    if (key.type === "secret") throw invalidArgument("A secret key has no public half.");
    return new KeyObject(construct, "public", attempt("public", bytesIn(key))!);
}

/** The key that a function was given, alone or among other options. */
export function keyOf<O>(kind: "public" | "private", input: unknown): { key: KeyObject; options: Partial<O> } {
    const inner = input instanceof KeyObject ? input : (input as { key?: unknown } | null | undefined)?.key;
    const given = inner instanceof KeyObject ? inner : input;
    const options = (typeof input === "object" && input !== null ? input : {}) as Partial<O>;
    if (kind === "public") return { key: createPublicKey(given), options };
    const key = given instanceof KeyObject ? given : createPrivateKey(given);
    if (key.type !== "private") throw invalidArgument(`Invalid key object type ${key.type}, expected private.`);
    return { key, options };
}

/** The bytes of a secret, which may be a KeyObject. */
export function secretOf(key: Data | KeyObject, encoding?: string): Uint8Array {
    if (!(key instanceof KeyObject)) return bytesOf(key, encoding);
    if (key.type !== "secret") throw invalidArgument(`Invalid key object type ${key.type}, expected secret.`);
    return bytesIn(key);
}

// --- Making ----------------------------------------------------------------------------------------------------------

interface PairOptions {
    modulusLength?: number;
    publicExponent?: number;
    namedCurve?: string;
    publicKeyEncoding?: ExportOptions;
    privateKeyEncoding?: ExportOptions;
}

interface Pair {
    publicKey: unknown;
    privateKey: unknown;
}

function generate(type: string, options: PairOptions): Uint8Array | undefined {
    if (type === "rsa" || type === "rsa-pss") {
        if (options.modulusLength === undefined) throw invalidArgument("The property 'options.modulusLength' must be of type number.");
        return attempt("generate rsa", options.modulusLength, options.publicExponent ?? 0x10001);
    }
    if (type === "ed25519" || type === "x25519") return attempt("generate", type.toUpperCase());
    if (type !== "ec") throw withCode(new TypeError(`The argument 'type' must be a supported key type. Received '${type}'`), "ERR_INVALID_ARG_VALUE");
    const named = options.namedCurve;
    const curve = Object.keys(CURVES).find((name) => name === named || CURVES[name] === named);
    if (curve === undefined) throw withCode(new TypeError("Invalid EC curve name"), "ERR_CRYPTO_INVALID_CURVE");
    return attempt("generate", curve);
}

export function generateKeyPairSync(type: string, options: PairOptions = {}): Pair {
    const der = generate(type, options);
    if (der === undefined) throw new Error("Key generation failed");
    const privateKey = new KeyObject(construct, "private", der);
    const publicKey = createPublicKey(privateKey);
    const { publicKeyEncoding, privateKeyEncoding } = options;
    return {
        publicKey: publicKeyEncoding === undefined ? publicKey : publicKey.export(publicKeyEncoding),
        privateKey: privateKeyEncoding === undefined ? privateKey : privateKey.export(privateKeyEncoding),
    };
}

export function generateKeyPair(
    type: string, options: PairOptions, done: (error: unknown, publicKey?: unknown, privateKey?: unknown) => void,
): void {
    tellLater<Pair>((error, pair) => done(error, pair?.publicKey, pair?.privateKey), () => generateKeyPairSync(type, options));
}
Object.defineProperty(generateKeyPair, Symbol.for("nodejs.util.promisify.custom"), {
    value: async (type: string, options: PairOptions) => generateKeyPairSync(type, options),
});

export function generateKeySync(type: string, { length }: { length: number }): KeyObject {
    if (type !== "hmac" && type !== "aes") throw withCode(new TypeError(`The argument 'type' is invalid. Received '${type}'`), "ERR_INVALID_ARG_VALUE");
    const bytes = new Uint8Array(Math.floor(length / 8));
    native.random(bytes);
    return new KeyObject(construct, "secret", bytes);
}

export function generateKey(type: string, options: { length: number }, done: Done<KeyObject>): void {
    tellLater(done, () => generateKeySync(type, options));
}

/** The secret that two keys have in common. */
export function diffieHellman({ privateKey, publicKey }: { privateKey: unknown; publicKey: unknown }): Uint8Array | string {
    const secret = attempt("agree", bytesIn(keyOf("private", privateKey).key), bytesIn(keyOf("public", publicKey).key));
    if (secret === undefined) throw withCode(new Error("Incompatible key types for Diffie-Hellman"), "ERR_CRYPTO_INCOMPATIBLE_KEY");
    return encoded(secret);
}
