import { generateKeyPairSync, type KeyObject, sign } from "node:crypto";

/** DER tags of the few types that a certificate needs (X.690). */
const SEQUENCE = 0x30;
const SET = 0x31;
const INTEGER = 0x02;
const BIT_STRING = 0x03;
const OCTET_STRING = 0x04;
const OBJECT_ID = 0x06;
const UTF8_STRING = 0x0c;
const UTC_TIME = 0x17;

/** Contents of object identifiers: ecdsa-with-SHA256, commonName, subjectAltName, basicConstraints. */
const ECDSA_SHA256 = "2a8648ce3d040302";
const COMMON_NAME = "550403";
const SUBJECT_ALT_NAME = "551d11";
const BASIC_CONSTRAINTS = "551d13";

/** A self-signed certificate for 127.0.0.1, which is its own CA, and its key; both PEM (RFC 5280). */
export function createSelfSigned(): { readonly key: string; readonly cert: string } {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
  const algorithm = der(SEQUENCE, oid(ECDSA_SHA256));
  const name = der(
    SEQUENCE,
    der(SET, der(SEQUENCE, oid(COMMON_NAME), der(UTF8_STRING, Buffer.from("test")))),
  );
  const time = (text: string): Buffer => der(UTC_TIME, Buffer.from(text));
  const extensions = der(
    SEQUENCE,
    // IP address 127.0.0.1 as GeneralName [7].
    extension(SUBJECT_ALT_NAME, der(SEQUENCE, der(0x87, Buffer.from([127, 0, 0, 1])))),
    extension(BASIC_CONSTRAINTS, der(SEQUENCE, Buffer.from([0x01, 0x01, 0xff]))),
  );
  const body = der(
    SEQUENCE,
    der(0xa0, der(INTEGER, Buffer.from([2]))), // version 3
    der(INTEGER, Buffer.from([1])),
    algorithm,
    name,
    der(SEQUENCE, time("250101000000Z"), time("491231235959Z")),
    name,
    publicKey.export({ type: "spki", format: "der" }),
    der(0xa3, extensions),
  );
  const certificate = der(SEQUENCE, body, algorithm, bits(signature(body, privateKey)));
  return {
    key: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    cert: `-----BEGIN CERTIFICATE-----\n${certificate.toString("base64")}\n-----END CERTIFICATE-----\n`,
  };
}

function signature(body: Buffer, key: KeyObject): Buffer {
  return sign("sha256", body, key);
}

function extension(id: string, value: Buffer): Buffer {
  return der(SEQUENCE, oid(id), der(OCTET_STRING, value));
}

function oid(hex: string): Buffer {
  return der(OBJECT_ID, Buffer.from(hex, "hex"));
}

function bits(value: Buffer): Buffer {
  return der(BIT_STRING, Buffer.from([0]), value);
}

function der(tag: number, ...contents: readonly Buffer[]): Buffer {
  const content = Buffer.concat(contents);
  const { length } = content;
  const header =
    length < 128
      ? [tag, length]
      : length < 256
        ? [tag, 0x81, length]
        : [tag, 0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from(header), content]);
}
