import { main } from "@cantrip/lib";
import { BackupCharm } from "./charm.ts";

await main(BackupCharm);
