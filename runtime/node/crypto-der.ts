// Keys in PEM, and as much of DER as it takes to make of any form of a key the two that the natives read: PKCS #8 for
// private keys and SubjectPublicKeyInfo for public ones.

import { concatBytes } from "../web/bytes";
import { Buffer } from "./buffer";

const [INTEGER, BIT_STRING, OCTET_STRING, NULL, SEQUENCE, PARAMETERS, VERSION] = [0x02, 0x03, 0x04, 0x05, 0x30, 0xa0, 0xa0];

const RSA_OID = [0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
const EC_OID = [0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];

function element(tag: number, ...contents: (Uint8Array | number[])[]): Uint8Array {
    const content = concatBytes(contents.map((part) => Uint8Array.from(part)));
    const length = content.length;
    const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
    return concatBytes([Uint8Array.of(tag, ...size), content]);
}

interface Element {
    tag: number;
    content: Uint8Array;
    whole: Uint8Array;
}

/** The elements that stand side by side; throws where they are none. */
function elements(der: Uint8Array): Element[] {
    const all: Element[] = [];
    for (let at = 0; at < der.length; ) {
        const first = der[at + 1]!;
        const sizes = first < 0x80 ? 0 : first & 0x7f;
        const length = sizes === 0 ? first : der.subarray(at + 2, at + 2 + sizes).reduce((sum, byte) => sum * 256 + byte, 0);
        const from = at + 2 + sizes;
        if (sizes > 3 || !(from + length <= der.length)) throw new Error("The DER is cut short.");
        all.push({ tag: der[at]!, content: der.subarray(from, from + length), whole: der.subarray(at, from + length) });
        at = from + length;
    }
    return all;
}

/** What stands within the one sequence that the DER is. */
function members(der: Uint8Array): Element[] {
    const [all] = elements(der);
    if (all?.tag !== SEQUENCE) throw new Error("The DER is no sequence.");
    return elements(all.content);
}

const rsaAlgorithm = () => element(SEQUENCE, RSA_OID, [NULL, 0]);

const privateInfo = (algorithm: Uint8Array, key: Uint8Array) =>
    element(SEQUENCE, [INTEGER, 1, 0], algorithm, element(OCTET_STRING, key));

export const pkcs8OfPkcs1 = (der: Uint8Array): Uint8Array => privateInfo(rsaAlgorithm(), der);
export const spkiOfPkcs1 = (der: Uint8Array): Uint8Array => element(SEQUENCE, rsaAlgorithm(), element(BIT_STRING, [0], der));

export const pkcs1OfPkcs8 = (pkcs8: Uint8Array): Uint8Array => members(pkcs8)[2]!.content;
export const pkcs1OfSpki = (spki: Uint8Array): Uint8Array => members(spki)[1]!.content.subarray(1);

/** SEC1 names the curve within, PKCS #8 around it. */
export function pkcs8OfSec1(der: Uint8Array): Uint8Array {
    const all = members(der);
    const curve = all.find(({ tag }) => tag === PARAMETERS);
    if (curve === undefined) throw new Error("The key does not name its curve.");
    const key = element(SEQUENCE, ...all.filter((one) => one !== curve).map(({ whole }) => whole));
    return privateInfo(element(SEQUENCE, EC_OID, curve.content), key);
}

export function sec1OfPkcs8(pkcs8: Uint8Array): Uint8Array {
    const [, algorithm, key] = members(pkcs8);
    const [version, number, ...rest] = members(key!.content).map(({ whole }) => whole);
    return element(SEQUENCE, version!, number!, element(PARAMETERS, members(algorithm!.whole)[1]!.whole), ...rest);
}

/** The public key of an X.509 certificate, behind serial number, signature, issuer, validity and subject. */
export function spkiOfCertificate(der: Uint8Array): Uint8Array {
    const fields = elements(members(der)[0]!.content);
    return fields[fields[0]!.tag === VERSION ? 6 : 5]!.whole;
}

/** The sequence of two numbers that an ECDSA signature is, from the two side by side. */
export function derSignature(flat: Uint8Array): Uint8Array {
    const half = flat.length / 2;
    const number = (bytes: Uint8Array): Uint8Array => {
        const digits = bytes.subarray(Math.min(bytes.findIndex((byte) => byte !== 0) >>> 0, bytes.length - 1));
        return element(INTEGER, digits[0]! & 0x80 ? [0] : [], digits);
    };
    return element(SEQUENCE, number(flat.subarray(0, half)), number(flat.subarray(half)));
}

/** The two numbers side by side, each of so many bytes; undefined if the signature is none of that size. */
export function flatSignature(der: Uint8Array, width: number): Uint8Array | undefined {
    try {
        const numbers = members(der).map(({ content }) => content.subarray(Math.max(0, content.length - width)));
        if (numbers.length !== 2) return undefined;
        const flat = new Uint8Array(2 * width);
        numbers.forEach((number, i) => flat.set(number, (i + 1) * width - number.length));
        return flat;
    } catch {
        return undefined;
    }
}

/** The first block of a PEM text; undefined if there is none, or it is encrypted. */
export function readPem(text: string): { label: string; der: Uint8Array } | undefined {
    const [, label, base64] = /-----BEGIN ([A-Z0-9. ]+)-----\s+([A-Za-z0-9+/=\s]+)-----END \1-----/.exec(text) ?? [];
    return label === undefined ? undefined : { label, der: Buffer.from(base64!, "base64") };
}

export function writePem(label: string, der: Uint8Array): string {
    const lines = Buffer.from(der).toString("base64").match(/.{1,64}/g) ?? [];
    return `-----BEGIN ${label}-----\n${lines.join("\n")}\n-----END ${label}-----\n`;
}
