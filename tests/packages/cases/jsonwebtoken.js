import { generateKeyPairSync } from "node:crypto";
import jwt from "jsonwebtoken";

const pem = { publicKeyEncoding: { format: "pem", type: "spki" }, privateKeyEncoding: { format: "pem", type: "pkcs8" } };
const rsa = generateKeyPairSync("rsa", { modulusLength: 2048, ...pem });
const ec = generateKeyPairSync("ec", { namedCurve: "P-256", ...pem });
const secret = { publicKey: "secret", privateKey: "secret" };

const asymmetric = [["RS256", rsa], ["RS512", rsa], ["PS384", rsa], ["ES256", ec]];

export const run = async () => {
    const results = [jwt.sign({ a: 1, iat: 1 }, "secret")];
    for (const [algorithm, { publicKey, privateKey }] of [["HS256", secret], ["HS512", secret], ...asymmetric]) {
        const token = jwt.sign({ a: 1 }, privateKey, { algorithm, expiresIn: "1h" });
        let forged;
        try {
            jwt.verify(`${token.slice(0, -8)}AAAAAAAA`, publicKey);
        } catch (error) {
            forged = error.message;
        }
        results.push([algorithm, jwt.verify(token, publicKey).a, forged]);
    }
    return results;
};

const verified = ["HS256", "HS512", ...asymmetric.map(([algorithm]) => algorithm)];
export const expected = [
    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJhIjoxLCJpYXQiOjF9.r7jTYUvXphcjE8hZ74-bK2pBJUcvpSTPVzns-BRb7_I",
    ...verified.map((algorithm) => [algorithm, 1, "invalid signature"]),
];
