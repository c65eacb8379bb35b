import { after } from "node:test";
import { createEncryptedLab } from "./encrypted-lab.ts";
import { testEncryption } from "./encryption-tests.ts";

const lab = await createEncryptedLab();
after(() => lab.close());

testEncryption(() => lab);
