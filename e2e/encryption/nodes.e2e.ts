import { after } from "node:test";
import { createEncryptedLab } from "./encrypted-lab.ts";
import { testEncryption } from "./encryption-tests.ts";
import { testRotation } from "./rotation-tests.ts";

const lab = await createEncryptedLab();
after(() => lab.close());

testEncryption(() => lab);
testRotation(() => lab);
