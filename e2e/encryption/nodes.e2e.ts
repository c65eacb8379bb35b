import { after } from "node:test";
import { createEncryptedLab } from "./encrypted-lab.ts";
import { testEncryption } from "./encryption-tests.ts";
import { testDamagedDevice, testUnknownCluster } from "./fault-tests.ts";
import { testRotation, testRotationUnderLoad } from "./rotation-tests.ts";
import { testTurningOff } from "./turn-off-tests.ts";

const lab = await createEncryptedLab();
after(() => lab.close());

testEncryption(() => lab);
testUnknownCluster(() => lab);
testRotationUnderLoad(() => lab);
testDamagedDevice(() => lab);
testRotation(() => lab);
testTurningOff(() => lab);
