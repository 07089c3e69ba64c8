/**
 * Sealed boxes: what a joining control plane receives can be opened with the private key of its own request alone, also if
 * the connection or a log of it is seen by others. ECDH on P-256 with a key of one use, HKDF, AES-256-GCM.
 */
import {
  createCipheriv,
  createDecipheriv,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  hkdfSync,
  type KeyObject,
} from "node:crypto";

export interface SealedBox {
  /** SubjectPublicKeyInfo of the key of one use; this and the others in base64. */
  readonly key: string;
  readonly tag: string;
  readonly text: string;
}

const INFO = "cantrip sealed box 1";

function secretOf(privateKey: KeyObject, publicKey: KeyObject, salt: Buffer) {
  const derived = Buffer.from(hkdfSync("sha256", diffieHellman({ privateKey, publicKey }), salt, INFO, 44));
  return { key: derived.subarray(0, 32), nonce: derived.subarray(32) };
}

const publicKeyOf = (der: Buffer) => createPublicKey({ key: der, format: "der", type: "spki" });

/** Only the owner of the private half of `recipient` (SubjectPublicKeyInfo, DER) can open it. */
export function seal(recipient: Buffer, text: string): SealedBox {
  const once = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
  const der = once.publicKey.export({ format: "der", type: "spki" });
  const { key, nonce } = secretOf(once.privateKey, publicKeyOf(recipient), der);
  const cipher = createCipheriv("aes-256-gcm", key, nonce);
  const sealed = Buffer.concat([cipher.update(text, "utf8"), cipher.final()]);
  return {
    key: der.toString("base64"),
    tag: cipher.getAuthTag().toString("base64"),
    text: sealed.toString("base64"),
  };
}

/** @throws TypeError if it was sealed for another key, or changed since */
export function open(privateKey: string, box: SealedBox): string {
  try {
    const der = Buffer.from(box.key, "base64");
    const { key, nonce } = secretOf(createPrivateKey(privateKey), publicKeyOf(der), der);
    const decipher = createDecipheriv("aes-256-gcm", key, nonce, { authTagLength: 16 });
    decipher.setAuthTag(Buffer.from(box.tag, "base64"));
    const text = Buffer.concat([decipher.update(Buffer.from(box.text, "base64")), decipher.final()]);
    return text.toString("utf8");
  } catch (cause) {
    throw new TypeError("Cannot open a sealed box: expected one made for this node's key", { cause });
  }
}
