// What Node's crypto has and this one has not: packages that only name it can be loaded, and its use throws.

import { notImplemented, notImplementedClass } from "./errors";

export const createDiffieHellman = notImplemented("crypto.createDiffieHellman");
export const createDiffieHellmanGroup = notImplemented("crypto.createDiffieHellmanGroup");
export const getCipherInfo = notImplemented("crypto.getCipherInfo");
export const getDiffieHellman = notImplemented("crypto.getDiffieHellman");
export const privateEncrypt = notImplemented("crypto.privateEncrypt");
export const publicDecrypt = notImplemented("crypto.publicDecrypt");
export const setEngine = notImplemented("crypto.setEngine");
export const setFips = notImplemented("crypto.setFips");
export const Certificate = notImplementedClass("crypto.Certificate");
export const DiffieHellman = notImplementedClass("crypto.DiffieHellman");
export const DiffieHellmanGroup = notImplementedClass("crypto.DiffieHellmanGroup");
export const X509Certificate = notImplementedClass("crypto.X509Certificate");
