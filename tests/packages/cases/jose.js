import { CompactEncrypt, SignJWT, compactDecrypt, createLocalJWKSet, exportJWK, generateKeyPair, jwtVerify } from "jose";

export const run = async () => {
    const results = [];
    for (const alg of ["RS256", "PS384", "ES256", "ES512", "EdDSA"]) {
        const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true });
        const jwk = { ...(await exportJWK(publicKey)), kid: alg, alg };
        const token = await new SignJWT({ n: 1 }).setProtectedHeader({ alg, kid: alg }).setExpirationTime("1h").sign(privateKey);
        const { payload } = await jwtVerify(token, createLocalJWKSet({ keys: [jwk] }));
        const forged = await jwtVerify(`${token.slice(0, -8)}AAAAAAAA`, publicKey).then(() => "taken", (error) => error.code);
        results.push([alg, payload.n, forged]);
    }
    const secret = crypto.getRandomValues(new Uint8Array(32));
    const sealed = await new CompactEncrypt(new TextEncoder().encode("text")).setProtectedHeader({ alg: "A256KW", enc: "A256GCM" }).encrypt(secret);
    results.push(new TextDecoder().decode((await compactDecrypt(sealed, secret)).plaintext));
    return results;
};
export const expected = [...["RS256", "PS384", "ES256", "ES512", "EdDSA"].map((alg) => [alg, 1, "ERR_JWS_SIGNATURE_VERIFICATION_FAILED"]), "text"];
